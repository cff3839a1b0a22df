//! What an endpoint string allows that its author may not mean.
//!
//! Invariant: an endpoint inside another one's string is looked at, too.

use std::borrow::Cow;

use endpoints::{Description, Value};
use ropewalk::tls::UNVERIFIED_LAYER;

/// The warning about an endpoint, if there is one: one line, without an end.
pub(crate) fn warning(description: &Description) -> Option<Cow<'static, str>> {
    if description.layers.iter().any(|layer| layer == UNVERIFIED_LAYER) {
        return Some(
            "verify=danger-none: the server's certificate is not verified, so anyone on the way can read \
             and change what is sent"
                .into(),
        );
    }
    let (_, first) = description.arguments.first()?;
    match (description.kind, first, &description.wrapped) {
        (_, _, Some(wrapped)) => warning(wrapped),
        ("unix", Value::Text(path), None) => odd_path(path),
        _ => None,
    }
}

/// What a shell, or another program, takes for something else than a path.
fn odd_path(path: &str) -> Option<Cow<'static, str>> {
    match path.strip_prefix('@') {
        Some(name) => Some(
            format!("`@{name}` is a file of that name: an abstract name is `abstract={name}`")
                .into(),
        ),
        None if path == "~" || path.starts_with("~/") => {
            Some("`~` is a folder of that name here, and not the home folder".into())
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use endpoints::Registry;
    use reactor::Reactor;

    #[test]
    fn a_server_that_is_not_verified_is_found_at_any_depth() {
        let standard = Registry::standard(Reactor::simulated(1));
        let registry = ropewalk::tls::register(standard, Reactor::simulated(1));
        for (text, is_found) in [
            ("tls:h:443", false),
            ("tls:h:443:verify=danger-none", true),
            ("ssl:h:443:verify=danger-none", true),
            (r"tls:h:443:endpoint=tcp\:h\:443", false),
            (r"tls:h:443:endpoint=ssl\:h\:443\:verify=danger-none", true),
            ("unix:danger-none", false),
        ] {
            let description = registry.parse_client(text).unwrap().description;
            assert_eq!(warning(&description).is_some(), is_found, "{text}");
        }
    }

    #[test]
    fn a_path_that_other_programs_read_otherwise_is_told() {
        let registry = Registry::standard(Reactor::simulated(1));
        let registry = endpoints::haproxy::register(registry, Reactor::simulated(1));
        for (text, word) in [
            ("unix:@door", Some("abstract=door")),
            ("unix:~/x.sock", Some("home folder")),
            ("haproxy:unix:~/x.sock", Some("home folder")),
            ("unix:/run/~/@x", None),
            ("unix:abstract=@door", None),
            ("unix:~x", None),
        ] {
            let description = registry.parse_server(text).unwrap().description;
            let told = warning(&description);
            assert_eq!(told.is_some(), word.is_some(), "{text}: {told:?}");
            assert!(word.is_none_or(|word| told.unwrap().contains(word)), "{text}");
        }
    }
}
