//! `ropewalk complete-endpoint`: the rest of an endpoint string, for the scripts of the shells.
//!
//! ```text
//!   t            kinds                       tcp: tcp6: tls:
//!   tcp:80:in    names of arguments          tcp:80:interface=
//!   haproxy:     those, and kinds            haproxy:trust= haproxy:tcp: …
//!   unix:/ru     files                       unix:/run/
//! ```
//!
//! Which words of the command line are endpoints, and of which side, is asked of clap: an endpoint is what has
//! the name `LISTEN`, `CONNECT` or `ENDPOINT` there. Invariant: each answer begins with the word.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};

use clap::{Command, CommandFactory as _};
use endpoints::{KindDescription, Side};
use systemd::ListenFds;

use crate::app::App;
use crate::arguments::{Arguments, CompleteEndpoint};
use crate::exit_code::Exit;

/// The most files that are offered.
const FILES_MAX: usize = 500;

/// Prints what the last word may become, one a line.
pub(crate) fn run(arguments: &CompleteEndpoint) -> Result<Exit, Exit> {
    let words: Vec<_> = arguments.words.iter().filter_map(|word| word.to_str()).collect();
    let is_text = words.len() == arguments.words.len();
    let Some((word, before)) = words.split_last().filter(|_| is_text) else {
        return Ok(Exit::Done);
    };
    let kinds = App::new(ListenFds::default())?.describe_kinds();
    let mut answers = BTreeSet::new();
    for side in sides(before, word) {
        answers.extend(completions(&kinds, side, word));
    }
    let text: String = answers.iter().map(|answer| format!("{answer}\n")).collect();
    let mut output = io::stdout().lock();
    // A shell that asks no more has its answer.
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    Ok(Exit::Done)
}

/// The sides of the endpoint that this word is; none, if it is something else.
fn sides(before: &[&str], word: &str) -> Vec<Side> {
    let mut command = Arguments::command();
    command.build();
    let Some((name, before)) = before.split_first() else { return Vec::new() };
    let Some(command) = command.find_subcommand(name) else { return Vec::new() };
    match before.last().and_then(|last| option_of(command, last)) {
        Some(names) => return names.iter().flat_map(|name| sides_of(name)).copied().collect(),
        None if word.starts_with('-') => return Vec::new(),
        None => {}
    }
    // Of a value before it, which is no argument by position, no more is known than that it is one.
    let is_value = |index: usize| index > 0 && option_of(command, before[index - 1]).is_some();
    let is_free = |index: &usize| !before[*index].starts_with('-') && !is_value(*index);
    let given = (0..before.len()).filter(is_free).count();
    let positionals: Vec<_> = command.get_positionals().collect();
    let names = positionals.iter().enumerate().filter(|(index, argument)| {
        let takes_more = argument.get_num_args().is_some_and(|range| range.max_values() > 1);
        *index == given
            || (*index < given && takes_more)
            || is_behind_several(&positionals, *index, given)
    });
    let names =
        names.filter_map(|(_, argument)| Some(argument.get_value_names()?.first()?.as_str()));
    names.flat_map(sides_of).copied().collect()
}

/// Whether an argument may come at this place because one before it takes several values.
fn is_behind_several(positionals: &[&clap::Arg], index: usize, given: usize) -> bool {
    let before = &positionals[..index];
    let several = |it: &&clap::Arg| it.get_num_args().is_some_and(|range| range.max_values() > 1);
    given >= index && before.iter().any(several)
}

/// The names of the values that an option takes; `None` if the word is none, or takes no value.
fn option_of(command: &Command, word: &str) -> Option<Vec<String>> {
    let option = command.get_opts().find(|option| {
        let long = option.get_long().is_some_and(|long| word.strip_prefix("--") == Some(long));
        let short = option.get_short().map(|short| format!("-{short}"));
        long || short.is_some_and(|short| short == word)
    })?;
    let names = option.get_action().takes_values().then(|| option.get_value_names())??;
    Some(names.iter().map(ToString::to_string).collect())
}

