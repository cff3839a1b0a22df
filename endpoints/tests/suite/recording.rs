//! Reading an argument records it: the description is made of what was read.
//!
//! Invariant: the parsers here never build a description themselves.

use std::rc::Rc;
use std::time::Duration;

use interfaces::{ListenUnix, StreamClientEndpoint, StreamServerEndpoint, UnixAddress};
use ropewalk_endpoints::{
    Arguments, ClientParser, Description, Host, ParseError, Parsed, ServerParser,
    TcpClientEndpoint, UnixServerEndpoint, Value,
};

use crate::doubles::Reactor;

/// Reads one argument with each reader, in another order than it binds them.
struct Readers(Reactor);

impl ServerParser for Readers {
    fn kind(&self) -> &'static str {
        "readers"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let ([port, backlog], [_unread, text, mode, flag, time, host, ip, below, old, other]) =
            arguments.bind_keywords(
                ["port", "backlog"],
                ["unread", "text", "mode", "flag", "time", "host", "ip", "below", "old", "other"],
            )?;
        host.host_or(Host::ANY_IPV6)?;
        ip.ip_address()?;
        below.server()?;
        time.seconds_or(Duration::from_millis(1500))?;
        flag.flag_or(true)?;
        mode.octal_mode_or(0o640)?;
        text.text_or("a text")?;
        backlog.backlog()?;
        port.port_or(1)?;
        old.unlisted().number_or(0..=9, 0)?;
        if other.flag_or(false)? {
            other.record(Value::Text("replaced".into()));
        }
        let options = ListenUnix::new(UnixAddress::Path(Rc::from(*b"/a")));
        let endpoint = UnixServerEndpoint::new(self.0.clone(), options);
        Ok(arguments.parsed(Rc::new(endpoint), ["above", "below"]))
    }
}

fn read(text: &str) -> Result<Description, ParseError> {
    let reactor = Reactor::new();
    let registry = reactor.registry().with_server(Readers(reactor));
    registry.parse_server(text).map(|parsed| parsed.description)
}

#[test]
fn a_default_is_recorded_and_an_unread_argument_is_absent() {
    let defaults = [
        ("port", Value::Number(1)),
        ("backlog", Value::Text("max".into())),
        ("unread", Value::Absent),
        ("text", Value::Text("a text".into())),
        ("mode", Value::Mode(0o640)),
        ("flag", Value::Flag(true)),
        ("time", Value::Seconds(Duration::from_millis(1500))),
        ("host", Value::Text("::".into())),
        ("ip", Value::Absent),
        ("below", Value::Absent),
        ("other", Value::Flag(false)),
    ];
    let description = read("readers:host=:ip=").unwrap();
    assert_eq!(description.arguments, defaults);
    assert_eq!((description.kind, description.layers.len()), ("readers", 2));
    assert_eq!(read("readers:unread=u").unwrap().arguments, defaults);
}

#[test]
fn a_given_value_is_recorded_as_it_was_read_in_the_order_of_the_binding() {
    let description = read(concat!(
        "readers:007:5:old=3:other=1:below=tcp\\:80:ip=[::0]:host=A.example:time=2m:flag=yes",
        ":mode=0o7:text=",
    ));
    assert_eq!(
        description.unwrap().to_string(),
        concat!(
            "readers:port=7:backlog=5:text=:mode=0007:flag=1:time=120:host=A.example:ip=\\:\\:",
            ":below=tcp\\:80:other=replaced",
        )
    );
}

#[test]
fn an_unlisted_argument_is_read_like_any_other() {
    let mistake = read("readers:old=10").unwrap_err();
    assert_eq!((mistake.offset(), mistake.length()), (12, 2));
    assert_eq!(mistake.message(), "old `10` is not a number from 0 to 9");
}

/// A client over TCP with an argument of its own.
struct Named(Reactor);

impl ClientParser for Named {
    fn kind(&self) -> &'static str {
        "named"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let ([host, port], [name, timeout, bind_address]) =
            arguments.bind_host_port(["name", "timeout", "bindAddress"])?;
        arguments.require(&[name])?;
        name.required()?;
        let host = host.host()?;
        let local = bind_address.local_address(host.family())?;
        let endpoint = TcpClientEndpoint::new(self.0.clone(), host, port.port()?)
            .with_timeout(timeout.seconds_or(TcpClientEndpoint::TIMEOUT)?);
        let endpoint = match local {
            Some(address) => endpoint.with_bind_address(address),
            None => endpoint,
        };
        Ok(arguments.parsed(Rc::new(endpoint), ["named", "tcp"]))
    }
}

#[test]
fn the_arguments_of_a_client_over_tcp_are_at_hand_for_every_kind() {
    let reactor = Reactor::new();
    let registry = reactor.registry().with_client(Named(reactor));
    let said = |text: &str| match registry.parse_client(text) {
        Ok(parsed) => parsed.description.to_string(),
        Err(mistake) => format!("{}: {mistake}", mistake.offset()),
    };
    for (text, answer) in [
        ("named:a:1:name=n", "named:host=a:port=1:name=n:timeout=30"),
        ("named:name=n:1:host=a", "named:host=a:port=1:name=n:timeout=30"),
        ("named:port=1:name=n:a", "named:host=a:port=1:name=n:timeout=30"),
        ("named:1:name=n", "14: `port` is missing for a `named` client"),
        ("named:a:1", "9: `name` is missing for a `named` client"),
        (
            "named:host=a:1:2",
            "6: `host` is given twice to a `named` client, by position and by name",
        ),
        (
            "named:host=a:1:port=2",
            "15: `port` is given twice to a `named` client, by position and by name",
        ),
        ("named:host=a:1:prot=2", "15: unknown option `prot` for a `named` client"),
        (
            "named:[::1]:1:name=n:bindAddress=1.2.3.4",
            "33: bindAddress `1.2.3.4` is not an IPv6 address",
        ),
        (
            "named:[fe80::1%eth0]:1:name=n:bindAddress=1.2.3.4",
            "42: bindAddress `1.2.3.4` is not an IPv6 address",
        ),
        (
            "named:a:1:name=n:timeout=soon",
            "25: timeout `soon` is not a time from 0 to 4294967295 s, as in `30` or `500ms`",
        ),
    ] {
        assert_eq!(said(text), answer, "{text}");
    }
}
