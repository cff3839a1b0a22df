//! HAProxy, nginx and curl on both sides of the PROXY protocol.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use endpoints::haproxy::SslTlv;
use testkit::find_peer;

use crate::certificates::Certificate;
use crate::peer::is_listening;
use crate::proxied::{Back, Daemon, answer, curl, line, local_headers, request};
use crate::running::{LIMIT, Running, connect, eventually};

#[test]
fn curl_sends_a_header_and_its_client_is_known_behind_the_relay() {
    if find_peer("curl").is_none() {
        return;
    }
    let back = Back::new();
    let mut relay = back.relay("haproxy:tcp:0:interface=127.0.0.1");
    let address = relay.listening();
    let answer = curl(&["--haproxy-protocol", &format!("http://{address}/")]);
    assert_eq!(answer, (Some(0), "ok".into()));
    let line = back.line();
    assert!(line.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 "), "{line}");
    assert!(line.ends_with(&format!(" {}", address.rsplit_once(':').unwrap().1)), "{line}");
    assert_eq!(relay.terminate().errors, "");
}

#[test]
fn curl_sends_a_header_before_tls() {
    if find_peer("curl").is_none() {
        return;
    }
    let (back, certificate) = (Back::new(), Certificate::new());
    let (key, chain) = (certificate.key(), certificate.certificate());
    let files = format!("privateKey={}:certKey={}", key.display(), chain.display());
    let below = r"endpoint=haproxy\:tcp\:0\:interface=127.0.0.1";
    let mut relay = back.relay(&format!("ssl:{files}:{below}"));
    let url = format!("https://{}/", relay.listening());
    let roots = certificate.certificate();
    let answer = curl(&["--haproxy-protocol", "--cacert", roots.to_str().unwrap(), &url]);
    assert_eq!(answer, (Some(0), "ok".into()));
    assert!(back.line().starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 "));
    assert_eq!(relay.terminate().errors, "");
}

#[test]
fn haproxy_sends_headers_of_both_versions() {
    if find_peer("haproxy").is_none() {
        return;
    }
    for send in ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"] {
        let back = Back::new();
        let mut relay = back.relay("haproxy:tcp:0:interface=127.0.0.1");
        let to = relay.listening();
        let haproxy = Daemon::haproxy(|_| {
            format!(
                "listen front\n bind fd@3\n unique-id-format id-%rt\n server back {to} {send}\n"
            )
        });
        let (client, stream) = request(&haproxy.address);
        assert_eq!(back.line(), line(&client, &haproxy.address), "{send}");
        let answer = answer(stream);
        assert!(answer.ends_with("ok"), "{answer}");
        assert_eq!(relay.terminate().errors, "");
    }
}

#[test]
fn haproxy_sends_a_header_before_tls() {
    if find_peer("haproxy").is_none() {
        return;
    }
    let (back, certificate) = (Back::new(), Certificate::new());
    let (key, chain) = (certificate.key(), certificate.certificate());
    let files = format!("privateKey={}:certKey={}", key.display(), chain.display());
    let below = r"endpoint=haproxy\:tcp\:0\:interface=127.0.0.1";
    let mut relay = back.relay(&format!("ssl:{files}:{below}"));
    let to = relay.listening();
    let haproxy = Daemon::haproxy(|_| {
        format!("listen front\n bind fd@3\n server back {to} send-proxy-v2 ssl verify none\n")
    });
    let (client, stream) = request(&haproxy.address);
    assert_eq!(back.line(), line(&client, &haproxy.address));
    assert!(answer(stream).ends_with("ok"));
    assert_eq!(relay.terminate().errors, "");
}

/// What HAProxy tells of a client over TLS, a relay reads and tells the next server.
#[test]
fn haproxy_tells_of_tls_and_a_relay_passes_it_on() {
    if find_peer("haproxy").is_none() || find_peer("curl").is_none() {
        return;
    }
    let (back, certificate) = (Back::new(), Certificate::new());
    let to = format!("haproxy:tcp:{}", back.address);
    let mut relay = Running::ropewalk(&["relay", "haproxy:tcp:0:interface=127.0.0.1", &to]);
    let to = relay.listening();
    let haproxy = Daemon::haproxy(|directory| {
        let pem = directory.join("both.pem");
        let files = [certificate.certificate(), certificate.key()];
        let both = files.map(|file| std::fs::read_to_string(file).unwrap()).concat();
        std::fs::write(&pem, both).unwrap();
        let told = "proxy-v2-options crc32c,ssl,ssl-cipher,cert-cn,authority,unique-id";
        let bind = format!("bind fd@3 ssl crt {}", pem.display());
        format!(
            "listen front\n {bind}\n unique-id-format id-7\n server back {to} send-proxy-v2 {told}\n"
        )
    });
    let (_, port) = haproxy.address.rsplit_once(':').unwrap();
    let resolve = format!("localhost:{port}:127.0.0.1");
    let url = format!("https://localhost:{port}/");
    let roots = certificate.certificate();
    let arguments = ["--cacert", roots.to_str().unwrap(), "--resolve", &resolve, &url];
    assert_eq!(curl(&arguments), (Some(0), "ok".into()));
    let header = back.header();
    assert_eq!(header.addresses.unwrap().destination.to_string(), haproxy.address);
    assert_eq!(header.tlvs.authority(), Some("localhost"));
    assert_eq!(header.tlvs.unique_id(), Some(&b"id-7"[..]));
    let ssl = header.tlvs.ssl().unwrap();
    assert_eq!((ssl.client, ssl.is_verified()), (SslTlv::CLIENT_SSL, false));
    assert_eq!(ssl.version(), Some("TLSv1.3"));
    assert!(ssl.cipher().unwrap().starts_with("TLS_"), "{ssl:?}");
    assert_eq!(relay.terminate().errors, "");
}

#[test]
fn a_relay_that_ends_tls_tells_of_it() {
    if find_peer("curl").is_none() {
        return;
    }
    let (back, certificate) = (Back::new(), Certificate::new());
    let to = format!("haproxy:crc32c=1:tcp:{}", back.address);
    let mut relay = Running::ropewalk(&["relay", &certificate.server(), &to]);
    let address = relay.listening();
    let roots = certificate.certificate();
    let url = format!("https://{address}/");
    let answer = curl(&["--tls-max", "1.3", "--cacert", roots.to_str().unwrap(), &url]);
    assert_eq!(answer, (Some(0), "ok".into()));
    let header = back.header();
    assert_eq!(header.addresses.unwrap().destination.to_string(), address);
    let ssl = header.tlvs.ssl().unwrap();
    assert_eq!((ssl.client, ssl.is_verified()), (SslTlv::CLIENT_SSL, false));
    assert_eq!((ssl.version(), ssl.common_name()), (Some("TLSv1.3"), None));
    assert_eq!(ssl.cipher(), Some("TLS_AES_128_GCM_SHA256"));
    assert_eq!(relay.terminate().errors, "");
}

/// For a client without an IP address HAProxy sends `UNKNOWN`, and LOCAL.
#[test]
fn haproxy_sends_headers_for_a_client_over_a_unix_socket() {
    if find_peer("haproxy").is_none() {
        return;
    }
    for send in ["send-proxy", "send-proxy-v2"] {
        let back = Back::new();
        let mut relay = back.relay("haproxy:tcp:0:interface=127.0.0.1");
        let to = relay.listening();
        let haproxy = Daemon::haproxy(|directory| {
            let path = directory.join("socket");
            let bind = format!("bind fd@3\n bind unix@{}", path.display());
            format!("listen front\n {bind}\n server back {to} {send}\n")
        });
        let path = haproxy.path("socket");
        let mut stream = None;
        eventually("haproxy listens", || {
            stream = UnixStream::connect(&path).ok();
            stream.is_some()
        });
        let mut stream = stream.unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        drop(stream);
        assert!(answer.ends_with("ok"), "{answer}");
        // No client is told but the proxy itself.
        let line = back.line();
        assert!(line.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 "), "{line}");
        assert!(line.ends_with(&format!(" {}", to.rsplit_once(':').unwrap().1)), "{line}");
        assert_eq!(relay.terminate().errors, "");
    }
}

#[test]
fn haproxys_health_checks_connect_to_nothing_behind_the_relay_and_are_not_told() {
    if find_peer("haproxy").is_none() {
        return;
    }
    let back = Back::new();
    let mut relay = back.relay("haproxy:tcp:0:interface=127.0.0.1");
    let to = relay.listening();
    let (control, checks) = local_headers();
    let haproxy = Daemon::haproxy(|_| {
        let local = "check-send-proxy send-proxy-v2";
        let mut servers = format!(" server control {control} check inter 20ms {local}\n");
        for (number, send) in ["", "check-send-proxy send-proxy", "check-send-proxy send-proxy-v2"]
            .into_iter()
            .enumerate()
        {
            writeln!(servers, " server s{number} {to} check inter 20ms {send}").unwrap();
        }
        format!("listen front\n bind fd@3\n{servers}")
    });
    // As often as this one, each of the three is checked.
    (0..20).for_each(|_| checks.recv_timeout(LIMIT).unwrap());
    back.got_nothing();
    drop(haproxy);
    assert_eq!(relay.terminate().errors, "");
    back.got_nothing();
}

#[test]
fn haproxy_receives_the_headers_of_a_relay() {
    if find_peer("haproxy").is_none() {
        return;
    }
    for options in ["version=1", "version=2", "crc32c=yes"] {
        let haproxy = Daemon::haproxy(|_| {
            let text = "lf-string \"%[src]:%[src_port] %[dst]:%[dst_port]\"";
            let rule = format!("http-request return status 200 content-type text/plain {text}");
            format!("listen front\n mode http\n bind fd@3 accept-proxy\n {rule}\n")
        });
        let to = format!("haproxy:{options}:tcp:{}", haproxy.address);
        let mut relay = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &to]);
        let address = relay.listening();
        let (client, stream) = request(&address);
        let answer = answer(stream);
        assert!(answer.ends_with(&format!("{client} {address}")), "{options}: {answer}");
        assert_eq!(relay.terminate().errors, "");
    }
}

