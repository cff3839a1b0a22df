//! What the author of a wrong string most likely meant: an escape that is missing, a URL, a service's name.
//!
//! Invariant: a hint is looked for only when there is a mistake, and never changes what a string means.

use alloc::borrow::Cow;
use alloc::format;
use core::ops::Range;

use crate::bracket_hint::bracket_hint;
use crate::grammar::Field;
use crate::{Problem, Registry, Side, quote_positional_argument, quote_string_argument};

/// The longest value that a hint repeats, in bytes.
const SHOWN_MAX: usize = 80;

/// Ports that people write by name (IANA's registry of service names).
const SERVICES: [(&str, u16); 16] = [
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("dns", 53),
    ("http", 80),
    ("pop3", 110),
    ("imap", 143),
    ("https", 443),
    ("ldap", 389),
    ("imaps", 993),
    ("mysql", 3306),
    ("postgresql", 5432),
    ("redis", 6379),
    ("http-alt", 8080),
];

/// Names of protocols, of families and of other programs' kinds, and the kind that is meant, for servers and for
/// clients; empty where a side has none.
const KINDS_MEANT: [(&str, [&str; 2]); 29] = [
    ("http", ["`tcp:PORT`", "`tcp:HOST:PORT`"]),
    ("ws", ["`tcp:PORT`", "`tcp:HOST:PORT`"]),
    ("https", ["`ssl:PORT:privateKey=FILE`", "`tls:HOST:PORT`"]),
    ("wss", ["`ssl:PORT:privateKey=FILE`", "`tls:HOST:PORT`"]),
    ("inet", ["`tcp:PORT`", "`tcp:HOST:PORT`"]),
    ("ipv4", ["`tcp:PORT`", "`tcp:HOST:PORT`"]),
    ("inet6", ["`tcp6:PORT`", "`tcp6:HOST:PORT`"]),
    ("ipv6", ["`tcp6:PORT`", "`tcp6:HOST:PORT`"]),
    ("local", ["`unix:PATH`", "`unix:PATH`"]),
    ("file", ["`unix:PATH`", "`unix:PATH`"]),
    ("tcp-listen", ["`tcp:PORT`", ""]),
    ("tcp4-listen", ["`tcp:PORT`", ""]),
    ("tcp6-listen", ["`tcp6:PORT`", ""]),
    ("tcp-connect", ["", "`tcp:HOST:PORT`"]),
    ("unix-listen", ["`unix:PATH`", ""]),
    ("unix-connect", ["", "`unix:PATH`"]),
    ("openssl-listen", ["`ssl:PORT:privateKey=FILE`", ""]),
    ("openssl", ["`ssl:PORT:privateKey=FILE`", "`tls:HOST:PORT`"]),
    ("exec", ["", "`process:PROGRAM`"]),
    ("system", ["", "`process:PROGRAM`"]),
    ("fd", ["`systemd:index=NUMBER`", ""]),
    ("adopted", ["`systemd:index=NUMBER`", ""]),
    ("inetd", ["`systemd:index=NUMBER`", ""]),
    ("socks", ["", "`socks5:host=HOST:port=PORT:tcp:PROXY:PORT`"]),
    ("socks4", ["", "`socks5:host=HOST:port=PORT:tcp:PROXY:PORT`"]),
    ("socks5h", ["", "`socks5:host=HOST:port=PORT:tcp:PROXY:PORT`"]),
    ("connect", ["", "`http-connect:host=HOST:port=PORT:tcp:PROXY:PORT`"]),
    ("proxy", ["`haproxy:tcp:PORT`", "`http-connect:host=HOST:port=PORT:tcp:PROXY:PORT`"]),
    ("-", ["`stdio:`", ""]),
];

/// Names of datagrams, which no kind has.
const DATAGRAM_KINDS: [&str; 5] = ["udp", "udp4", "udp6", "unixgram", "unix-dgram"];

/// The kinds whose destination stands before the client of a proxy.
const PROXIED_KINDS: [&str; 2] = ["socks5", "http-connect"];

/// Names that an option has in other programs, on the other side, or in Twisted's constructors.
const OTHER_NAMES: [(&str, &str); 30] = [
    ("path", "address"),
    ("address", "path"),
    ("address", "interface"),
    ("host", "interface"),
    ("bind", "interface"),
    ("bind", "bindAddress"),
    ("interface", "bindAddress"),
    ("source", "bindAddress"),
    ("name", "host"),
    ("perm", "mode"),
    ("user", "owner"),
    ("permissions", "mode"),
    ("wantPID", "lockfile"),
    ("nodelay", "noDelay"),
    ("listen", "backlog"),
    ("bindDevice", "device"),
    ("bindToDevice", "device"),
    ("so-bindtodevice", "device"),
    ("SO_BINDTODEVICE", "device"),
    ("TCP_NODELAY", "noDelay"),
    ("SO_KEEPALIVE", "keepAlive"),
    ("SO_REUSEPORT", "reusePort"),
    ("v6only", "ipv6Only"),
    ("ipv6-v6only", "ipv6Only"),
    ("IPV6_V6ONLY", "ipv6Only"),
    ("bindIPv6Only", "ipv6Only"),
    ("dualStack", "ipv6Only"),
    ("connectTimeout", "timeout"),
    ("uid", "owner"),
    ("gid", "group"),
];

