//! The picture of a mistake: the string, and carets below what is wrong.
//!
//! Invariant: one character of the string takes one character of the picture, so that the carets stay
//! below what they mean, and each of them is printable.

use alloc::string::String;
use core::ops::Range;

use interfaces::visible;

/// Two lines, indented by two spaces.
pub(crate) fn picture(text: &str, span: &Range<usize>) -> String {
    let count = |range: Range<usize>| text.get(range).unwrap_or("").chars().count();
    let before = count(0..span.start);
    // A missing value has no length, and still needs a caret.
    let carets = count(span.clone()).max(1);
    let text = shown(text);
    let column = before + 1;
    alloc::format!("  {text}\n  {:before$}{} column {column}", "", "^".repeat(carets))
}

/// The text with a visible sign in the place of each character that is none.
pub(crate) fn shown(text: &str) -> String {
    text.chars().map(visible).collect()
}
