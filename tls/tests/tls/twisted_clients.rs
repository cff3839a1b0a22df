//! Twisted's `ssl:` and `tls:` client strings, from the string to the connection; and clients and servers that
//! are wrapped by hand.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deferred::{Cancelled, Deferred};
use endpoints::{Host, TcpClientEndpoint, TcpServerEndpoint};
use interfaces::{Factory, StreamClientEndpoint, StreamServerEndpoint};
use protocol::testing::{Record, Recorder};
use protocol::{ProtocolRef, connect_protocol, factory_fn};
use rustls::pki_types::ServerName;
use testkit::result_of;

use crate::certificates::{Authority, Identity, VERSIONS};
use crate::machine::{Files, Machine};
use crate::talk::told;
use crate::tls::{TlsClientEndpoint, TlsServerEndpoint};

fn both(identity: &Identity) -> String {
    identity.key_pem() + &identity.certificate_pem
}

/// A machine with a server for these names on port 443, and the directory with its authority.
fn site(names: &[&str]) -> (Machine, Files, Authority, Record, String) {
    let (machine, files, authority) = (Machine::new(), Files::new(), Authority::new());
    files.write("roots/authority.pem", authority.pem());
    let own = authority.changed(names[0], |params| {
        let more = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        params.subject_alt_names = rcgen::CertificateParams::new(more).unwrap().subject_alt_names;
    });
    let pem = files.write("server.pem", &both(&own));
    let trusted = files.path("roots");
    let text = format!("ssl:443:{pem}:clientCA={trusted}:clientAuth=wanted");
    let record = machine.serve_recorded(&text).unwrap();
    (machine, files, authority, record, trusted)
}

/// endpoint-ssl-002, endpoint-ssl-019, endpoint-tls-008
#[test]
fn a_client_makes_one_tcp_connect_within_thirty_seconds_from_any_address_and_shows_nothing() {
    let (machine, _files, _authority, server, trusted) = site(&["a.example"]);
    for text in ["ssl:a.example:443", "tls:a.example:443"] {
        machine.connected.borrow_mut().clear();
        machine.call(text).unwrap();
        let connected = machine.connected.borrow();
        assert_eq!(connected.len(), 1);
        assert_eq!(connected[0].address, SocketAddr::from(([127, 0, 0, 1], 443)));
        assert_eq!(connected[0].timeout, Duration::from_secs(30));
        assert_eq!(connected[0].bind_address, None);
    }
    server.forget();
    for (limit, spoken) in [("maxVersion=1.2", "TLSv1_2"), ("minVersion=1.2", "TLSv1_3")] {
        let record =
            machine.call(&format!("ssl:a.example:443:caCertsDir={trusted}:{limit}")).unwrap();
        assert_eq!(record.transport().as_tls().unwrap().version().as_deref(), Some(spoken));
    }
    assert!(server.transport().as_tls().unwrap().peer_certificates().is_empty());
}

/// endpoint-ssl-017, endpoint-ssl-024
#[test]
fn an_ssl_client_with_every_value_connects_with_them_shows_its_certificate_and_trusts_the_directory()
 {
    let (machine, files, authority, server, trusted) = site(&["a.example"]);
    let own = authority.identity("client.example");
    let (key, certificate) = (
        files.write("client-key.pem", &own.key_pem()),
        files.write("client.pem", &own.certificate_pem),
    );
    let text = format!(
        "ssl:host=a.example:port=443:privateKey={key}:certKey={certificate}\
         :bindAddress=127.0.0.3:timeout=3:caCertsDir={trusted}"
    );
    assert_eq!(machine.call(&text).unwrap().received(), b"hello");
    let shown = server.transport().as_tls().unwrap().peer_certificates();
    assert_eq!(shown, [own.certificate.to_vec()]);
    let connected = machine.connected.borrow()[0].clone();
    assert_eq!(connected.timeout, Duration::from_secs(3));
    assert_eq!(connected.bind_address, Some("127.0.0.3:0".parse().unwrap()));

    let whole = files.write("whole.pem", &both(&own));
    let text = format!("ssl:a.example:443:caCertsDir={trusted}:certKey={whole}");
    assert_eq!(machine.call(&text).unwrap().received(), b"hello");
    let text = format!("ssl:a.example:443:caCertsDir={trusted}:certKey={certificate}");
    let told = machine.call(&text).unwrap_err();
    assert!(told.contains("no private key in the file"), "{told}");
}