/// The option of the kind that goes by this name elsewhere.
pub(crate) fn other_name<I: Iterator<Item = &'static str>>(
    given: &str,
    known: impl Fn() -> I,
) -> Option<&'static str> {
    let names = OTHER_NAMES.iter().filter(|(name, _)| name.eq_ignore_ascii_case(given));
    names.map(|(_, ours)| *ours).find(|ours| known().any(|name| name == *ours))
}

/// Where a mistake was found: the string, its fields behind the kind, and the place.
pub(crate) struct Mistaken<'m, 'a> {
    pub(crate) text: &'m str,
    pub(crate) kind: &'static str,
    pub(crate) side: Side,
    pub(crate) fields: &'m [Field<'a>],
    pub(crate) span: Range<usize>,
    pub(crate) registry: &'m Registry,
}

impl Mistaken<'_, '_> {
    /// The likely cause, if there is one: one line, without an end.
    pub(crate) fn hint(&self, problem: &Problem) -> Option<Cow<'static, str>> {
        bracket_hint(self.text, self.fields)
            .map(Cow::Borrowed)
            .or_else(|| self.url(problem))
            .or_else(|| self.inner_string())
            .or_else(|| self.plain_equals_sign(problem))
            .or_else(|| self.plain_colon(problem))
            .or_else(|| service(problem))
            .or_else(|| several_ports(problem))
            .or_else(|| self.host_first(problem))
            .or_else(|| self.behind_wrapped(problem))
    }

    /// `socks5:tcp:127.0.0.1:1080:host=a.example`, `socks5:127.0.0.1:1080`
    fn behind_wrapped(&self, problem: &Problem) -> Option<Cow<'static, str>> {
        let Problem::Missing { argument, kind, .. } = problem else { return None };
        let is_named =
            |field: &Field<'_>| field.name.as_ref().is_some_and(|name| name.text == *argument);
        let form = "host=HOST:port=PORT:tcp:PROXY:PORT";
        match PROXIED_KINDS.contains(kind) {
            true if self.fields.iter().any(is_named) => {
                Some(format!("`{argument}=` stands before the client of the proxy").into())
            }
            true => Some(format!("the form is `{kind}:{form}`").into()),
            false => None,
        }
    }

    /// `tcp:127.0.0.1:80`, of a server
    fn host_first(&self, problem: &Problem) -> Option<Cow<'static, str>> {
        let Problem::Invalid { argument: "port", given, .. } = problem else { return None };
        let is_host = given.contains('.') || given.starts_with('[') || given == "localhost";
        let second = self.fields.get(1)?;
        let is_number = second.value.text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = self.side == Side::Server && self.kind == "tcp" && is_number;
        let port = &second.value.text;
        match given.as_str() {
            "*" if fits => Some(format!("`tcp:{port}` is every address").into()),
            _ if fits && is_host && given.len() <= SHOWN_MAX => {
                Some(format!("the port comes first: `tcp:{port}:interface={given}`").into())
            }
            _ => None,
        }
    }

    /// `tcp://example.com:80`
    fn url(&self, problem: &Problem) -> Option<Cow<'static, str>> {
        let is_url = match problem {
            Problem::Invalid { given, .. } => given.starts_with("//"),
            // `tcp:http://example.com:80`
            Problem::Surplus { .. } => self.text.contains("://"),
            _ => false,
        };
        let form = match (self.side, is_url) {
            (_, false) => return None,
            (Side::Server, true) => "PORT",
            (Side::Client, true) => "HOST:PORT",
        };
        Some(format!("an endpoint string has no `//`: `{}:{form}`", self.kind).into())
    }

    /// `tls:example.com:443:endpoint=tcp:127.0.0.1:80`
    pub(crate) fn inner_string(&self) -> Option<Cow<'static, str>> {
        let is_kind = |text: &str| {
            let mut known = self.registry.server_kinds().chain(self.registry.client_kinds());
            known.any(|kind| kind == text)
        };
        let index = self
            .fields
            .iter()
            .position(|field| field.name.is_some() && is_kind(&field.value.text))?;
        let next = self.fields.get(index + 1)?;
        let field = self.fields.get(index)?;
        let name = field.name.as_ref()?;
        let inner = self.text.get(field.value.span.start..)?;
        (next.name.is_none() && inner.len() <= SHOWN_MAX).then(|| {
            let inner = quote_string_argument(inner);
            format!("a string inside another one is escaped: `{}={inner}`", name.text).into()
        })
    }

    /// `unix:/run/a=b`
    fn plain_equals_sign(&self, problem: &Problem) -> Option<Cow<'static, str>> {
        let Problem::UnknownOption { option, .. } = problem else { return None };
        let field = self
            .fields
            .iter()
            .find(|field| field.name.as_ref().is_some_and(|name| name.span == self.span))?;
        let is_path = option.contains('/') && option.len() + field.value.span.len() <= SHOWN_MAX;
        is_path.then(|| {
            let (option, value) = (quote_positional_argument(option), &field.value.text);
            let value = quote_positional_argument(value);
            format!("a `=` in a path is escaped: `{option}\\={value}`").into()
        })
    }

    /// `unix:/run/a:b.socket`, `privateKey=C:/key.pem`
    fn plain_colon(&self, problem: &Problem) -> Option<Cow<'static, str>> {
        let is_path = |text: &str| text.contains('/') || text.contains('.');
        self.fields.windows(2).find_map(|pair| {
            let [first, second] = pair else { return None };
            let (first, rest) = (&first.value, &second.value);
            let is_letter =
                first.text.len() == 1 && first.text.starts_with(|it: char| it.is_ascii_uppercase());
            let is_drive = is_letter && rest.text.starts_with(['/', '\\']);
            let is_here = self.span.start == rest.span.start;
            let is_here = is_here || matches!(problem, Problem::GivenTwice { .. });
            let is_split = is_here && second.name.is_none() && is_path(&rest.text);
            let written = self.text.get(first.span.start..rest.span.end)?;
            let fits = is_split && (is_drive || first.text.contains('/'));
            (fits && written.len() <= SHOWN_MAX).then(|| {
                let whole = format!("{}:{}", first.text, rest.text);
                let whole = quote_positional_argument(&whole);
                format!("a `:` in a path is escaped: `{whole}`").into()
            })
        })
    }
}

