//! The names of sockets (`LISTEN_FDNAMES`, sd_listen_fds(3)), and where they stand in `LISTEN=NAME`.
//!
//! Invariant: a name is one that every reader of the variable reads as this one name.

use endpoints::ServerString;

/// The most bytes of a name (systemd's `FDNAME_MAX`).
const NAME_BYTES_MAX: usize = 255;

/// A name of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SocketName(pub(crate) String);

impl SocketName {
    /// What a socket without a name is called (sd_listen_fds_with_names(3)).
    pub(crate) const UNKNOWN: &str = "unknown";

    /// Reads a name.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let is_printable = text.bytes().all(|byte| (b' '..0x7f).contains(&byte) && byte != b':');
        if text.is_empty() || text.len() > NAME_BYTES_MAX || !is_printable {
            return Err(format!(
                "expected the name of a socket: 1 to {NAME_BYTES_MAX} characters of ASCII, without `:`"
            ));
        }
        Ok(Self(text.into()))
    }
}

/// `LISTEN` or `LISTEN=NAME`.
#[derive(Clone, Debug)]
pub(crate) struct NamedListen {
    pub(crate) endpoint: ServerString,
    pub(crate) name: Option<SocketName>,
}

impl NamedListen {
    /// Reads both. The last `=` comes before a name where its field is no option, `option=value`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (endpoint, name) = match named(text) {
            Some((endpoint, name)) => (endpoint, Some(SocketName::parse(name)?)),
            None => (text, None),
        };
        let endpoint = endpoint.parse().map_err(|mistake| format!("{mistake:?}"))?;
        Ok(Self { endpoint, name })
    }
}

/// The endpoint and the name, where there is one.
fn named(text: &str) -> Option<(&str, &str)> {
    let (endpoint, name) = text.rsplit_once('=')?;
    let field = endpoint.rsplit(':').next().unwrap_or(endpoint);
    let is_option = !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_escaped = endpoint.ends_with('\\');
    (!is_option && !is_escaped).then_some((endpoint, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_behind_the_last_equals_sign_that_belongs_to_no_option() {
        for (text, endpoint, name) in [
            ("tcp:80", "tcp:80", None),
            ("tcp:80=web", "tcp:80", Some("web")),
            ("tcp:80:interface=127.0.0.1", "tcp:80:interface=127.0.0.1", None),
            ("tcp:80:interface=127.0.0.1=web", "tcp:80:interface=127.0.0.1", Some("web")),
            ("tcp:80:interface=[::1]=web", "tcp:80:interface=[::1]", Some("web")),
            ("unix:/run/a.sock=web", "unix:/run/a.sock", Some("web")),
            (r"unix:/run/a\=web", r"unix:/run/a\=web", None),
            (r"unix:/run/a\=b=web", r"unix:/run/a\=b", Some("web")),
            ("systemd:name=web", "systemd:name=web", None),
            ("systemd:name=web=api v1", "systemd:name=web", Some("api v1")),
            ("tcp:80:interfaec=local", "tcp:80:interfaec=local", None),
        ] {
            let parsed = NamedListen::parse(text).unwrap();
            assert_eq!(parsed.endpoint.as_str(), endpoint, "{text}");
            assert_eq!(parsed.name, name.map(|name| SocketName(name.into())), "{text}");
        }
        for wrong in ["tcp:80=", "tcp:80=a\u{7f}", "tcp:80=\u{e9}", r"tcp:80\"] {
            assert!(NamedListen::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(NamedListen::parse(&format!("tcp:80={}", "x".repeat(256))).is_err());
    }
}
