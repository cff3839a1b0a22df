//! The larger protocols of `serve`, with the clients that people have for them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::path::Path;
use std::process::Command;

use testkit::{find_peer, pattern};

use crate::bytes::{MIB, assert_same, exchange};
use crate::running::{Ended, Running, connect, eventually, ropewalk, run};

const ENDPOINT: &str = "tcp:0:interface=127.0.0.1";

/// A server of the files of a new directory.
fn http_file(options: &[&str]) -> (Running, String, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let arguments = ["serve", "http-file", ENDPOINT, "--directory", &path];
    let mut server = Running::ropewalk(&[&arguments[..], options].concat());
    let address = server.listening();
    (server, address, directory)
}

/// The whole answer to these bytes.
fn ask(address: &str, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

fn head(address: &str, request: &str) -> String {
    let answer = ask(address, format!("{request}\r\nHost: x\r\n\r\n").as_bytes());
    let text = String::from_utf8(answer).unwrap();
    text.split_once("\r\n\r\n").unwrap().0.to_owned()
}

#[test]
fn a_file_is_sent_whole_and_a_head_alone_has_its_length() {
    let (server, address, directory) = http_file(&[]);
    let data = pattern(7, 3 * MIB);
    fs::write(directory.path().join("data.bin"), &data).unwrap();
    fs::write(directory.path().join("empty.html"), "").unwrap();
    let answer = ask(&address, b"GET /data.bin?x HTTP/1.1\r\nHost: x\r\n\r\n");
    let at = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let told = String::from_utf8(answer[..at].into()).unwrap();
    let length = format!("Content-Length: {}", data.len());
    for line in ["HTTP/1.1 200 OK", "Content-Type: application/octet-stream", &length] {
        assert!(told.lines().any(|it| it == line), "{line}: {told}");
    }
    assert_same(&answer[at + 4..], &data);
    let mut stream = connect(&address);
    stream.write_all(b"GET /data.bin\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut body = Vec::new();
    stream.read_to_end(&mut body).unwrap();
    assert_same(&body, &data);
    let told = ask(&address, b"HEAD /data.bin HTTP/1.0\r\n\r\n");
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains(&length) && told.ends_with("\r\n\r\n"), "{told}");
    assert!(head(&address, "GET /empty.html HTTP/1.1").contains("Content-Type: text/html"));
    assert_eq!(server.terminate().code, Some(0));
}

#[test]
fn whatever_is_wrong_has_its_status() {
    let (server, address, directory) = http_file(&[]);
    let outside = tempfile::NamedTempFile::new().unwrap();
    std::os::unix::fs::symlink(outside.path(), directory.path().join("out")).unwrap();
    fs::create_dir(directory.path().join("sub")).unwrap();
    let mut mkfifo = Command::new("mkfifo");
    mkfifo.arg(directory.path().join("fifo"));
    assert_eq!(run(mkfifo, "").code, Some(0));
    for (request, status) in [
        ("nonsense", "400 Bad Request"),
        ("GET a HTTP/1.1", "400 Bad Request"),
        ("GET /%zz HTTP/1.1", "400 Bad Request"),
        ("GET /../etc/passwd HTTP/1.1", "403 Forbidden"),
        ("GET /%2e%2e/etc/passwd HTTP/1.1", "403 Forbidden"),
        ("GET /out HTTP/1.1", "403 Forbidden"),
        ("GET /fifo HTTP/1.1", "403 Forbidden"),
        ("GET /.git/config HTTP/1.1", "403 Forbidden"),
        ("GET /absent HTTP/1.1", "404 Not Found"),
        ("GET / HTTP/1.1", "404 Not Found"),
        ("POST / HTTP/1.1", "405 Method Not Allowed"),
        ("GET /sub HTTP/1.1", "301 Moved Permanently"),
    ] {
        let told = head(&address, request);
        assert!(told.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {told}");
        assert_eq!(told.contains("Allow: GET, HEAD"), status.starts_with("405"), "{told}");
        assert_eq!(told.contains("Location: /sub/\r\n"), status.starts_with("301"), "{told}");
    }
    let long = ask(&address, &[b"GET /", &vec![b'x'; 9000][..]].concat());
    assert!(long.starts_with(b"HTTP/1.1 431 "), "{:?}", long.escape_ascii().to_string());
    assert_eq!(server.terminate().code, Some(0));
}

#[test]
fn clients_that_do_not_read_cost_a_piece_each_and_others_are_served() {
    let (server, address, directory) = http_file(&[]);
    let data = pattern(8, 64 * MIB);
    fs::write(directory.path().join("large"), &data).unwrap();
    fs::write(directory.path().join("small"), "small").unwrap();
    let memory = || {
        let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().split(' ').next().unwrap().parse::<usize>().unwrap()
    };
    let before = memory();
    let slow: Vec<_> = (0..16)
        .map(|_| {
            let mut stream = connect(&address);
            stream.write_all(b"GET /large HTTP/1.0\r\n\r\n").unwrap();
            stream.read_exact(&mut [0; 100]).unwrap();
            stream
        })
        .collect();
    assert!(ask(&address, b"GET /small HTTP/1.0\r\n\r\n").ends_with(b"\r\n\r\nsmall"));
    assert!(memory() < before + 32 * 1024, "{before} KiB were {} KiB", memory());
    drop(slow);
    assert_eq!(server.terminate().code, Some(0));
}

#[test]
fn curl_downloads_over_http() {
    let Some(mut curl) = find_peer("curl") else { return };
    let (_server, address, directory) = http_file(&[]);
    let data = pattern(9, MIB);
    fs::create_dir(directory.path().join("sub")).unwrap();
    fs::write(directory.path().join("sub/index.html"), &data).unwrap();
    curl.args(["-sSfL", "-w", "%{content_type} %{stderr}", &format!("http://{address}/sub")]);
    let Ended { code, output, errors } = run(curl, "");
    assert_eq!(code, Some(0), "{errors}");
    assert_same(&output[..data.len()], &data);
    assert_eq!(output[data.len()..].trim_ascii(), b"text/html; charset=utf-8");
}

/// A server of Redis's protocol, and its port.
fn redis() -> (Running, String) {
    let mut server = Running::ropewalk(&["serve", "redis", ENDPOINT]);
    let address = server.listening();
    let port = address.rsplit_once(':').unwrap().1.to_owned();
    (server, port)
}

#[test]
fn redis_cli_gets_what_it_sets_until_it_expires() {
    let (_server, port) = redis();
    for (words, expected) in [
        (&["ping"][..], "PONG"),
        (&["set", "k", "41", "ex", "100"], "OK"),
        (&["incr", "k"], "42"),
        (&["ttl", "k"], "100"),
        (&["exists", "k", "other"], "1"),
        (&["expire", "k", "0"], "1"),
        (&["get", "k"], ""),
        (&["del", "k"], "0"),
    ] {
        let Some(mut client) = find_peer("redis-cli") else { return };
        client.args(["-p", &port]).args(words);
        let output = String::from_utf8(run(client, "").output).unwrap();
        // A slow machine may have seen a second pass.
        let is_right = output.trim() == expected || words[0] == "ttl" && output.trim() > "40";
        assert!(is_right, "{words:?} {output}");
    }
}

#[test]
fn redis_benchmark_is_answered() {
    let Some(mut benchmark) = find_peer("redis-benchmark") else { return };
    let (_server, port) = redis();
    benchmark.args(["-p", &port, "-t", "ping,set,get,incr", "-n", "2000", "-P", "16", "--csv"]);
    let lines = String::from_utf8(run(benchmark, "").output).unwrap();
    let tests: Vec<&str> = lines.lines().filter_map(|line| line.split('"').nth(1)).collect();
    assert_eq!(tests, ["test", "PING_INLINE", "PING_MBULK", "SET", "GET", "INCR"], "{lines}");
}

/// Curl through a proxy with these words in front of its address.
fn curl_through(proxy: &str, user: &str, address: &str) -> Option<Ended> {
    let mut curl = find_peer("curl")?;
    let proxy = format!("{user}{proxy}");
    curl.args(["-sS", "--max-time", "50", "--noproxy", "", "--socks5-hostname", &proxy]);
    curl.arg(format!("http://{address}/file"));
    Some(run(curl, ""))
}

#[test]
fn curl_downloads_through_the_proxy_with_the_right_password_alone() {
    let (_web, address, directory) = http_file(&[]);
    let data = pattern(10, 2 * MIB);
    fs::write(directory.path().join("file"), &data).unwrap();
    let passwords = directory.path().join(".passwords");
    fs::write(&passwords, "other:x\nname:pass:word\n").unwrap();
    let file = passwords.display().to_string();
    let open = ["serve", "socks5", ENDPOINT];
    let closed = ["serve", "socks5", ENDPOINT, "--passwords", &file];
    for (arguments, user, is_let_in) in [
        (&open[..], "", true),
        (&closed, "name:pass%3Aword@", true),
        (&closed, "name:x@", false),
        (&closed, "", false),
    ] {
        let mut proxy = Running::ropewalk(arguments);
        let proxy_address = proxy.listening();
        let Some(ended) = curl_through(&proxy_address, user, &address) else { return };
        assert_eq!(ended.code == Some(0), is_let_in, "{arguments:?} {user} {}", ended.errors);
        if is_let_in {
            assert_same(&ended.output, &data);
        }
        let errors = proxy.terminate().errors;
        assert_eq!(errors.contains("see --passwords"), arguments.len() == 3, "{errors}");
    }
}

#[test]
fn a_text_of_the_day_and_the_time_are_sent_and_the_connection_is_closed() {
    let mut server = Running::ropewalk(&["serve", "qotd", ENDPOINT]);
    let quote = String::from_utf8(exchange(server.connect(), Vec::new())).unwrap();
    assert!(quote.ends_with("\r\n") && quote.len() <= 512, "{quote}");
    let mut server = Running::ropewalk(&["serve", "time", ENDPOINT]);
    let time = exchange(server.connect(), Vec::new());
    let seconds = u32::from_be_bytes(time.try_into().unwrap());
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    // RFC 868 counts from 1900, in 32 bits.
    let expected = (now + 2_208_988_800) as u32;
    assert!(expected.wrapping_sub(seconds) < 60, "{seconds} {expected}");
}

#[test]
fn an_option_of_another_protocol_and_a_missing_file_are_told() {
    let missing = Path::new("/no/such/place").display().to_string();
    for (arguments, code) in [
        (&["serve", "http-file", ENDPOINT][..], 64),
        (&["serve", "echo", ENDPOINT, "--directory", "/"], 64),
        (&["serve", "redis", ENDPOINT, "--passwords", "/dev/null"], 64),
        (&["serve", "socks5", ENDPOINT, "--passwords", "/dev/null"], 64),
        (&["serve", "redis", ENDPOINT, "--workers", "2"], 64),
        (&["serve", "http-file", ENDPOINT, "--directory", &missing], 69),
        (&["serve", "http-file", ENDPOINT, "--directory", "/dev/null"], 69),
        (&["serve", "socks5", ENDPOINT, "--passwords", &missing], 69),
    ] {
        let ended = ropewalk(arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?} {}", ended.errors);
        assert!(ended.errors.contains("error: "), "{}", ended.errors);
    }
}

#[test]
fn a_proxy_drains_what_goes_through_it() {
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = far.local_addr().unwrap();
    let mut proxy = Running::ropewalk(&["serve", "socks5", ENDPOINT]);
    let mut client = connect(&proxy.listening());
    let port = address.port().to_be_bytes();
    client.write_all(&[&[5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1][..], &port].concat()).unwrap();
    client.read_exact(&mut [0; 12]).unwrap();
    let (mut served, _) = far.accept().unwrap();
    client.write_all(b"last words").unwrap();
    proxy.signal("TERM");
    let mut words = [0; 10];
    served.read_exact(&mut words).unwrap();
    assert_eq!(&words, b"last words");
    drop((served, client));
    eventually("it ends", || !proxy.is_running());
    assert_eq!(proxy.wait().code, Some(0));
}
