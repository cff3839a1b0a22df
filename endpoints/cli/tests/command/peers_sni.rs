//! A relay that routes by the ClientHello, with OpenSSL's clients and nginx's `ssl_preread` beside it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixStream;

use endpoints::haproxy::{Progress, ProxyHeaderParser};
use testkit::find_peer;

use crate::certificates::Certificate;
use crate::peers_openssl::openssl;
use crate::proxied::Daemon;
use crate::routed::{BackEnds, first_record, openssl_hello, send};
use crate::running::{Running, connect};

const LISTEN: &str = "sni:tcp:0:interface=127.0.0.1";

fn routes(back_ends: &BackEnds) -> String {
    let [a, b, acme, other] = ["a", "b", "acme", "default"].map(|name| back_ends.address(name));
    format!(
        "sni:for=alpn=acme-tls/1:tcp:{acme}:for=a.example:tcp:{a}:for=*.b.example:tcp:{b}:for=*:tcp:{other}"
    )
}

fn four() -> BackEnds {
    BackEnds::new(&["a", "b", "acme", "default"])
}

#[test]
fn openssls_hello_cut_at_every_byte_reaches_its_back_end_unchanged() {
    let Some(hello) = openssl_hello(&["-servername", "a.example"]) else { return };
    let back_ends = four();
    let mut relay = Running::ropewalk(&["relay", LISTEN, &routes(&back_ends)]);
    let address = relay.listening();
    for cut in 1..hello.len() {
        send(&address, &hello, cut);
        assert_eq!(back_ends.next(), ("a", hello.clone()), "{cut}");
    }
    assert_eq!(relay.terminate().errors, "");
}

/// The hello of this project's own client has a key of X25519MLKEM768.
#[test]
fn a_post_quantum_hello_reaches_its_back_end_unchanged() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tls:a.example:443:endpoint=tcp\\:{}", {
        listener.local_addr().unwrap().to_string().replace(':', "\\:")
    });
    let mut sender = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &to]);
    let stream = connect(&sender.listening());
    let hello = first_record(&listener.accept().unwrap().0);
    drop(stream);
    assert!(hello.len() > 1280, "{}", hello.len());
    let back_ends = four();
    let mut relay = Running::ropewalk(&["relay", LISTEN, &routes(&back_ends)]);
    let address = relay.listening();
    for cut in (1..hello.len()).step_by(61) {
        send(&address, &hello, cut);
        assert_eq!(back_ends.next(), ("a", hello.clone()), "{cut}");
    }
}

#[test]
fn clients_handshake_with_the_servers_of_their_names() {
    if find_peer("openssl").is_none() {
        return;
    }
    let certificates = [Certificate::new(), Certificate::new()];
    let mut servers =
        certificates.each_ref().map(|it| Running::ropewalk(&["serve", "echo", &it.server()]));
    let [a, b] = servers.each_mut().map(Running::listening);
    let to = format!("sni:for=a.example:tcp:{a}:for=b.example:tcp:{b}");
    let mut relay = Running::ropewalk(&["relay", LISTEN, &to]);
    let address = relay.listening();
    for (certificate, name) in certificates.iter().zip(["a.example", "b.example"]) {
        for version in ["-tls1_2", "-tls1_3"] {
            let roots = certificate.certificate();
            let trusted = ["-CAfile", roots.to_str().unwrap(), "-verify_return_error"];
            let client = ["s_client", "-quiet", "-connect", &address, "-servername", name, version];
            let output = openssl(&[&client[..], &trusted].concat(), b"over TLS\n", 9).output();
            assert_eq!(output, b"over TLS\n", "{name} {version}");
        }
    }
    assert_eq!(relay.terminate().errors, "");
}

