//! `--status`, `--log-connections` and SIGUSR1: what an operator and a balancer see of a server.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use testkit::{find_peer, pattern};

use crate::bytes::{assert_same, exchange};
use crate::certificates::Certificate;
use crate::running::{Running, connect, eventually, ropewalk, run};

const ENDPOINT: &str = "tcp:0:interface=127.0.0.1";

/// A server, its address, and that of its status.
fn serving(arguments: &[&str]) -> (Running, String, String) {
    let mut running = Running::ropewalk(&[arguments, &["--status", ENDPOINT]].concat());
    let address = running.listening();
    let line = running.line();
    let status = line.strip_prefix("status ").unwrap_or_else(|| panic!("{line:?}")).to_owned();
    (running, address, status)
}

/// The whole answer to these bytes.
fn ask(status: &str, request: &str) -> String {
    let mut stream = connect(status);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(status: &str, path: &str) -> String {
    ask(status, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
}

/// The value of a sample.
fn sample(status: &str, name: &str) -> f64 {
    let metrics = get(status, "/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}:\n{metrics}")).parse().unwrap()
}

#[test]
fn bytes_and_endings_are_counted_while_they_happen() {
    for options in [&[][..], &["--workers", "2"]] {
        let arguments = [&["serve", "echo", ENDPOINT][..], options].concat();
        let (running, address, status) = serving(&arguments);
        let data = pattern(5, 100_000);
        let mut open = connect(&address);
        open.write_all(b"x").unwrap();
        open.read_exact(&mut [0]).unwrap();
        assert_eq!(sample(&status, "ropewalk_bytes_total{direction=\"sent\"}"), 1.0);
        assert_same(&exchange(connect(&address), data.clone()), &data);
        let done = "ropewalk_connections_closed_total{reason=\"done\"}";
        eventually("it is closed", || sample(&status, done) == 1.0);
        for (name, value) in [
            ("ropewalk_connections_open", 1.0),
            ("ropewalk_connections_opened_total", 2.0),
            ("ropewalk_bytes_total{direction=\"received\"}", 100_001.0),
            ("ropewalk_bytes_total{direction=\"sent\"}", 100_001.0),
            ("ropewalk_ready", 1.0),
        ] {
            assert_eq!(sample(&status, name), value, "{name} {options:?}");
        }
        drop(open);
        assert_eq!(running.terminate().code, Some(0));
    }
}

#[test]
fn every_line_of_the_metrics_is_prometheus_text() {
    let (_running, _, status) = serving(&["serve", "echo", ENDPOINT]);
    let answer = get(&status, "/metrics");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Content-Type: text/plain; version=0.0.4"), "{head}");
    let mut types = std::collections::BTreeMap::new();
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# TYPE ") {
            let (name, kind) = comment.split_once(' ').unwrap();
            assert_eq!(types.insert(name, kind), None, "{line}");
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
        let family = name.split('{').next().unwrap();
        let of_histogram =
            ["_bucket", "_sum", "_count"].iter().find_map(|it| family.strip_suffix(it));
        let known = |name: &str| types.contains_key(name);
        assert!(known(family) || of_histogram.is_some_and(known), "{line}");
    }
    assert!(types.len() > 8, "{types:?}");
}

#[test]
fn limits_that_are_reached_and_dials_that_fail_are_counted_by_their_causes() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let to = format!("tcp:{closed}");
    let arguments = ["relay", ENDPOINT, &to, "--retry", "0", "--max-per-peer", "1"];
    let (_running, address, status) = serving(&arguments);
    let _ = connect(&address).read_to_end(&mut Vec::new());
    let refused = "ropewalk_dials_total{result=\"refused\"}";
    eventually("it is counted", || sample(&status, refused) == 1.0);
    assert_eq!(sample(&status, "ropewalk_dials_total{result=\"connected\"}"), 0.0);
    let (_running, address, status) =
        serving(&["serve", "echo", ENDPOINT, "--max-per-peer", "1", "--max-connections", "1"]);
    let mut open = connect(&address);
    open.write_all(b"x").unwrap();
    open.read_exact(&mut [0]).unwrap();
    let _waiting = connect(&address);
    let limit =
        |name: &str| sample(&status, &format!("ropewalk_limits_reached_total{{limit=\"{name}\"}}"));
    eventually("one of them is reached", || limit("per_peer") + limit("connections") >= 1.0);
    assert_eq!(sample(&status, "ropewalk_log_lines_dropped_total"), 0.0);
}

