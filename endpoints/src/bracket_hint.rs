//! The hint that an IPv6 address goes into brackets.
//!
//! Invariant: at most nine fields are looked at for each field of the string.

use crate::grammar::{Field, Form};
use crate::host::is_bare_ipv6;

/// The hint, if an IPv6 address that was written wrongly is the most likely cause of an error.
pub(crate) fn bracket_hint(text: &str, fields: &[Field<'_>]) -> Option<&'static str> {
    let is_bracketed =
        |field: &Field<'_>| field.value.form == Form::Plain && field.value.text.starts_with('[');
    if fields.iter().any(is_bracketed) {
        return Some(
            "brackets hold an IPv6 address and nothing else, without backslashes: `[::1]`",
        );
    }
    let bare = (0..fields.len()).any(|first| holds_bare_ipv6(text, &fields[first..]));
    bare.then_some("an IPv6 address goes into brackets: `[::1]`")
}

/// Whether these fields begin with an IPv6 address whose colons were read as separators.
fn holds_bare_ipv6(text: &str, fields: &[Field<'_>]) -> bool {
    // An IPv6 address has at most eight groups, so no longer run needs to be looked at.
    const FIELDS_MAX: usize = 9;
    let Some(first) = fields.first() else { return false };
    fields.iter().take(FIELDS_MAX).skip(1).any(|last| {
        let run = text.get(first.value.span.start..last.value.span.end).unwrap_or("");
        // `80::` is an address, too, but more often a port with two empty fields behind it.
        let likely = !run.ends_with(':') || first.name.is_some();
        likely && is_bare_ipv6(run)
    })
}
