//! The picture of a mistake: the string around it, and carets below what is wrong.
//!
//! Invariant: whatever the string holds, a line has a bounded number of columns and characters, each of
//! them printable, and the carets stand below what they mean on a terminal.

use alloc::string::String;
use core::ops::Range;

use interfaces::visible;
use unicode_width::UnicodeWidthChar as _;

/// The columns before and after the beginning of a mistake; more of the string is left out.
const BEFORE: usize = 120;
const AFTER: usize = 240;

/// The columns of a text that is quoted in a message.
const QUOTED: usize = 120;

/// The columns of a message.
const MESSAGE: usize = 480;

/// In the place of what is left out, one column.
const LEFT_OUT: &str = "…";

/// Two lines, indented by two spaces.
pub(crate) fn picture(text: &str, span: &Range<usize>) -> String {
    let (before, after) = text.split_at_checked(span.start).unwrap_or((text, ""));
    let (shown_before, shown_after) = (end_of(before, BEFORE), start_of(after, AFTER));
    let mark = |is_cut| if is_cut { LEFT_OUT } else { "" };
    let left = mark(shown_before.len() < before.len());
    let right = mark(shown_after.len() < after.len());
    let wrong = shown_after.get(..span.len()).unwrap_or(shown_after);
    // A missing value has no length, and still needs a caret.
    let carets = "^".repeat(columns(wrong).max(1));
    let indent = columns(left) + columns(shown_before) - base_of(wrong, shown_before);
    let column = before.chars().count() + 1;
    let (shown_before, shown_after) = (all(shown_before), all(shown_after));
    alloc::format!(
        "  {left}{shown_before}{shown_after}{right}\n  {:indent$}{carets} column {column}",
        ""
    )
}

/// A text for a message: a visible sign in the place of each character that is none, and without the
/// middle of a long one.
pub(crate) fn shown(text: &str) -> String {
    clipped(text, QUOTED)
}

/// A sentence for a message, likewise.
pub(crate) fn sentence(text: &str) -> String {
    clipped(text, MESSAGE)
}

fn clipped(text: &str, limit: usize) -> String {
    if start_of(text, limit).len() == text.len() {
        return all(text);
    }
    let (start, end) = (start_of(text, limit * 2 / 3), end_of(text, limit / 3));
    alloc::format!("{}{LEFT_OUT}{}", all(start), all(end))
}

