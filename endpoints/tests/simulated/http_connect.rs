//! The kind `http-connect`, through a proxy whose every byte the test writes.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use interfaces::{Deliver, Event, Factory, Reason, StreamClientEndpoint};
use protocol::connect_protocol;
use protocol::http_connect::{HttpConnectClientEndpoint, HttpCredentials};
use protocol::testing::{Clock, Record, Recorder, StringTransport};
use reactor::Reactor;
use reactor::simulated::Simulated;
use ropewalk_endpoints::{
    Arguments, ClientParser, HttpConnectClientParser, ParseError, Parsed, Registry,
};
use testkit::result_of;

/// A connection to a proxy that the test plays; a clone is the same.
#[derive(Clone, Default)]
struct Proxy {
    wire: Rc<RefCell<Option<Rc<StringTransport>>>>,
    client: Rc<RefCell<Option<Rc<dyn Deliver>>>>,
}

impl StreamClientEndpoint for Proxy {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        let wire = StringTransport::new();
        let below = wire.as_transport();
        let client = factory.build_protocol(&below.peer()).unwrap();
        client.deliver(Event::ConnectionMade(&below));
        self.wire.replace(Some(wire));
        self.client.replace(Some(client));
        Deferred::succeed(())
    }
}

/// The kind `played`, a client that connects to the proxy.
impl ClientParser for Proxy {
    fn kind(&self) -> &'static str {
        "played"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let [] = arguments.bind([])?;
        Ok(arguments.parsed(Rc::new(self.clone()), ["played"]))
    }
}

impl Proxy {
    fn says(&self, bytes: &[u8]) {
        let client = self.client.borrow().clone().unwrap();
        client.deliver(Event::DataReceived(&mut bytes.to_vec()));
    }

    fn ends(&self) {
        let client = self.client.borrow().clone().unwrap();
        client.deliver(Event::ConnectionLost(&Reason::Done));
    }

    fn wire(&self) -> Rc<StringTransport> {
        self.wire.borrow().clone().unwrap()
    }
}

/// A client that has sent its request.
struct Attempt {
    proxy: Proxy,
    clock: Clock,
    record: Record,
    connected: Deferred<()>,
}

impl Attempt {
    fn of(text: &str) -> Self {
        let (proxy, clock) = (Proxy::default(), Clock::new());
        let registry = Registry::new()
            .with_client(proxy.clone())
            .with_client(HttpConnectClientParser::new(clock.clone()));
        let endpoint = registry.client(text).unwrap();
        let record = Record::new();
        let client = Recorder::new(&record).on_made(|transport| transport.write(b"hello"));
        let connected = connect_protocol(&endpoint, client).add_callback(|_running| Ok(()));
        Self { proxy, clock, record, connected }
    }

    fn new() -> Self {
        Self::of("http-connect:host=www.example.com:port=443:played")
    }

    /// The failure, after which nothing is left.
    fn failure(self) -> String {
        assert!(self.record.calls().is_empty());
        assert!(self.connected.is_fired());
        assert_eq!(self.clock.pending(), 0);
        result_of(self.connected).unwrap_err().to_string()
    }
}

#[test]
fn the_request_has_the_destination_unresolved_and_the_host_field() {
    for (text, to) in [
        ("http-connect:host=www.example.com:port=443:played", "www.example.com:443"),
        ("http-connect:host=[2001:db8::1]:port=80:played", "[2001:db8::1]:80"),
        ("http-connect:host=192.0.2.1:port=8080:played", "192.0.2.1:8080"),
        ("http-connect:host=bücher.example:port=1:played", "xn--bcher-kva.example:1"),
    ] {
        let sent = Attempt::of(text).proxy.wire().value();
        let wanted = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n");
        assert_eq!(String::from_utf8(sent).unwrap(), wanted);
    }
}

#[test]
fn a_user_and_a_password_are_sent_with_basic() {
    // The example of RFC 7617, section 2.
    let text = "http-connect:host=h:port=1:user=Aladdin:password=open sesame:played";
    let sent = String::from_utf8(Attempt::of(text).proxy.wire().value()).unwrap();
    let field = "\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n";
    assert!(sent.ends_with(field), "{sent}");
}

/// Answers that open the way.
const GRANTED: [&str; 6] = [
    "HTTP/1.1 200 Connection established\r\n\r\n",
    "HTTP/1.0 200 OK\r\nProxy-agent: tinyproxy/1.11.1\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 204 \r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\nVia: 1.1 a\n\n",
];