/// endpoint-ssl-022
#[test]
fn the_hostname_of_an_ssl_client_is_verified_in_place_of_its_host_and_may_be_unicode_or_punycode() {
    let (machine, _files, _authority, _server, trusted) = site(&["xn--9ca.example"]);
    for name in ["\u{e9}.example", "xn--9ca.example"] {
        let text = format!("ssl:127.0.0.1:443:hostname={name}:caCertsDir={trusted}");
        assert_eq!(machine.call(&text).unwrap().received(), b"hello", "{name}");
        let text = format!("tls:other.example:443:hostname={name}:trustRoots={trusted}");
        assert_eq!(machine.call(&text).unwrap().received(), b"hello", "{name}");
    }
    let text = format!("ssl:xn--9ca.example:443:hostname=b.example:caCertsDir={trusted}");
    let lost = told(machine.call(&text).unwrap().lost());
    assert!(
        lost.contains("not valid for name \"b.example\", only for `xn--9ca.example`"),
        "{lost}"
    );
}

/// endpoint-tls-007, endpoint-tls-012
#[test]
fn a_tls_client_connects_within_its_time_and_from_its_address() {
    let (machine, ..) = site(&["a.example"]);
    machine.call("tls:a.example:443:timeout=10:bindAddress=127.0.0.1").unwrap();
    assert_eq!(*machine.resolved.borrow(), ["a.example"]);
    let connected = machine.connected.borrow();
    assert_eq!(connected.len(), 1);
    assert_eq!(connected[0].timeout, Duration::from_secs(10));
    assert_eq!(connected[0].bind_address, Some("127.0.0.1:0".parse().unwrap()));
}

/// endpoint-tls-009, endpoint-tls-010, tlsverify-010
#[test]
fn a_host_beyond_ascii_is_asked_for_sent_and_verified_in_ascii() {
    let (machine, files, authority) = (Machine::new(), Files::new(), Authority::new());
    files.write("pems/a.pem", &both(&authority.identity("a.example")));
    files.write("pems/b.pem", &both(&authority.identity("xn--xample-9ua.example")));
    machine.serve(&format!("tls:{}:443", files.path("pems"))).unwrap();
    let trusted = files.write("roots/authority.pem", authority.pem());
    let text = format!("tls:\u{e9}xample.example:443:trustRoots={trusted}");
    // The server has found the certificate by the name that was sent.
    assert_eq!(machine.call(&text).unwrap().received(), b"hello");
    assert_eq!(*machine.resolved.borrow(), ["xn--xample-9ua.example"]);
    let lost = told(machine.call("tls:\u{e9}xample.example:443").unwrap().lost());
    assert!(lost.contains("is not trusted here"), "the public roots do not: {lost}");
}

/// endpoint-tls-011
#[test]
fn a_tls_client_and_a_server_with_its_self_signed_certificate_talk_and_both_show_theirs() {
    let (machine, files) = (Machine::new(), Files::new());
    let own = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let (key, certificate) = (
        files.write("k.pem", &own.signing_key.serialize_pem()),
        files.write("roots/c.pem", &own.cert.pem()),
    );
    let text = format!("ssl:4321:{key}:{certificate}:clientCA={certificate}");
    let server = machine.serve_recorded(&text).unwrap();
    let text = format!(
        "tls:a.example:4321:privateKey={key}:certificate={certificate}:trustRoots={}\
         :bindAddress=127.0.0.1",
        files.path("roots")
    );
    let client = machine.call(&text).unwrap();
    assert_eq!((server.received(), client.received()), (b"hello".to_vec(), b"hello".to_vec()));
    assert!(client.lost().is_none() && server.lost().is_none());
    let shown = server.transport().as_tls().unwrap().peer_certificates();
    assert_eq!(shown, [own.cert.der().to_vec()]);
}