fn sides_of(name: &str) -> &'static [Side] {
    match name {
        "LISTEN" => &[Side::Server],
        "CONNECT" => &[Side::Client],
        "ENDPOINT" => &[Side::Server, Side::Client],
        _ => &[],
    }
}

/// The strings that begin with this one.
fn completions(kinds: &[KindDescription], side: Side, word: &str) -> Vec<String> {
    let kinds: Vec<_> = kinds.iter().filter(|kind| kind.side == side).collect();
    let (before, last) = split_last_field(word);
    let fields: Vec<_> = before.split_terminator(':').collect();
    let mut offered = Vec::new();
    let kind = kind_of(&kinds, &fields);
    if kind.is_none_or(|kind| kind.wraps) {
        offered.extend(kinds.iter().map(|kind| kind_offer(kind)));
    }
    let is_given = |name: &str| {
        fields.iter().any(|field| field.split_once('=').is_some_and(|it| it.0 == name))
    };
    let names = kind.into_iter().flat_map(|kind| &kind.parameters).map(|it| it.name);
    offered.extend(names.filter(|name| !is_given(name)).map(|name| format!("{name}=")));
    let (prefix, path) = match last.rsplit_once('=') {
        Some((name, value)) => (format!("{before}{name}="), value),
        None => (before.to_owned(), last),
    };
    let files = files(path).into_iter().map(|file| format!("{prefix}{file}"));
    let offered = offered.into_iter().filter(|it| it.starts_with(last));
    offered.map(|it| format!("{before}{it}")).chain(files).collect()
}

/// As far as a kind can be written without a choice.
fn kind_offer(kind: &KindDescription) -> String {
    match kind.parameters.is_empty() {
        true => kind.kind.into(),
        false => format!("{}:", kind.kind),
    }
}

/// The kind whose arguments come next: the last one of those that wrap each other.
fn kind_of<'k>(kinds: &[&'k KindDescription], fields: &[&str]) -> Option<&'k KindDescription> {
    let mut found: Option<&KindDescription> = None;
    for field in fields.iter().filter(|field| !field.contains('=')) {
        if found.is_none_or(|kind| kind.wraps) {
            found = kinds.iter().find(|kind| kind.kind.eq_ignore_ascii_case(field)).copied();
        }
    }
    // The next route begins with its own option, and has a kind of its own.
    let is_new_route = fields.last().is_some_and(|field| field.starts_with("for="));
    if is_new_route { kinds.iter().find(|kind| kind.kind == "sni").copied() } else { found }
}

/// The fields before the last one with their colon, and the last one.
fn split_last_field(word: &str) -> (&str, &str) {
    let is_end = |index: &usize| !word[..*index].ends_with('\\');
    let colon = word.match_indices(':').map(|(index, _)| index).rfind(is_end);
    word.split_at(colon.map_or(0, |colon| colon + 1))
}

/// The files that a path can become, of a path that is written as one.
fn files(path: &str) -> Vec<String> {
    if !path.starts_with('/') && !path.starts_with("./") && !path.starts_with("../") {
        return Vec::new();
    }
    let Some((folder, name)) = path.rsplit_once('/') else { return Vec::new() };
    let Ok(entries) = fs::read_dir(format!("{folder}/")) else { return Vec::new() };
    let entries = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let found = entry.file_name().into_string().ok()?;
        let is_wanted = found.starts_with(name) && (!name.is_empty() || !found.starts_with('.'));
        // Those with a character of the grammar would need a backslash, which shells take for themselves.
        let is_plain = !found.contains([':', '=', '\\', '\n']);
        let end = if entry.path().is_dir() { "/" } else { "" };
        (is_wanted && is_plain).then(|| format!("{folder}/{found}{end}"))
    });
    entries.take(FILES_MAX).collect()
}
