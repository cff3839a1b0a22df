//! Quoting; Twisted's `quoteStringArgument`.
//!
//! Invariant: a quoted text is read back unchanged, by position and by name.

use alloc::borrow::Cow;
use alloc::string::String;

/// Escapes a text, so that it can stand as one value in an endpoint string, whatever it holds.
///
/// # Differences from Twisted
///
/// `=` is escaped, too: Twisted leaves it, so its result is safe after `name=`, but by position it
/// can turn into an option. Either way Twisted reads the result back as it was.
///
/// # Examples
///
/// ```
/// use ropewalk_endpoints::quote_string_argument;
///
/// let path = r"C:\run\a=b";
/// assert_eq!(quote_string_argument(path), r"C\:\\run\\a\=b");
/// ```
#[doc(alias = "quoteStringArgument")]
pub fn quote_string_argument(argument: &str) -> Cow<'_, str> {
    let special = |character| matches!(character, '\\' | ':' | '=');
    if !argument.contains(special) {
        return Cow::Borrowed(argument);
    }
    let mut quoted = String::with_capacity(argument.len() + 8);
    for character in argument.chars() {
        if special(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    Cow::Owned(quoted)
}
