//! Clients behind a relay that routes by their ClientHello.

use std::rc::Rc;

use interfaces::Reason;
use ropewalk_endpoints::haproxy::{ProxyHeader, ProxyServerEndpoint, ProxyServerOptions};
use ropewalk_endpoints::sni::{ClientHello, NotTls};

use crate::hellos::{alpn, hello_for, message, post_quantum_key, records, server_name};
use crate::site::Site;

const ROUTES: &[(&[&str], &str)] = &[
    (&["alpn=acme-tls/1"], "acme"),
    (&["a.example", "www.a.example"], "a"),
    (&["*.b.example"], "b"),
    (&["*"], "default"),
];

#[test]
fn a_hello_cut_at_every_byte_reaches_its_back_end_unchanged() {
    let message = message(&[post_quantum_key(), server_name(b"a.example")]);
    for most in [1 << 14, 100] {
        let bytes = records(&message, most);
        assert!(bytes.len() > 1280);
        for cut in 1..bytes.len() {
            let site = Site::new(ROUTES);
            site.send(&[&bytes[..cut], &bytes[cut..]]);
            assert_eq!(site.reached(), [("a", bytes.clone())], "{cut}");
            assert_eq!(site.told.borrow().len(), 0);
        }
    }
}

#[test]
fn a_hello_in_records_of_one_byte_that_arrive_byte_by_byte_reaches_its_back_end_unchanged() {
    let site = Site::new(ROUTES);
    let bytes = records(&message(&[server_name(b"x.b.example"), post_quantum_key()]), 1);
    site.send(&bytes.chunks(1).collect::<Vec<_>>());
    assert_eq!(site.reached(), [("b", bytes)]);
}

#[test]
fn bytes_behind_the_hello_follow_it_and_answers_come_back() {
    let site = Site::new(ROUTES);
    let hello = hello_for("a.example");
    let client = site.send(&[&[&hello[..], b"early"].concat(), b" and late"]);
    site.server("a").transport().write(b"answer");
    site.network.flush();
    assert_eq!(client.received(), b"answer");
    assert_eq!(site.reached(), [("a", [&hello[..], b"early and late"].concat())]);
}

#[test]
fn the_first_route_that_takes_the_client_counts() {
    let site = Site::new(ROUTES);
    let acme = records(&message(&[server_name(b"a.example"), alpn(&[b"acme-tls/1"])]), 1 << 14);
    let nameless = records(&message(&[]), 1 << 14);
    for (bytes, back_end) in [
        (hello_for("a.example"), "a"),
        (hello_for("WWW.A.example"), "a"),
        (hello_for("x.b.example"), "b"),
        (hello_for("y.x.b.example"), "b"),
        (hello_for("b.example"), "default"),
        (hello_for("xb.example"), "default"),
        (hello_for("c.a.example"), "default"),
        (acme, "acme"),
        (nameless, "default"),
        (b"SSH-2.0-x\r\n".to_vec(), "default"),
    ] {
        site.send(&[&bytes]);
        assert_eq!(site.reached(), [(back_end, bytes)]);
    }
    assert_eq!(site.told.borrow().len(), 0);
}

#[test]
fn without_a_default_a_client_without_a_route_is_closed_with_a_line() {
    let site = Site::new(&[(&["a.example"], "a")]);
    for (bytes, line) in [
        (hello_for("c.example"), "no route takes the server name `c.example`"),
        (
            records(&message(&[]), 1 << 14),
            "no route takes a client without a server name; `for=*` takes every one",
        ),
        (b"GET / HTTP/1.0\r\n".to_vec(), "it does not speak TLS, and no route is `for=*`"),
    ] {
        let client = site.send(&[&bytes]);
        assert!(client.lost().is_some(), "{line}");
        assert_eq!(site.told.take(), [line]);
    }
    assert_eq!(site.reached(), []);
}

