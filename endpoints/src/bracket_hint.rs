//! The hint that an IPv6 address goes into brackets, and that a prefix, which cannot, has its colons escaped.
//!
//! Invariant: at most nine fields are looked at for each field of the string.

use crate::grammar::{Field, Form};
use crate::host::is_bare_ipv6;

/// The hint, if an IPv6 address that was written wrongly is the most likely cause of an error.
pub(crate) fn bracket_hint(text: &str, fields: &[Field<'_>]) -> Option<&'static str> {
    if (0..fields.len()).any(|first| begins(text, &fields[first..], is_ipv6_prefix)) {
        return Some(r"the colons of an IPv6 prefix are escaped: `fd00\:\:/8`");
    }
    let is_bracketed =
        |field: &Field<'_>| field.value.form == Form::Plain && field.value.text.starts_with('[');
    if fields.iter().any(is_bracketed) {
        return Some(
            "brackets hold an IPv6 address and nothing else, without backslashes: `[::1]`",
        );
    }
    let bare = (0..fields.len()).any(|first| begins(text, &fields[first..], is_bare_ipv6));
    bare.then_some("an IPv6 address goes into brackets: `[::1]`")
}

/// Whether these fields begin with an IPv6 address whose colons were read as separators, or with a list that
/// ends in a prefix of one.
fn begins(text: &str, fields: &[Field<'_>], is_ipv6: fn(&str) -> bool) -> bool {
    // An IPv6 address has at most eight groups, so no longer run needs to be looked at.
    const FIELDS_MAX: usize = 9;
    let Some(first) = fields.first() else { return false };
    fields.iter().take(FIELDS_MAX).skip(1).any(|last| {
        let run = text.get(first.value.span.start..last.value.span.end).unwrap_or("");
        // `80::` is an address, too, but more often a port with two empty fields behind it.
        let likely = !run.ends_with(':') || first.name.is_some();
        likely && is_ipv6(run)
    })
}

/// `10.0.0.0/8,fd00::/8`, `[fd00::]/8`
fn is_ipv6_prefix(text: &str) -> bool {
    let last = text.rsplit(',').next().unwrap_or(text);
    let Some((address, bits)) = last.split_once('/') else { return false };
    let address = address.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(address);
    !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit()) && is_bare_ipv6(address)
}