fn all(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// The longest beginning of at most this many columns that does not end with a character whose marks
/// are left out, unless that is all there is.
fn start_of(text: &str, limit: usize) -> &str {
    let mut room = limit;
    let mut fits = |character| take(&mut room, character);
    match text.char_indices().find(|(_, character)| !fits(*character)) {
        Some((end, character)) if width(character) == 0 => {
            let base = text[..end].char_indices().rfind(|(_, character)| width(*character) > 0);
            &text[..base.map(|(offset, _)| offset).filter(|offset| *offset > 0).unwrap_or(end)]
        }
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// The longest end of at most this many columns that does not begin with a mark of a character left out.
fn end_of(text: &str, limit: usize) -> &str {
    let mut room = limit;
    let mut fits = |character| take(&mut room, character);
    match text.char_indices().rev().find(|(_, character)| !fits(*character)) {
        Some((offset, character)) => {
            text[offset + character.len_utf8()..].trim_start_matches(|it| width(it) == 0)
        }
        None => text,
    }
}

/// Takes the room for a character. One that combines takes some, too, as there may be any number.
fn take(room: &mut usize, character: char) -> bool {
    let needed = width(character).max(1);
    let fits = needed <= *room;
    *room -= if fits { needed } else { 0 };
    fits
}

/// How far a mistake that begins with a combining character stands to the left: below its letter.
fn base_of(wrong: &str, before: &str) -> usize {
    match wrong.chars().next() {
        Some(first) if width(first) == 0 => {
            before.chars().rev().map(width).find(|width| *width > 0).unwrap_or(0)
        }
        _ => 0,
    }
}

fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// The columns that a terminal gives to the visible sign of a character: two to East Asian ones and
/// emoji, none to one that combines.
fn width(character: char) -> usize {
    visible(character).width().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The picture, with the mistake between two bars.
    #[track_caller]
    fn drawn(text: &str, expected: &str) {
        let (before, rest) = text.split_once('|').unwrap();
        let (wrong, after) = rest.split_once('|').unwrap();
        let span = before.len()..before.len() + wrong.len();
        let picture = picture(&alloc::format!("{before}{wrong}{after}"), &span);
        assert_eq!(picture, expected, "\n{picture}\n{expected}");
    }

    #[test]
    fn carets_stand_below_wide_characters() {
        drawn("tcp:日本:|80x|", "  tcp:日本:80x\n           ^^^ column 8");
        drawn("tcp:|日本|:80", "  tcp:日本:80\n      ^^^^ column 5");
        drawn("😀:|x|", "  😀:x\n     ^ column 3");
    }

    #[test]
    fn combining_characters_take_no_column() {
        drawn("tcp:u\u{308}:|x|", "  tcp:u\u{308}:x\n        ^ column 8");
        drawn("tcp:|u\u{308}u\u{308}|", "  tcp:u\u{308}u\u{308}\n      ^^ column 5");
        drawn("tcp:u|\u{308}|:x", "  tcp:u\u{308}:x\n      ^ column 6");
        drawn("|\u{308}|", "  \u{308}\n  ^ column 1");
    }

    #[test]
    fn what_is_not_printable_takes_the_column_of_its_sign() {
        drawn("\0\u{200d}\u{202e}\u{85}:|x|", "  ␀���:x\n       ^ column 6");
    }

    #[test]
    fn a_backslash_takes_a_column_of_its_own() {
        drawn(r"unix:/a\:b:|x=1|", "  unix:/a\\:b:x=1\n             ^^^ column 12");
    }

    /// A text on both sides of a mistake: the string is shown as far as there is room.
    #[track_caller]
    fn is_clipped(filler: &str, before: usize, after: usize) {
        let text = alloc::format!("{0}WRONG{0}", filler.repeat(10_000));
        let start = filler.len() * 10_000;
        let picture = picture(&text, &(start..start + 5));
        let (line, carets) = picture.split_once('\n').unwrap();
        let (left, right) =
            (filler.repeat(before / filler.len()), filler.repeat(after / filler.len()));
        assert_eq!(line, alloc::format!("  …{left}WRONG{right}…"));
        let indent = 3 + columns(&left);
        let column = 10_000 * filler.chars().count() + 1;
        assert_eq!(carets, alloc::format!("{:indent$}^^^^^ column {column}", ""));
    }

    #[test]
    fn a_long_string_is_clipped_around_the_mistake() {
        is_clipped("x", 120, 235);
        // Two columns and three bytes each.
        is_clipped("日", 60 * 3, 117 * 3);
        // A letter and its mark: one column, and the room of two.
        let mark = "a\u{308}";
        is_clipped(mark, 60 * mark.len(), 117 * mark.len());
    }

    #[test]
    fn a_mistake_that_is_long_itself_is_clipped() {
        let text = "x".repeat(1 << 20);
        for span in [0..text.len(), 0..5, text.len()..text.len(), 1000..text.len()] {
            let picture = picture(&text, &span);
            assert!(picture.lines().all(|line| columns(line) < 400), "{span:?}");
        }
        assert_eq!(columns(&shown(&text)), QUOTED + 1);
        assert_eq!(columns(&sentence(&text)), MESSAGE + 1);
    }

    #[test]
    fn no_number_of_combining_characters_is_too_many() {
        let text = alloc::format!("a{}", "\u{308}".repeat(1 << 20));
        for span in [0..1, 1..3, text.len()..text.len()] {
            assert!(picture(&text, &span).chars().count() < 1000, "{span:?}");
        }
        assert!(shown(&text).chars().count() <= QUOTED + 1);
    }

    #[test]
    fn a_clipped_quotation_has_its_beginning_and_its_end() {
        let text = alloc::format!("begin{}end", "日本".repeat(1000));
        let shown = shown(&text);
        assert!(shown.starts_with("begin日本") && shown.ends_with("日本end"), "{shown}");
        let whole = "x".repeat(QUOTED);
        assert_eq!(super::shown(&whole), whole);
    }
}
