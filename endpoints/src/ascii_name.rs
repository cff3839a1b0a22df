//! Host names with letters beyond ASCII, as DNS and certificates write them (UTS 46, RFC 5891);
//! `HostnameEndpoint` of Twisted asks the Python package idna for the same.
//!
//! The crate idna does it: it composes, maps and checks letters with Unicode's own tables, which add
//! 160 kB to the command. Invariant: the result is ASCII, and an ASCII name is returned unchanged.

use alloc::borrow::Cow;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

/// The name in ASCII; in lower case if it was not ASCII. `None` if a letter cannot occur in a name, or
/// a label or the name is too long for DNS.
pub(crate) fn to_ascii(name: &str) -> Option<Cow<'_, str>> {
    if name.is_ascii() {
        return Some(Cow::Borrowed(name));
    }
    Uts46::new()
        .to_ascii(
            name.as_bytes(),
            AsciiDenyList::URL,
            Hyphens::Allow,
            DnsLength::VerifyAllowRootDot,
        )
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The results of Python's `idna` for the same names.
    #[test]
    fn names_become_what_dns_has() {
        for (name, ascii) in [
            ("example.com", "example.com"),
            ("Example.com.", "Example.com."),
            ("éxample.example.com", "xn--xample-9ua.example.com"),
            ("bücher.ch", "xn--bcher-kva.ch"),
            ("BÜCHER.ch", "xn--bcher-kva.ch"),
            ("bu\u{308}cher.ch", "xn--bcher-kva.ch"),
            ("bücher。ch", "xn--bcher-kva.ch"),
            ("bücher.ch.", "xn--bcher-kva.ch."),
            ("münchen-ost.de", "xn--mnchen-ost-9db.de"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("почта.рф", "xn--80a1acny.xn--p1ai"),
            ("правда.example", "xn--80aafi6cg.example"),
            ("faß.de", "xn--fa-hia.de"),
        ] {
            assert_eq!(to_ascii(name).as_deref(), Some(ascii), "{name}");
        }
    }

    #[test]
    fn a_label_that_dns_cannot_hold_is_refused() {
        assert_eq!(to_ascii(&"ü".repeat(300)), None);
    }

    #[test]
    fn letters_that_no_name_has_are_refused() {
        for name in ["ü\u{202e}.example", "ü\u{378}.example", "ü .example", "ü/.example"] {
            assert_eq!(to_ascii(name), None, "{name:?}");
        }
    }
}