#[test]
fn a_hello_that_is_malformed_or_late_is_closed_with_a_line_and_reaches_no_default() {
    let site = Site::new(ROUTES);
    let client = site.send(&[&records(&[2, 0, 0, 0], 4)]);
    assert!(client.lost().is_some());
    let told = site.told.take();
    assert_eq!(told, ["its TLS handshake begins with the message 2, and not with a ClientHello"]);
    let (client, transport) = site.client();
    for byte in &hello_for("a.example")[..9] {
        transport.write(&[*byte]);
        site.network.flush();
        site.pass(500);
    }
    assert!(client.lost().is_none());
    site.pass(500);
    assert!(client.lost().is_some());
    assert_eq!(site.told.take(), ["its ClientHello was not complete in time"]);
    assert_eq!(site.reached(), []);
}

#[test]
fn a_bare_connect_is_not_told_and_one_that_ends_in_the_middle_is() {
    let site = Site::new(ROUTES);
    let (_, transport) = site.client();
    transport.lose_connection();
    site.network.flush();
    assert_eq!(site.told.take(), [""; 0]);
    let client = site.send(&[&hello_for("a.example")[..20]]);
    client.transport().abort_connection();
    site.network.flush();
    assert_eq!(site.told.take(), ["it ended the connection in the middle of its ClientHello"]);
    assert!(matches!(client.lost(), Some(Reason::Aborted)));
    assert_eq!((site.reached().len(), site.clock.delayed_calls().len()), (0, 0));
}

#[test]
fn a_proxy_header_before_the_hello_is_taken_off_and_both_answer() {
    let header = b"PROXY TCP4 192.0.2.1 192.0.2.22 56324 443\r\n";
    let site = Site::behind(ROUTES, |endpoint, clock| {
        let trust = "loopback,unix".parse().unwrap();
        let options = ProxyServerOptions::default().with_trust(trust);
        Rc::new(ProxyServerEndpoint::new(endpoint, clock.clone()).with_options(options))
    });
    let hello = hello_for("a.example");
    let bytes = [&header[..], &hello].concat();
    for cut in 1..bytes.len() {
        site.send(&[&bytes[..cut], &bytes[cut..]]);
        assert_eq!(site.reached(), [("a", hello.clone())], "{cut}");
    }
    assert_eq!(site.told.borrow().len(), 0);
}

mod answers {
    //! What a server's own protocol asks its transport.

    use super::*;
    use interfaces::StreamServerEndpoint as _;
    use protocol::testing::memory::Network;
    use protocol::testing::{Clock, Record, Recorder};
    use protocol::{connect_protocol, factory_fn};
    use ropewalk_endpoints::sni::SniServerEndpoint;

    fn server_of(bytes: &'static [u8]) -> Record {
        let (network, record) = (Network::new(), Record::new());
        let of_server = record.clone();
        let proxied = ProxyServerEndpoint::new(network.server("site"), Clock::new());
        let endpoint = SniServerEndpoint::new(proxied, Clock::new());
        drop(endpoint.listen(factory_fn(move |_| Recorder::new(&of_server))));
        let header = b"PROXY TCP4 192.0.2.1 192.0.2.22 56324 443\r\n";
        let client = Recorder::new(&Record::new()).on_made(move |transport| {
            transport.write(header);
            transport.write(bytes);
        });
        drop(connect_protocol(&network.client("site"), client));
        network.flush();
        record
    }

    #[test]
    fn a_protocol_asks_for_the_hello_and_for_the_header_below_it() {
        let transport = server_of(hello_for("a.example").leak()).transport();
        let hello = transport.query::<ClientHello>().unwrap();
        assert_eq!(hello.server_name.as_deref(), Some("a.example"));
        assert!(transport.query::<ProxyHeader>().is_some());
        assert_eq!(transport.peer().to_string(), "192.0.2.1:56324");
        assert_eq!(transport.query::<NotTls>(), None);
        let transport = server_of(b"GET /").transport();
        assert_eq!(transport.query::<NotTls>(), Some(NotTls));
        assert_eq!(transport.query::<ClientHello>(), None);
    }
}
