//! curl through a relay that adds TLS and one that removes it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;

use testkit::find_peer;

use crate::bytes::{THERE, assert_same};
use crate::certificates::Certificate;
use crate::peer::is_listening;
use crate::running::{Ended, Running, eventually, run};

/// A web server that answers each request with the request's own body. It serves until the test
/// ends.
fn web_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n");
            (&stream).write_all(head.as_bytes()).unwrap();
            (&stream).write_all(&body).unwrap();
        }
    });
    address
}

fn curl(arguments: &[&str], body: &'static [u8]) -> Ended {
    let mut command = find_peer("curl").unwrap();
    command.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*"]);
    run(with(command, arguments), body)
}

fn with(mut command: Command, arguments: &[&str]) -> Command {
    command.args(arguments);
    command
}

/// Posts its input, without asking first whether it may.
const POST: [&str; 6] = ["--data-binary", "@-", "-H", "Expect:", "-X", "POST"];

#[test]
fn curl_through_a_relay_that_removes_tls() {
    if find_peer("curl").is_none() {
        return;
    }
    let certificate = Certificate::new();
    let to = format!("tcp:{}", web_server());
    let mut relay = Running::ropewalk(&["relay", &certificate.server(), &to]);
    let roots = certificate.certificate();
    let url = format!("https://{}/", relay.listening());
    let trusted = ["--cacert", roots.to_str().unwrap(), &url];
    let ended = curl(&[&POST[..], &trusted].concat(), &THERE);
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    assert_same(&ended.output, &THERE);
    assert_eq!(relay.terminate().code, Some(0));
}

#[test]
fn curl_through_a_relay_that_adds_tls_and_one_that_removes_it() {
    if find_peer("curl").is_none() {
        return;
    }
    let certificate = Certificate::new();
    let to = format!("tcp:{}", web_server());
    let mut removes = Running::ropewalk(&["relay", &certificate.server(), &to]);
    let to = certificate.client(&removes.listening());
    let mut adds = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &to]);
    let url = format!("http://{}/", adds.listening());
    let ended = curl(&[&POST[..], &[&url]].concat(), &THERE);
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    assert_same(&ended.output, &THERE);
}

/// OpenSSL's web server shows the end of its answer by its close alone.
#[test]
fn curl_through_a_relay_that_adds_tls_for_a_web_server_that_has_it() {
    if find_peer("curl").is_none() || find_peer("openssl").is_none() {
        return;
    }
    let certificate = Certificate::new();
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("large"), &*THERE).unwrap();
    let (key, shown) = (certificate.key(), certificate.certificate());
    let mut openssl = find_peer("openssl").unwrap();
    let socket = directory.path().join("socket");
    openssl.args(["s_server", "-WWW", "-quiet", "-unix"]).arg(&socket);
    openssl.arg("-key").arg(key).arg("-cert").arg(shown).current_dir(directory.path());
    openssl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut openssl = openssl.spawn().unwrap();

    eventually("openssl listens", || is_listening(&socket));
    let listen = "tcp:0:interface=127.0.0.1";
    let mut plain = Running::ropewalk(&["relay", listen, &format!("unix:{}", socket.display())]);
    let to = certificate.client(&plain.listening());
    let mut adds = Running::ropewalk(&["relay", listen, &to]);
    let ended = curl(&[&format!("http://{}/large", adds.listening())], b"");
    let _ = openssl.kill();
    let _ = openssl.wait();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    assert_same(&ended.output, &THERE);
}