/// endpoint-tls-017
#[test]
fn an_endpoint_within_the_string_is_connected_to_and_the_host_is_only_verified() {
    let (machine, files, authority) = (Machine::new(), Files::new(), Authority::new());
    let outer = files.write("outer.pem", &both(&authority.identity("outer.example")));
    let inner = files.write("inner.pem", &both(&authority.identity("inner.example")));
    let trusted = files.write("roots/authority.pem", authority.pem());
    machine.serve(&format!("ssl:endpoint=ssl\\:443\\:{inner}:privateKey={outer}")).unwrap();
    let through = |host: &str| {
        machine
            .call(&format!(
                "tls:{host}:1:trustRoots={trusted}\
                 :endpoint=tls\\:inner.example\\:443\\:trustRoots={trusted}"
            ))
            .unwrap()
    };
    assert_eq!(through("outer.example").received(), b"hello");
    assert_eq!(*machine.resolved.borrow(), ["inner.example"]);
    assert!(told(through("wrong.example").lost()).contains("not valid for name"));
}

/// endpoint-tls-018
#[test]
fn an_inner_string_that_is_not_quoted_is_a_mistake() {
    let text = "tls:example.com:443:endpoint=tcp:127.0.0.1:80";
    let error = Machine::new().registry().parse_client(text).err().unwrap().to_string();
    assert!(!error.is_empty() && error.contains("endpoint"), "{error}");
}

/// endpoint-tls-020, endpoint-ssl-028
#[test]
fn the_roots_of_the_string_take_the_place_of_the_public_ones_and_have_to_be_there() {
    let (machine, files, _authority, _server, trusted) = site(&["a.example"]);
    let text = format!("tls:a.example:443:trustRoots={trusted}");
    assert_eq!(machine.call(&text).unwrap().received(), b"hello");
    files.write("empty/note.txt", "");
    for (argument, kind) in [("trustRoots", "tls"), ("caCertsDir", "ssl")] {
        for (directory, words) in [("empty", "no certificate in"), ("missing", "No such file")] {
            let path = files.path(directory);
            let text = format!("{kind}:a.example:443:{argument}={path}");
            let told = machine.call(&text).unwrap_err();
            assert!(told.contains(words) && told.contains(argument), "{told}");
        }
    }
}

/// endpoint-tls-021
#[test]
fn a_tls_clients_certificate_and_key_are_in_one_file_or_in_two() {
    let (machine, files, authority, server, trusted) = site(&["a.example"]);
    let own = authority.identity("client.example");
    let whole = files.write("whole.pem", &both(&own));
    let (key, certificate) = (
        files.write("client-key.pem", &own.key_pem()),
        files.write("client.pem", &own.certificate_pem),
    );
    for files in
        [format!("certificate={whole}"), format!("certificate={certificate}:privateKey={key}")]
    {
        server.forget();
        let text = format!("tls:a.example:443:trustRoots={trusted}:{files}");
        assert_eq!(machine.call(&text).unwrap().received(), b"hello");
        let shown = server.transport().as_tls().unwrap().peer_certificates();
        assert_eq!(shown, [own.certificate.to_vec()]);
    }
}

/// endpoint-tls-023, tlsverify-011
#[test]
fn an_address_is_verified_as_an_address_and_sent_as_no_name() {
    let (machine, files, authority) = (Machine::new(), Files::new(), Authority::new());
    // The first file is for clients without a name.
    let first = authority.changed("127.0.0.1", |params| {
        let names = ["a.example", "127.0.0.1", "::1"].map(str::to_owned);
        params.subject_alt_names = rcgen::CertificateParams::new(names).unwrap().subject_alt_names;
    });
    files.write("pems/1.pem", &both(&first));
    files.write("pems/2.pem", &both(&authority.identity("b.example")));
    machine.serve(&format!("tls:{}:443", files.path("pems"))).unwrap();
    let trusted = files.write("roots/authority.pem", authority.pem());
    for host in ["127.0.0.1", "[::1]"] {
        let text = format!("tls:{host}:443:trustRoots={trusted}");
        let record = machine.call(&text).unwrap();
        assert_eq!(record.received(), b"hello", "{host}");
    }
    let lost =
        told(machine.call(&format!("tls:127.0.0.2:443:trustRoots={trusted}")).unwrap().lost());
    assert!(lost.contains("not valid for name \"127.0.0.2\", only for `a.example`"), "{lost}");
}

