//! Comments name their subjects.
//!
//! An indefinite pronoun leaves out the one word that a reader needs: the caller, the peer, the owner, the
//! bytes. [`DENIED`] has the pronouns, and the names that belong in their place.
//!
//! Invariant: code is not read, neither outside comments nor in their backticks and blocks.

use crate::excused::is_excused;
use crate::sources;
use crate::workspace::{assert_none, text};

/// Words and phrases that stand for a name, and the kind of name that belongs there.
const DENIED: [(&str, &str); 22] = [
    ("whoever", "the role that acts: the caller, the peer, the owner"),
    ("whomever", "the role that is acted upon"),
    ("whom", "the role that is acted upon, or a sentence of its own"),
    ("nobody", "the role that is missing: no caller, no owner, no listener"),
    ("no one", "the role that is missing: no caller, no owner, no listener"),
    ("somebody", "the role that acts: another thread, the user, a callback"),
    ("someone", "the role that acts: another thread, the user, a callback"),
    ("anybody", "the role: any thread, any holder"),
    ("anyone", "the role: any thread, any holder"),
    ("everybody", "the group: all waiters, all connections"),
    ("everyone", "the group: all waiters, all connections"),
    ("so many", "the number, by the name of its constant or field"),
    ("so much", "the amount, by the name of its constant or field"),
    ("what is there", "the bytes, the file, the entries"),
    ("what there is", "the bytes, the file, the entries"),
    ("what is not there", "the thing that is missing"),
    ("that there is", "the thing, without a clause about its existence"),
    ("that there are", "the things, without a clause about their existence"),
    ("that there were", "the things, without a clause about their existence"),
    ("have it not", "do not have it"),
    ("has it not", "does not have it"),
    ("by the day", "a distribution with its bounds"),
];

/// Words that begin a relative clause when the next one is in [`VERBS`]. A comment begins with a noun or a verb.
const RELATIVES: [&str; 3] = ["what", "who", "whom"];
const VERBS: [&str; 12] =
    ["is", "are", "was", "were", "has", "have", "had", "there", "it", "they", "only", "all"];

#[test]
fn comments_call_things_by_their_names() {
    let mut findings = Vec::new();
    for file in sources().into_iter().filter(|file| !is_excused(file)) {
        let found = denied(&text(&file)).into_iter();
        findings.extend(found.map(|(line, words)| format!("{}:{line} {words}", file.display())));
    }
    assert_none(&findings);
}

#[test]
fn a_denied_word_is_found_in_every_kind_of_comment_and_across_its_lines() {
    let source = concat!(
        "//! Drops what Nobody's owner wants.\n",
        "/// Takes so\n",
        "/// many bytes.\n",
        "fn f() { g(\"nobody\"); } // There is somebody.\n",
        "\n",
        "// What is left: `nobody`.\n",
        "// The rest, what is right.\n",
    );
    let found: Vec<usize> = denied(source).into_iter().map(|(line, _)| line).collect();
    assert_eq!(found, [1, 2, 4, 6]);
}

#[test]
fn code_and_words_that_only_contain_a_denied_one_are_left_alone() {
    let source = concat!(
        "//! How many; much of it. `so many` is code, and so is [`whoever`].\n",
        "//!\n",
        "//! ```\n",
        "//! // nobody\n",
        "//! ```\n",
        "//! A list of so\n",
        "//!\n",
        "//! many paragraphs: nobodyness.\n",
        "fn nobody() -> &'static str {\n",
        "    \"http://so many\"\n",
        "}\n",
    );
    assert_eq!(denied(source), []);
}

/// The denied words of a source, each with its line and what to write instead.
fn denied(source: &str) -> Vec<(usize, String)> {
    let comments = comments(source);
    let mut found: Vec<_> = comments.iter().flat_map(|comment| denied_in(comment)).collect();
    found.sort();
    found
}

fn denied_in(comment: &[Word]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    if let [first, second, ..] = comment
        && RELATIVES.contains(&first.text.as_str())
        && VERBS.contains(&second.text.as_str())
    {
        let clause = format!("{} {}", first.text, second.text);
        found.push((first.line, format!("begins with {clause:?}; begin with a noun or a verb")));
    }
    for (phrase, instead) in DENIED {
        let phrase: Vec<&str> = phrase.split(' ').collect();
        let windows = comment.windows(phrase.len());
        let matches = windows.filter(|words| words.iter().zip(&phrase).all(|(a, b)| a.is(b)));
        let say = |words: &[Word]| {
            (words[0].line, format!("says {:?}; write {instead}", phrase.join(" ")))
        };
        found.extend(matches.map(say));
    }
    found
}

/// A word of a comment, in small letters.
#[derive(Debug, PartialEq)]
struct Word {
    text: String,
    line: usize,
}

impl Word {
    fn is(&self, denied: &str) -> bool {
        self.text.strip_suffix("'s").unwrap_or(&self.text) == denied
    }
}

/// The paragraphs of the comments, without their code.
fn comments(source: &str) -> Vec<Vec<Word>> {
    let mut paragraphs = vec![Vec::new()];
    let mut in_code = false;
    for (line, text) in (1..).zip(source.lines()) {
        let comment = comment(text);
        in_code = in_code && comment.is_some();
        let comment = comment.unwrap_or_default();
        let is_fence = comment.starts_with("```");
        in_code = in_code != is_fence;
        if comment.is_empty() || is_fence || in_code {
            paragraphs.push(Vec::new());
        } else if let Some(paragraph) = paragraphs.last_mut() {
            let words = words(comment).into_iter().map(|text| Word { text, line });
            paragraph.extend(words);
        }
    }
    paragraphs
}

/// The comment of a line: all of it, or what stands behind its code and outside its strings.
fn comment(line: &str) -> Option<&str> {
    let at = line.match_indices("//").map(|(at, _)| at);
    let quotes = |before: &str| before.replace("\\\"", "").matches('"').count();
    let begin = at.into_iter().find(|at| quotes(&line[..*at]) % 2 == 0)?;
    Some(line[begin..].trim_start_matches(['/', '!']).trim())
}

/// The words outside backticks. A backtick that is closed on another line hides the rest of its line.
fn words(comment: &str) -> Vec<String> {
    let prose = comment.split('`').step_by(2);
    let is_part = |character: char| character.is_alphanumeric() || character == '\'';
    let words = prose.flat_map(|it| it.split(move |character| !is_part(character)));
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}