/// `tcp:http`
fn service(problem: &Problem) -> Option<Cow<'static, str>> {
    let Problem::Invalid { argument: "port", given, .. } = problem else { return None };
    let (name, port) = SERVICES.iter().find(|(name, _)| name.eq_ignore_ascii_case(given))?;
    Some(format!("a port is a number: {name} is {port}").into())
}

/// `tcp:80,443`
fn several_ports(problem: &Problem) -> Option<Cow<'static, str>> {
    let Problem::Invalid { argument: "port", given, .. } = problem else { return None };
    let mut ports = given.split([',', ';', ' ']);
    let first = ports.next()?;
    let is_port = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
    let is_list = is_port && ports.next().is_some_and(|next| !next.is_empty());
    is_list.then(|| "a string has one port: each other one needs a string of its own".into())
}

/// For a string whose first field is no kind: the likely one.
pub(crate) fn kind_hint(
    text: &str,
    kind: &str,
    side: Side,
    known: &[&str],
) -> Option<Cow<'static, str>> {
    const KIND_FIRST: &str = "a kind comes first";
    if DATAGRAM_KINDS.iter().any(|datagrams| datagrams.eq_ignore_ascii_case(kind)) {
        return Some("datagrams have no endpoint string: a program calls `listen_udp`".into());
    }
    if kind.starts_with(['"', '\'', '`', '“', '‘']) {
        return Some("quotation marks are part of the string: leave them out".into());
    }
    let is_number = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_digit());
    let is_host =
        kind.contains('.') || kind.starts_with('[') || kind.eq_ignore_ascii_case("localhost");
    let form = match (kind, side) {
        _ if text.get(kind.len()..).is_some_and(|rest| rest.starts_with("://")) => {
            return Some(match side {
                Side::Server => {
                    "an endpoint string is no URL: `tcp:PORT`, `tls:FOLDER:PORT`".into()
                }
                Side::Client => {
                    "an endpoint string is no URL: `tcp:HOST:PORT`, `tls:HOST:PORT`".into()
                }
            });
        }
        (kind, _) if kind.starts_with(['/', '~']) || kind.starts_with("./") => "`unix:PATH`",
        ("*", Side::Server) => "`tcp:PORT`",
        (_, Side::Server) if is_number => "`tcp:PORT`",
        (_, Side::Server) if is_host => "`tcp:PORT:interface=ADDRESS`",
        (_, Side::Client) if is_host || is_number => "`tcp:HOST:PORT`",
        _ => return kind_meant(kind, side, known),
    };
    Some(format!("{KIND_FIRST}: {form}").into())
}

/// `http:80`
fn kind_meant(given: &str, side: Side, known: &[&str]) -> Option<Cow<'static, str>> {
    let (_, [server, client]) =
        KINDS_MEANT.iter().find(|(name, _)| name.eq_ignore_ascii_case(given))?;
    let form = if side == Side::Server { server } else { client };
    let kind = form.trim_start_matches('`').split(':').next()?;
    if !known.contains(&kind) {
        return None;
    }
    Some(format!("`{given}` is written {form}").into())
}
