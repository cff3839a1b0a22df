//! Quoting; Twisted's `quoteStringArgument`.
//!
//! Invariant: a quoted text is read back unchanged at its place: by name, or by position.

use alloc::borrow::Cow;
use alloc::string::String;

/// Escapes a text, so that it can stand behind `name=` in an endpoint string, whatever it holds; Twisted's
/// `quoteStringArgument`, which escapes `\` and `:` and nothing else.
///
/// A value by position needs [`quote_positional_argument`]: there a plain `=` ends a name.
///
/// # Examples
///
/// ```
/// use ropewalk_endpoints::quote_string_argument;
///
/// let path = r"C:\run\a=b";
/// assert_eq!(quote_string_argument(path), r"C\:\\run\\a=b");
/// ```
#[doc(alias = "quoteStringArgument")]
pub fn quote_string_argument(argument: &str) -> Cow<'_, str> {
    escaped(argument, |character| matches!(character, '\\' | ':'))
}

/// As [`quote_string_argument`], for a value by position, and for the kind: it escapes `=`, too. The result
/// is safe behind a name as well. Twisted has no such function, and reads the result as we do.
///
/// # Examples
///
/// ```
/// use ropewalk_endpoints::quote_positional_argument;
///
/// let path = "/run/a=b";
/// assert_eq!(format!("unix:{}", quote_positional_argument(path)), r"unix:/run/a\=b");
/// ```
pub fn quote_positional_argument(argument: &str) -> Cow<'_, str> {
    escaped(argument, |character| matches!(character, '\\' | ':' | '='))
}

fn escaped(text: &str, special: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&special) {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if special(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    Cow::Owned(quoted)
}