#[test]
fn a_client_without_a_route_and_one_that_is_no_tls_are_closed_with_a_line() {
    let Some(hello) = openssl_hello(&["-servername", "c.example"]) else { return };
    let back_ends = four();
    let to = format!("sni:for=a.example:tcp:{}", back_ends.address("a"));
    for (bytes, line) in [
        (&hello[..], "no route takes the server name `c.example`"),
        (b"SSH-2.0-x\r\n", "it does not speak TLS, and no route is `for=*`"),
    ] {
        let mut relay = Running::ropewalk(&["relay", LISTEN, &to]);
        let address = relay.listening();
        send(&address, bytes, 1);
        let errors = relay.terminate().errors;
        assert!(errors.starts_with("error: relaying 127.0.0.1:"), "{errors}");
        assert!(errors.ends_with(&format!("{line}\n")), "{errors}");
    }
    let mut relay = Running::ropewalk(&["relay", LISTEN, &to]);
    send(&relay.listening(), &hello[..20], 1);
    let errors = relay.terminate().errors;
    let line = "it ended the connection in the middle of its ClientHello\n";
    assert!(errors.ends_with(line), "{errors}");
    back_ends.got_nothing();
}

/// nginx with a map of the same routes, on a socket in its directory; `None` where it lacks the module.
fn nginx(back_ends: &BackEnds) -> Option<Daemon> {
    let [a, b, acme, other] = ["a", "b", "acme", "default"].map(|name| back_ends.address(name));
    Daemon::nginx_stream(|socket| {
        let names = format!("hostnames; a.example {a}; *.b.example {b}; default {other};");
        let names = format!("map $ssl_preread_server_name $by_name {{ {names} }}");
        let protocols = format!("\"~\\bacme-tls/1\\b\" {acme}; default $by_name;");
        let protocols = format!("map $ssl_preread_alpn_protocols $back {{ {protocols} }}");
        let server = format!("server {{ listen {socket}; ssl_preread on; proxy_pass $back; }}");
        format!("{names} {protocols} {server}")
    })
}

#[test]
fn nginx_routes_the_same_hellos_to_the_same_back_ends() {
    let back_ends = four();
    let Some(nginx) = nginx(&back_ends) else { return };
    let mut relay = Running::ropewalk(&["relay", LISTEN, &routes(&back_ends)]);
    let address = relay.listening();
    for (arguments, expected) in [
        (&["-servername", "a.example"][..], "a"),
        (&["-servername", "A.Example"], "a"),
        (&["-servername", "x.b.example", "-alpn", "h2,http/1.1"], "b"),
        (&["-servername", "y.x.b.example", "-tls1_2"], "b"),
        (&["-servername", "b.example"], "default"),
        (&["-servername", "c.example"], "default"),
        (&["-servername", "a.example", "-alpn", "acme-tls/1"], "acme"),
        (&["-noservername"], "default"),
        (&["-noservername", "-alpn", "acme-tls/1"], "acme"),
    ] {
        let Some(hello) = openssl_hello(arguments) else { return };
        send(&address, &hello, 1);
        assert_eq!(back_ends.next(), (expected, hello.clone()), "ropewalk {arguments:?}");
        let mut stream = UnixStream::connect(nginx.path("socket")).unwrap();
        stream.write_all(&hello).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
        assert_eq!(back_ends.next(), (expected, hello), "nginx {arguments:?}");
    }
}

#[test]
fn a_back_end_is_told_the_name_and_the_client_in_a_proxy_header() {
    let Some(hello) = openssl_hello(&["-servername", "A.example"]) else { return };
    let back_ends = four();
    let to = format!("sni:for=a.example:haproxy:tcp:{}", back_ends.address("a"));
    let mut relay = Running::ropewalk(&["relay", "sni:haproxy:tcp:0:interface=127.0.0.1", &to]);
    let from = b"PROXY TCP4 192.0.2.1 192.0.2.22 56324 443\r\n";
    send(&relay.listening(), &[&from[..], &hello].concat(), 30);
    let (_, bytes) = back_ends.next();
    let Ok(Progress::Complete { header, used }) = ProxyHeaderParser::new().push(&bytes) else {
        panic!("{bytes:?}");
    };
    assert_eq!(header.tlvs.authority(), Some("a.example"));
    assert_eq!(header.addresses.unwrap().source.to_string(), "192.0.2.1:56324");
    assert_eq!(bytes[used..], hello);
}