#[test]
fn nginx_receives_the_headers_of_a_relay() {
    if find_peer("nginx").is_none() {
        return;
    }
    for options in ["version=1", "version=2"] {
        let nginx = find_peer("nginx").unwrap().get_program().to_owned();
        let start = |file: &Path| {
            let prefix = file.parent().unwrap().display();
            format!("{} -p {prefix} -c {}", nginx.display(), file.display())
        };
        let nginx = Daemon::new(start, |_, directory| {
            let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|kind| format!("{kind}_temp_path {kind};"))
                .concat();
            let body = "$proxy_protocol_addr:$proxy_protocol_port";
            let listen = format!("unix:{}/socket proxy_protocol", directory.display());
            let server = format!("server {{ listen {listen}; return 200 {body}; }}");
            let http = format!("http {{ access_log off; {paths} {server} }}");
            let main = "daemon off; master_process off; pid pid; error_log stderr; events { }";
            format!("{main} {http}\n")
        });
        let path = nginx.path("socket");
        eventually("nginx listens", || is_listening(&path));
        let to = format!("haproxy:{options}:unix:{}", path.display());
        let mut relay = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &to]);
        let (client, stream) = request(&relay.listening());
        let answer = answer(stream);
        assert!(answer.ends_with(&client), "{options}: {answer}");
        assert_eq!(relay.terminate().errors, "");
    }
}