#[test]
fn the_end_of_a_certificate_is_told_with_its_file() {
    let certificate = Certificate::new();
    let (_running, _, status) = serving(&["serve", "echo", &certificate.server()]);
    let metrics = get(&status, "/metrics");
    let name = "ropewalk_certificate_expiry_timestamp_seconds{file=\"/";
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let end: f64 = line.rsplit_once(' ').unwrap().1.parse().unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!(end > now, "{line}");
}

#[test]
fn a_signal_makes_it_unready_while_it_still_accepts() {
    let (running, address, status) = serving(&["serve", "echo", ENDPOINT, "--drain-delay", "10m"]);
    assert!(get(&status, "/ready").starts_with("HTTP/1.1 200 "));
    assert_eq!(ask(&status, "GET /agent\n"), "ready up\n");
    running.signal("TERM");
    eventually("it is not ready", || get(&status, "/ready").starts_with("HTTP/1.1 503 "));
    assert!(get(&status, "/ready").contains("\nstop: a signal has come"));
    assert_eq!(ask(&status, "GET /agent\n"), "drain\n");
    assert!(get(&status, "/live").starts_with("HTTP/1.1 200 "));
    drop(connect(&address));
    running.signal("TERM");
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn a_back_end_that_is_down_makes_a_relay_unready_without_a_client() {
    let back_end = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = back_end.local_addr().unwrap();
    let text = format!("tcp:{to}");
    let (running, _, status) = serving(&["relay", ENDPOINT, &text]);
    eventually("it was visited", || get(&status, "/ready").starts_with("HTTP/1.1 200 "));
    back_end.accept().unwrap();
    drop(back_end);
    eventually("the back end is missed", || get(&status, "/ready").starts_with("HTTP/1.1 503 "));
    let blocker = format!("connect: {text}: cannot connect to {to}: ");
    assert!(get(&status, "/ready").contains(&blocker));
    assert_eq!(ask(&status, "GET /agent\n"), "down\n");
    let back_end = TcpListener::bind(to).unwrap();
    eventually("it is found again", || get(&status, "/ready").starts_with("HTTP/1.1 200 "));
    drop(back_end);
    assert_eq!(running.terminate().code, Some(0));
}

/// The visit is a whole handshake, so that a back end which a client could not use is not ready.
#[test]
fn a_back_end_over_tls_is_up_when_its_certificate_is_taken_and_down_while_it_is_not() {
    let (shown, other) = (Certificate::new(), Certificate::new());
    let mut back_end = Running::ropewalk(&["serve", "echo", &shown.server()]);
    let text = other.client(&back_end.listening()) + ":reload=100ms";
    let (running, _, status) = serving(&["relay", ENDPOINT, &text]);
    eventually("it is refused", || get(&status, "/ready").starts_with("HTTP/1.1 503 "));
    let answer = get(&status, "/ready");
    let blocker = format!("\nconnect: {text}: ");
    assert!(answer.contains(&blocker), "{answer}");
    assert!(answer.contains("the certificate of the server was refused: "), "{answer}");
    std::fs::copy(shown.certificate(), other.certificate()).unwrap();
    eventually("it is taken", || get(&status, "/ready").starts_with("HTTP/1.1 200 "));
    let ended = running.terminate();
    assert_eq!(ended.code, Some(0));
    assert!(ended.errors.contains("were renewed: "), "{}", ended.errors);
    assert_eq!(back_end.terminate().code, Some(0));
}

#[test]
fn a_back_end_that_never_answers_the_handshake_is_down_after_its_deadline() {
    let (back_end, certificate) = (TcpListener::bind("127.0.0.1:0").unwrap(), Certificate::new());
    let text = certificate.client(&back_end.local_addr().unwrap().to_string());
    let (running, _, status) = serving(&["relay", ENDPOINT, &text]);
    let (mut silent, _) = back_end.accept().unwrap();
    eventually("it is given up", || get(&status, "/ready").starts_with("HTTP/1.1 503 "));
    let answer = get(&status, "/ready");
    assert!(answer.contains(&text) && answer.contains("handshake"), "{answer}");
    // The visitor has gone, too.
    let _ = silent.read_to_end(&mut Vec::new());
    assert_eq!(running.terminate().code, Some(0));
}

#[test]
fn handshakes_are_counted_with_their_time_and_their_failures() {
    let certificate = Certificate::new();
    let (running, address, status) = serving(&["serve", "echo", &certificate.server()]);
    let mut plain = connect(&address);
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    // It is refused.
    let _ = plain.read_to_end(&mut Vec::new());
    let failed = "ropewalk_handshakes_failed_total{reason=\"tls\"}";
    eventually("it is counted", || sample(&status, failed) == 1.0);
    let done = crate::running::ropewalk_with(&["pipe", &certificate.client(&address)], b"x".into());
    assert_eq!(done.output, b"x");
    eventually("it is counted", || sample(&status, "ropewalk_handshake_seconds_count") == 1.0);
    assert!(sample(&status, "ropewalk_handshake_seconds_sum") > 0.0);
    running.terminate();
}

#[test]
fn the_end_of_each_connection_is_told_if_asked_for() {
    let mut back_end = Running::ropewalk(&["serve", "echo", ENDPOINT]);
    let to = format!("tcp:{}", back_end.listening());
    let arguments = ["relay", ENDPOINT, &to, "--log-connections"];
    let mut relay = Running::ropewalk(&arguments);
    let address = relay.listening();
    for size in [3, 70_000] {
        let data = pattern(9, size);
        assert_same(&exchange(connect(&address), data.clone()), &data);
    }
    relay.signal("USR1");
    let ended = relay.terminate();
    let lines: Vec<_> = ended.errors.lines().filter(|it| it.starts_with("connection ")).collect();
    assert_eq!(lines.len(), 2, "{}", ended.errors);
    for (number, (line, size)) in lines.iter().zip([3, 70_000]).enumerate() {
        let begin = format!("connection {} of 127.0.0.1:", number + 1);
        assert!(line.starts_with(&begin), "{line}");
        let bytes = format!(": {size} bytes received, {size} sent, ");
        assert!(line.contains(&bytes) && line.ends_with(" s: connection closed cleanly"), "{line}");
    }
    assert!(ended.errors.contains("statistics: "), "{}", ended.errors);
    assert!(ended.errors.contains(" 2 accepted, 70003 bytes received, 70003 sent, 2 dials"));
}

#[test]
fn a_status_that_cannot_be_had_ends_the_command() {
    let wrong = ropewalk(&["serve", "echo", ENDPOINT, "--status", "tcp:x"]);
    assert_eq!(wrong.code, Some(64), "{}", wrong.errors);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!("tcp:{}:interface=127.0.0.1", taken.local_addr().unwrap().port());
    let wrong = ropewalk(&["serve", "echo", ENDPOINT, "--status", &text]);
    assert_eq!((wrong.code, wrong.output.as_slice()), (Some(69), &b""[..]), "{}", wrong.errors);
}

#[test]
fn curl_reads_the_status() {
    let Some(mut curl) = find_peer("curl") else { return };
    let (_running, _, status) = serving(&["serve", "echo", ENDPOINT]);
    curl.args(["-sSf", &format!("http://{status}/live")]);
    let ended = run(curl, "");
    assert_eq!((ended.code, ended.output.as_slice()), (Some(0), &b"ok\n"[..]), "{}", ended.errors);
}

#[test]
fn silent_clients_of_the_status_leave_room_for_the_server() {
    let (running, address, status) = serving(&["serve", "echo", ENDPOINT]);
    let _silent: Vec<TcpStream> = (0..100).map(|_| connect(&status)).collect();
    assert_eq!(exchange(connect(&address), b"x".to_vec()), b"x");
    assert_eq!(running.terminate().code, Some(0));
}
