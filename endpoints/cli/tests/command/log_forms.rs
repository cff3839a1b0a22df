//! `--log` and `--log-level`: the same events as text and as JSON, safe for a terminal in both.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use serde_json::Value;
use testkit::pattern;

use crate::bytes::{assert_same, exchange};
use crate::certificates::Certificate;
use crate::running::{Running, connect, ropewalk, ropewalk_with};

const ENDPOINT: &str = "tcp:0:interface=127.0.0.1";

/// Each line as the object that it is.
fn objects(errors: &str) -> Vec<Value> {
    let object = |line: &str| match serde_json::from_str(line) {
        Ok(object @ Value::Object(_)) => object,
        _ => panic!("no object: {line:?}"),
    };
    errors.lines().map(object).collect()
}

/// Those of one event.
fn of_event(errors: &str, event: &str) -> Vec<Value> {
    let mut all = objects(errors);
    all.retain(|object| object["event"] == event);
    all
}

/// The standard error of a relay to a port that is closed, after one client.
fn turned_away(options: &[&str]) -> String {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let to = format!("tcp:{closed}");
    let arguments = [&["relay", ENDPOINT, &to, "--retry", "0", "--log-connections"][..], options];
    let mut relay = Running::ropewalk(&arguments.concat());
    let mut client = relay.connect();
    // A reset, or the end of file.
    let _ = client.read(&mut [0]);
    relay.signal("USR1");
    relay.terminate().errors
}

#[test]
fn the_log_is_text_unless_asked_and_json_where_there_is_no_terminal_and_auto() {
    for options in [&[][..], &["--log", "text"]] {
        let errors = turned_away(options);
        assert!(errors.contains("\nconnection 1 of 127.0.0.1:"), "{options:?} {errors}");
        assert!(errors.starts_with("error: relaying 127.0.0.1:"), "{options:?} {errors}");
    }
    for options in [["--log", "json"], ["--log", "auto"]] {
        let errors = turned_away(&options);
        let dials = of_event(&errors, "dial");
        assert_eq!((dials.len(), &dials[0]["level"]), (1, &"error".into()), "{errors}");
        let message = dials[0]["message"].as_str().unwrap();
        assert!(message.starts_with("relaying 127.0.0.1:"), "the level is no part of it: {errors}");
        assert!(dials[0]["time"].as_f64().unwrap() > 1e9, "{errors}");
        let notes = of_event(&errors, "note");
        assert!(notes.iter().any(|it| it["message"].as_str().unwrap().starts_with("statistics: ")));
    }
    assert_eq!(ropewalk(&["serve", "echo", ENDPOINT, "--log", "xml"]).code, Some(64));
}

#[test]
fn what_is_less_important_than_asked_is_not_told() {
    for (level, expected) in [("info", [true; 3]), ("warn", [true, false, false])] {
        let errors = turned_away(&["--log", "json", "--log-level", level]);
        let is_told = ["dial", "connection", "note"].map(|it| !of_event(&errors, it).is_empty());
        assert_eq!(is_told, expected, "{level}: {errors}");
    }
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let danger = format!("ssl:{}:verify=danger-none", far.local_addr().unwrap());
    for (level, is_told) in [("warn", true), ("error", false)] {
        let mut relay = Running::ropewalk(&["relay", ENDPOINT, &danger, "--log-level", level]);
        relay.listening();
        let errors = relay.terminate().errors;
        assert_eq!(errors.starts_with("warning: verify=danger-none"), is_told, "{errors}");
    }
}

#[test]
fn the_end_of_a_connection_has_its_numbers() {
    let certificate = Certificate::new();
    let arguments = ["serve", "echo", ENDPOINT, &certificate.server()];
    let arguments = [&arguments[..], &["--log", "json", "--log-connections"]].concat();
    let mut server = Running::ropewalk(&arguments);
    let (plain, over_tls) = (server.listening(), server.listening());
    let data = pattern(9, 70_000);
    assert_same(&exchange(connect(&plain), data.clone()), &data);
    let piped = ropewalk_with(&["pipe", &certificate.client(&over_tls)], data.clone());
    assert_same(&piped.output, &data);
    let mut cut = connect(&plain);
    cut.write_all(b"abc").unwrap();
    cut.read_exact(&mut [0; 3]).unwrap();
    // The end is a reset.
    socket2::SockRef::from(&cut).set_linger(Some(Duration::ZERO)).unwrap();
    drop(cut);
    let errors = server.terminate().errors;
    let ends = of_event(&errors, "connection");
    let facts = |end: &Value| {
        let fact = |name: &str| end[name].clone();
        (fact("wire"), fact("received"), fact("sent"), fact("reason"))
    };
    let done = |wire: &str| (wire.into(), 70_000.into(), 70_000.into(), "done".into());
    let found: Vec<_> = ends.iter().map(facts).collect();
    let expected =
        vec![done("tcp"), done("tls"), ("tcp".into(), 3.into(), 3.into(), "lost".into())];
    assert_eq!(found, expected, "{errors}");
    for (end, id) in ends.iter().zip(1..) {
        assert_eq!(end["id"], id);
        assert!(end["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{end}");
        let number = |name: &str| end[name].as_f64().unwrap();
        let after = number("time") - (number("began") + number("seconds"));
        assert!((-0.001..60.0).contains(&after), "it began, took so long, and was told: {end}");
    }
}

#[test]
fn the_name_of_a_peer_disturbs_neither_a_terminal_nor_a_parser() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let name = directory.path().join("a\u{1b}[2J\"\\\u{202e}\n{}");
    let _bound = UnixListener::bind(&name).unwrap();
    for (form, shown) in [("text", r#"a\u{1b}[2J"\\u{202e}\n{}"#), ("json", "")] {
        let endpoint = format!("unix:{}", path.display());
        let arguments = ["serve", "echo", &endpoint, "--log-connections", "--log", form];
        let mut server = Running::ropewalk(&arguments);
        server.listening();
        let client = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
        let client = client.unwrap();
        std::fs::remove_file(&name).unwrap();
        client.bind(&socket2::SockAddr::unix(&name).unwrap()).unwrap();
        client.connect(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        (&client).read_to_end(&mut Vec::new()).unwrap();
        let errors = server.terminate().errors;
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(
            errors.trim_end().chars().all(|it| !it.is_control() && it != '\u{202e}'),
            "{errors}"
        );
        assert!(errors.contains(shown), "{errors}");
        if form == "json" {
            let peer = &objects(&errors)[0]["peer"];
            assert!(peer.as_str().unwrap().ends_with(r#"a\u{1b}[2J"\\u{202e}\n{}"#), "{peer}");
        }
    }
}