/// nginx tells of a client of its UNIX socket as of an unknown one.
#[test]
fn nginx_sends_a_header_that_the_relay_takes_off() {
    let back = Back::new();
    let mut relay = back.relay("haproxy:tcp:0:interface=127.0.0.1");
    let to = relay.listening();
    let server =
        |socket: &str| format!("server {{ listen {socket}; proxy_pass {to}; proxy_protocol on; }}");
    let Some(nginx) = Daemon::nginx_stream(server) else { return };
    let mut stream = UnixStream::connect(nginx.path("socket")).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    let line = back.line();
    assert!(line.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 "), "{line}");
    assert_eq!(relay.terminate().errors, "");
}

#[test]
fn a_header_cut_at_every_byte_20_ms_apart_reaches_the_server() {
    let back = Back::new();
    let mut relay = back.relay("haproxy:tcp:0:interface=127.0.0.1");
    let address = relay.listening();
    let v1 = b"PROXY TCP4 192.0.2.1 192.0.2.22 56324 8443\r\n";
    let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x16\xdc\x04\x20\xfb";
    let mut right = [0; 2];
    for (right, header) in right.iter_mut().zip([&v1[..], v2]) {
        for cut in 1..=header.len() {
            let mut stream = connect(&address);
            stream.set_nodelay(true).unwrap();
            stream.write_all(&header[..cut]).unwrap();
            thread::sleep(Duration::from_millis(20));
            stream.write_all(&[&header[cut..], b"GET /\r\n\r\n"].concat()).unwrap();
            answer(stream);
            let line = back.line();
            *right += usize::from(line == "PROXY TCP4 192.0.2.1 192.0.2.22 56324 8443");
        }
    }
    assert_eq!(right, [44, 28]);
    assert_eq!(relay.terminate().errors, "");
}

#[test]
fn a_client_that_sends_no_header_is_told_and_one_that_is_not_trusted_too() {
    let back = Back::new();
    let mut relay = back.relay("haproxy:tcp:0:interface=127.0.0.1");
    let (client, mut stream) = request(&relay.listening());
    let _ = stream.read_to_end(&mut Vec::new());
    let told = "it sent no PROXY header: it does not begin with a PROXY header: expected `PROXY ` or \
                the signature of version 2";
    let line = format!("warning: refused the connection of {client}: {told}\n");
    assert_eq!(relay.terminate().errors, line);

    let mut relay = back.relay("haproxy:trust=10.0.0.0/8:tcp:0:interface=127.0.0.1");
    let mut stream = connect(&relay.listening());
    let client = stream.local_addr().unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    let told = "it is none of the trusted proxies";
    let line = format!("warning: refused the connection of {client}: {told}\n");
    assert_eq!(relay.terminate().errors, line);
    back.got_nothing();
}

#[test]
fn a_bare_connect_and_close_is_not_told() {
    let back = Back::new();
    let mut relay = back.relay("haproxy:tcp:0:interface=127.0.0.1");
    let address = relay.listening();
    for _ in 0..10 {
        connect(&address).shutdown(Shutdown::Both).unwrap();
    }
    assert_eq!(relay.terminate().errors, "");
    back.got_nothing();
}
