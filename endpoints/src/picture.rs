//! The picture of a mistake: the string, and carets below what is wrong.
//!
//! Invariant: one character of the string takes one character of the picture, and none of them can
//! change what a terminal does.

use alloc::string::String;
use core::ops::Range;

/// Two lines, indented by two spaces.
pub(crate) fn picture(text: &str, span: &Range<usize>) -> String {
    let count = |range: Range<usize>| text.get(range).unwrap_or("").chars().count();
    let before = count(0..span.start);
    // What is missing has no length, and still needs something to point with.
    let carets = count(span.clone()).max(1);
    let text = shown(text);
    let column = before + 1;
    alloc::format!("  {text}\n  {:before$}{} column {column}", "", "^".repeat(carets))
}

/// The text with a visible sign in the place of each character that is none.
pub(crate) fn shown(text: &str) -> String {
    text.chars().map(visible).collect()
}

fn visible(character: char) -> char {
    match character {
        // Unicode has pictures of the ASCII control characters, in their order.
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        // The other control characters, those that turn the direction of writing, those that are
        // as wide as nothing, and the two line ends that are none in ASCII.
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
        other => other,
    }
}