/// Client and server of one machine, by hand, over TCP.
struct ByHand {
    machine: Machine,
    server: TlsServerEndpoint<TcpServerEndpoint>,
    client: TlsClientEndpoint<TcpClientEndpoint>,
}

impl ByHand {
    fn new() -> Self {
        let (machine, authority) = (Machine::new(), Authority::new());
        let below = TcpServerEndpoint::new(machine.clone(), 443)
            .with_interface("::".parse::<Host>().unwrap())
            .with_backlog(7);
        let config = Arc::new(authority.identity("a.example").server());
        let server = TlsServerEndpoint::new(config, below, machine.clone());
        let host = "a.example".parse::<Host>().unwrap();
        let below = TcpClientEndpoint::new(machine.clone(), host, 443);
        let config = Arc::new(authority.client(VERSIONS[0]));
        let name = ServerName::try_from("a.example").unwrap();
        let client = TlsClientEndpoint::new(config, name, below, machine.clone());
        Self { machine, server, client }
    }
}

/// endpoint-tls-001, endpoint-tls-002, endpoint-tls-005
#[test]
fn wrapped_endpoints_make_one_plain_call_each_and_give_the_users_protocol_before_the_handshake() {
    let ByHand { machine, server, client } = ByHand::new();
    let record = Record::new();
    let seen = record.clone();
    drop(server.listen(factory_fn(move |_| Recorder::new(&seen))));
    assert_eq!(machine.listened.borrow().len(), 1);
    assert_eq!(machine.listened.borrow()[0].address, "[::]:443".parse().unwrap());
    assert_eq!(machine.listened.borrow()[0].backlog, 7);

    let greeter = Record::new();
    let own = Recorder::new(&greeter).on_made(|transport| transport.write(b"held until then"));
    let connected: Deferred<ProtocolRef<Recorder>> = connect_protocol(&client, own);
    machine.network.pump();
    let users = result_of(connected).unwrap();
    assert_eq!(machine.connected.borrow().len(), 1);
    assert_eq!(machine.connected.borrow()[0].address, SocketAddr::from(([127, 0, 0, 1], 443)));
    assert!(record.received().is_empty(), "the handshake is not done");
    assert_eq!(greeter.transport().as_tls().unwrap().version(), None);
    machine.network.flush();
    assert_eq!(record.received(), b"held until then");
    drop(users);
}

/// An endpoint that neither connects nor fails.
struct Waiting;

impl StreamClientEndpoint for Waiting {
    fn connect(&self, _: Rc<dyn Factory>) -> Deferred<()> {
        let (deferred, promise) = Deferred::with_canceller(|| None);
        std::mem::forget(promise);
        deferred
    }
}

/// endpoint-tls-003
#[test]
fn what_fails_or_is_cancelled_below_tls_is_seen_as_it_is() {
    let ByHand { machine, server, client } = ByHand::new();
    let factory = || factory_fn(|_| Recorder::new(&Record::new()));
    machine.lacks_ipv6.set(true);
    let failure = result_of(server.listen(factory())).err().unwrap();
    assert!(failure.downcast_ref::<interfaces::ListenError>().is_some(), "{failure:#}");

    let below =
        TcpClientEndpoint::new(machine.clone(), "nowhere.test".parse::<Host>().unwrap(), 443);
    let plain = result_of(below.connect(factory())).err().unwrap();
    let config = Arc::new(Authority::new().client(VERSIONS[0]));
    let name = ServerName::try_from("nowhere.test").unwrap();
    let wrapped = TlsClientEndpoint::new(config.clone(), name.clone(), below, machine.clone());
    let over_tls = result_of(wrapped.connect(factory())).err().unwrap();
    assert_eq!(format!("{over_tls:#}"), format!("{plain:#}"));
    drop(client);

    let waiting = TlsClientEndpoint::new(config, name, Waiting, machine.clone());
    let connecting = waiting.connect(factory());
    connecting.cancel_handle().cancel();
    let failure = result_of(connecting).err().unwrap();
    assert!(failure.downcast_ref::<Cancelled>().is_some(), "{failure:#}");
}
