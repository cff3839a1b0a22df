//! Text that was given by a peer or a file, made safe for a terminal and for a log line.
//!
//! Invariant: no output has a character that [`is_printable`] refuses, whatever the input, and a text
//! of printable characters is its own output.

use core::any::Any;
use core::fmt;

/// Shows text, or bytes that are probably text, with an escape in the place of each character that
/// [`is_printable`] refuses: `\n`, `\u{1b}`, `\u{202e}`. Bytes that are not UTF-8 show as `\xff`.
///
/// All that Ropewalk prints of addresses, names, panics and errors of peers goes through here, so it
/// can go to a terminal or to a log as it is: it is one line, and it neither moves the cursor nor
/// turns the direction of writing nor hides a part of itself.
///
/// # Examples
///
/// ```
/// use ropewalk_interfaces::printable;
///
/// assert_eq!(printable("grüße").to_string(), "grüße");
/// assert_eq!(printable("a\n\u{1b}[2J").to_string(), r"a\n\u{1b}[2J");
/// assert_eq!(printable(b"\xffname").to_string(), r"\xffname");
/// ```
pub fn printable<T: AsRef<[u8]> + ?Sized>(text: &T) -> Printable<'_> {
    Printable(text.as_ref())
}

/// What [`printable`] gives: its `Display` is the safe text.
#[derive(Clone, Copy)]
pub struct Printable<'a>(&'a [u8]);

/// Whether a character shows as itself and does nothing else.
///
/// Refused are control characters, line and paragraph separators, and the characters that have no
/// shape of their own (Unicode's `Default_Ignorable_Code_Point`): those that turn the direction of
/// writing, joiners, spaces of no width, soft hyphens, variation selectors, tags, Hangul fillers. So
/// are the marks of interlinear annotation. Marks that combine with a letter are printable.
pub const fn is_printable(character: char) -> bool {
    !matches!(character,
        '\0'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The character, or one visible sign in its place where [`is_printable`] refuses it: for a picture
/// whose columns have to stay where they are.
///
/// ASCII's control characters have signs of their own (`␊`); all others become `�`.
pub const fn visible(character: char) -> char {
    match character {
        '\0'..='\x1f' => match char::from_u32(0x2400 + character as u32) {
            Some(sign) => sign,
            None => char::REPLACEMENT_CHARACTER,
        },
        '\x7f' => '\u{2421}',
        other if is_printable(other) => other,
        _ => char::REPLACEMENT_CHARACTER,
    }
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.utf8_chunks() {
            show(f, part.valid())?;
            write!(f, "{}", part.invalid().escape_ascii())?;
        }
        Ok(())
    }
}

/// The same text, in quotation marks.
impl fmt::Debug for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Whole runs of printable text are written at once.
fn show(f: &mut fmt::Formatter<'_>, mut text: &str) -> fmt::Result {
    while let Some(at) = text.find(|character| !is_printable(character)) {
        let (before, rest) = text.split_at(at);
        f.write_str(before)?;
        let mut characters = rest.chars();
        if let Some(refused) = characters.next() {
            write!(f, "{}", refused.escape_default())?;
        }
        text = characters.as_str();
    }
    f.write_str(text)
}

/// The text that a panic was raised with, from what `catch_unwind` gives.
///
/// It is as the program wrote it, perhaps with text of a peer inside: print it by [`printable`].
pub fn panic_message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<alloc::string::String>() {
        text
    } else {
        "a value that is not text"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::boxed::Box;
    use alloc::string::{String, ToString as _};

    /// What no terminal and no log may get, written down anew: (first, last).
    const DANGEROUS: [(char, char); 16] = [
        ('\0', '\u{1f}'),           // control
        ('\u{7f}', '\u{9f}'),       // DEL and control
        ('\u{ad}', '\u{ad}'),       // soft hyphen
        ('\u{61c}', '\u{61c}'),     // Arabic letter mark
        ('\u{180e}', '\u{180e}'),   // Mongolian vowel separator
        ('\u{200b}', '\u{200d}'),   // zero width
        ('\u{200e}', '\u{200f}'),   // direction marks
        ('\u{2028}', '\u{2029}'),   // line and paragraph separators
        ('\u{202a}', '\u{202e}'),   // embeddings and overrides
        ('\u{2060}', '\u{2064}'),   // word joiner, invisible operators
        ('\u{2066}', '\u{2069}'),   // isolates
        ('\u{206a}', '\u{206f}'),   // deprecated format characters
        ('\u{feff}', '\u{feff}'),   // byte order mark
        ('\u{fff9}', '\u{fffb}'),   // interlinear annotation
        ('\u{e0001}', '\u{e007f}'), // tags
        ('\u{e0100}', '\u{e01ef}'), // variation selectors
    ];

    fn is_dangerous(character: char) -> bool {
        DANGEROUS.iter().any(|(first, last)| (*first..=*last).contains(&character))
    }

    /// Letters of the Hangul alphabet that stand for none, and so have no shape.
    fn is_filler(character: char) -> bool {
        matches!(character, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
    }

    #[test]
    fn of_all_of_unicode_nothing_dangerous_comes_through_and_every_letter_does() {
        for character in '\0'..=char::MAX {
            let shown = printable(character.encode_utf8(&mut [0; 4])).to_string();
            assert!(shown.chars().all(is_printable), "{shown:?}");
            assert!(!shown.chars().any(is_dangerous), "{shown:?}");
            if shown.chars().ne([character]) {
                assert_eq!(shown, character.escape_default().to_string());
            }
            assert!(is_printable(visible(character)), "{character:?}");
            assert_eq!(visible(character) == character, is_printable(character), "{character:?}");
            if character.is_alphanumeric() && !is_filler(character) || character == ' ' {
                assert_eq!(shown.chars().next(), Some(character), "a letter is hidden");
            }
            assert!(!character.is_control() || !is_printable(character));
        }
    }

    #[test]
    fn text_and_bytes_keep_what_is_printable_in_its_place() {
        let name = "a\n\x1b[1m\u{202e}é\u{200b}";
        assert_eq!(printable(name).to_string(), r"a\n\u{1b}[1m\u{202e}é\u{200b}");
        assert_eq!(printable(b"a\n\xff\0\xc3").to_string(), r"a\n\xff\u{0}\xc3");
        assert_eq!(std::format!("{:?}", printable("a\tb")), r#""a\tb""#);
        assert_eq!(printable("").to_string(), "");
    }

    #[test]
    fn a_panics_text_is_found_in_both_forms_that_the_compiler_makes() {
        let payloads: [(Box<dyn Any + Send>, &str); 3] = [
            (Box::new("literal"), "literal"),
            (Box::new(String::from("formatted")), "formatted"),
            (Box::new(7), "a value that is not text"),
        ];
        for (payload, message) in payloads {
            assert_eq!(panic_message(&*payload), message);
        }
    }
}
