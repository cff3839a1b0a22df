//! A mistake in a file, at its place.
//!
//! Invariant: the place is on the line that is shown.

use std::fmt;
use std::ops::Range;
use std::path::Path;

/// A mistake that a person can find in an editor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileMistake {
    /// Where it begins, in bytes.
    pub(super) offset: usize,
    place: String,
    message: String,
    line: String,
    carets: String,
}

impl FileMistake {
    /// At these bytes of the text.
    pub(super) fn new(path: &Path, text: &str, span: Range<usize>, message: &str) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let begins = before.rfind('\n').map_or(0, |end| end + 1);
        let line = text[begins..].lines().next().unwrap_or("");
        let column = before[begins..].chars().count();
        let inside = text.get(span).unwrap_or("").lines().next().unwrap_or("");
        let number = before.matches('\n').count() + 1;
        Self {
            offset: before.len(),
            place: format!("{}:{number}:{}", path.display(), column + 1),
            message: message.into(),
            line: line.replace('\t', " "),
            carets: " ".repeat(column) + &"^".repeat(inside.chars().count().max(1)),
        }
    }
}

impl fmt::Display for FileMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, message, line, carets, .. } = self;
        write!(f, "error: {place}: {message}\n  {line}\n  {carets}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_shown_below_its_own_line_by_characters() {
        let text = "a = 1\n\u{e9} = \"xyz\"\nb = 2\n";
        let place = text.find("xyz").unwrap();
        let mistake = FileMistake::new(Path::new("f"), text, place..place + 3, "wrong");
        assert_eq!(mistake.to_string(), "error: f:2:6: wrong\n  \u{e9} = \"xyz\"\n       ^^^");
        for span in [0..0, text.len()..text.len(), 99..100] {
            let shown = FileMistake::new(Path::new("f"), text, span, "m").to_string();
            assert!(shown.ends_with('^'), "{shown}");
        }
    }
}