#[test]
fn an_answer_cut_anywhere_opens_the_way_and_what_follows_is_handed_on_once() {
    for answer in GRANTED {
        let whole = [answer.as_bytes(), b"\r\n\r\nfirst"].concat();
        let mut cuts: Vec<Vec<&[u8]>> = (0..=whole.len())
            .map(|at| whole.split_at(at))
            .map(|(one, other)| vec![one, other])
            .collect();
        cuts.push(whole.chunks(1).collect());
        for pieces in cuts {
            let attempt = Attempt::new();
            attempt.proxy.wire().clear();
            pieces.iter().filter(|piece| !piece.is_empty()).for_each(|it| attempt.proxy.says(it));
            attempt.proxy.says(b" second");
            assert_eq!(attempt.record.received(), b"\r\n\r\nfirst second", "{answer:?}");
            assert_eq!(attempt.record.calls()[0], "connection_made");
            assert_eq!(attempt.proxy.wire().value(), b"hello");
            assert_eq!(attempt.clock.pending(), 0);
            result_of(attempt.connected).unwrap();
        }
    }
}

#[test]
fn a_refusal_is_told_with_its_status_its_reason_and_what_it_means() {
    for (answer, told) in [
        (
            "HTTP/1.1 403 Forbidden\r\n\r\n",
            "it answers 403 Forbidden; its rules do not allow the destination",
        ),
        (
            "HTTP/1.0 502 Bad Gateway\r\nX: y\r\n\r\n<html>",
            "it answers 502 Bad Gateway; it could not reach the destination",
        ),
        (
            "HTTP/1.1 405 Not Allowed\r\n\r\n",
            "it answers 405 Not Allowed; is it a proxy that takes CONNECT?",
        ),
        ("HTTP/1.1 302\r\nLocation: /login\r\n\r\n", "it answers 302"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "it answers 101 Switching Protocols"),
        ("HTTP/1.1 500 a\u{1b}[2Jb\r\n\r\n", r"it answers 500 a\u{1b}[2Jb"),
        (
            "HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n",
            "it answers 407, and wants a user and a password",
        ),
        ("HTTP/1.1 407 Auth\r\n\r\n", "it answers 407, and wants a user and a password"),
        (
            "HTTP/1.1 407 Auth\r\nproxy-authenticate: Negotiate\r\nProxy-Authenticate:NTLM\r\n\r\n",
            "it answers 407, and wants Negotiate, NTLM; this client has Basic alone",
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n", "the answer is not one of HTTP/1"),
        ("HTTP/2 200\r\n\r\n", "the answer is not one of HTTP/1"),
        ("HTTP/1.1 2000\r\n\r\n", "the answer is not one of HTTP/1"),
        ("HTTP/1.1 20\r\n\r\n", "the answer is not one of HTTP/1"),
        ("HTTP/1.1 +20 OK\r\n\r\n", "the answer is not one of HTTP/1"),
        ("\r\n\r\n", "the answer is not one of HTTP/1"),
        ("\u{5}", "the answer is not one of HTTP/1"),
    ] {
        for size in [1, answer.len()] {
            let attempt = Attempt::new();
            for piece in answer.as_bytes().chunks(size) {
                attempt.proxy.says(piece);
            }
            assert!(attempt.proxy.wire().aborting(), "{answer:?}");
            let wanted = format!("cannot connect through the HTTP proxy: {told}");
            assert_eq!(attempt.failure(), wanted);
        }
    }
}

#[test]
fn a_password_that_the_proxy_does_not_take_is_told_as_such() {
    let attempt = Attempt::of("http-connect:host=h:port=1:user=u:password=p:played");
    attempt.proxy.says(b"HTTP/1.1 407 No\r\nProxy-Authenticate: basic realm=r\r\n\r\n");
    let failure = attempt.failure();
    assert!(failure.ends_with("it answers 407, and wants another user and password"), "{failure}");
}

#[test]
fn a_head_without_an_end_is_given_up_at_8_kib_and_interim_answers_count() {
    let field = format!("X: {}\r\n", "y".repeat(1000));
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    for (begin, more) in [("HTTP/1.1 200 OK\r\n", &*field), ("", interim)] {
        let attempt = Attempt::new();
        attempt.proxy.says(begin.as_bytes());
        let mut sent = begin.len();
        while !attempt.connected.is_fired() {
            attempt.proxy.says(more.as_bytes());
            sent += more.len();
            assert!(sent < 10_000);
        }
        assert!(sent > 8192);
        let failure = attempt.failure();
        assert!(failure.ends_with("the head of its answer is longer than 8 KiB"), "{failure}");
    }
    // One of 8 KiB is taken, and the 64 KiB behind it are the destination's.
    let attempt = Attempt::new();
    let begin = "HTTP/1.1 200 OK\r\nX: ";
    let head = format!("{begin}{}\r\n\r\n", "y".repeat(8192 - begin.len() - 4));
    attempt.proxy.says(&[head.as_bytes(), &[7; 65536]].concat());
    assert_eq!(attempt.record.received(), [7; 65536]);
}

#[test]
fn a_proxy_that_does_not_answer_in_time_or_ends_before_it_does_is_given_up() {
    let attempt = Attempt::new();
    attempt.clock.advance(Duration::from_secs(59));
    attempt.proxy.says(b"HTTP/1.1 200");
    assert!(!attempt.connected.is_fired());
    attempt.clock.advance(Duration::from_secs(1));
    assert!(attempt.proxy.wire().aborting());
    assert!(attempt.failure().ends_with("no answer within 60s"));

    let attempt = Attempt::new();
    attempt.proxy.says(b"HTTP/1.1 200 OK\r\n");
    attempt.proxy.ends();
    assert!(attempt.failure().ends_with("the connection ended before its answer"));
}

#[test]
fn an_attempt_that_is_cancelled_leaves_nothing() {
    let attempt = Attempt::new();
    attempt.proxy.says(b"HTTP/1.1 200 OK\r\n");
    attempt.connected.cancel_handle().cancel();
    assert!(attempt.proxy.wire().aborting());
    assert_eq!(attempt.clock.pending(), 0);
    assert!(result_of(attempt.connected).unwrap_err().check::<deferred::Cancelled>());
}

/// The failure of a program's own endpoint, which sends nothing.
fn refused(host: &str, credentials: Option<HttpCredentials>) -> Failure {
    let proxy = Proxy::default();
    let mut endpoint =
        HttpConnectClientEndpoint::new(Rc::new(proxy.clone()), Clock::new(), host, 80);
    if let Some(credentials) = credentials {
        endpoint = endpoint.with_credentials(credentials);
    }
    let failure = result_of(connect_protocol(&endpoint, Recorder::new(&Record::new())));
    assert!(proxy.wire.borrow().is_none(), "it is refused before it connects");
    failure.err().unwrap()
}

#[test]
fn no_text_of_a_program_can_add_a_line_to_the_request() {
    let hosts = ["a\r\nX: y", "a b", "a\n", "", "a:80", "a/b", "é", "u@h", "a\0", "[::1", "::1%lo"];
    for host in hosts.into_iter().chain([&*"a".repeat(255)]) {
        let failure = refused(host, None).to_string();
        assert!(failure.ends_with("is neither an address nor a host name"), "{failure}");
    }
    for (user, password) in [("a:b", "c"), ("a\r\n", "c"), ("a", "b\n"), ("a\u{7f}", "c")] {
        let failure = refused("h", Some(HttpCredentials::new(user, password))).to_string();
        assert!(failure.contains("cannot have a colon"), "{failure}");
    }
    assert!(!format!("{:?}", HttpCredentials::new("alice", "secret")).contains("secret"));
}

fn registry() -> Registry {
    let reactor: Reactor<Simulated> = Reactor::simulated(1);
    Registry::standard(reactor.clone()).with_client(HttpConnectClientParser::new(reactor))
}

#[test]
fn a_description_shows_no_password_and_is_read_again_as_the_same() {
    let text = "http-connect:host=[2001:db8::1]:port=80:user=al:password=secret:tcp:127.0.0.1:3128";
    let description = registry().parse_client(text).unwrap().description;
    let shown = description.to_string();
    assert!(shown.starts_with(r"http-connect:host=2001\:db8\:\:1:port=80:user=al:tcp:"), "{shown}");
    assert_eq!(registry().parse_client(&shown).unwrap().description, description);
    assert_eq!(description.layers, ["http-connect", "tcp"]);
}

#[test]
fn a_mistake_is_told_at_its_place() {
    for (text, message, offset) in [
        ("http-connect:tcp:h:1080", "`host` is missing for a `http-connect` client", 23),
        (
            "http-connect:host=fe80\\:\\:1%lo:port=1:tcp:h:1",
            "a zone is one of this machine, and means nothing to a proxy",
            18,
        ),
        (
            "http-connect:host=h:port=1:user=a\\:b:tcp:h:1",
            "a user of HTTP's scheme Basic cannot have a colon",
            32,
        ),
        (
            "http-connect:host=h:port=1:user=a:password=\n:tcp:h:1",
            "a password cannot have a control character",
            43,
        ),
        (
            "http-connect:host=h:port=1:password=x:tcp:h:1",
            "`user` is missing for a `http-connect` client",
            45,
        ),
        ("http-connect:host=h:port=80", "the kind of endpoint is empty", 27),
    ] {
        let mistake = registry().client(text).err().unwrap();
        assert_eq!((&*mistake.message(), mistake.offset()), (message, offset), "{text}");
    }
}
