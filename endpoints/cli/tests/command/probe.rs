//! `ropewalk probe`: what a connection goes through, and its exit code for monitoring.

use std::net::TcpListener;

use serde_json::Value;

use crate::certificates::Certificate;
use crate::running::{Running, ropewalk};

const ENDPOINT: &str = "tcp:0:interface=127.0.0.1";

/// The exit code and the findings.
fn probe(arguments: &[&str]) -> (Option<i32>, Value) {
    let ended = ropewalk(&[&["probe", "--json"][..], arguments].concat());
    let output = String::from_utf8(ended.output).unwrap();
    assert_eq!(output.lines().count(), 1, "{output}{}", ended.errors);
    (ended.code, serde_json::from_str(&output).unwrap())
}

#[test]
fn a_connection_over_tls_is_told_with_its_certificate() {
    let certificate = Certificate::new();
    let text = certificate.server() + ":alpn=echo/1";
    let mut echo = Running::ropewalk(&["serve", "echo", &text]);
    let address = echo.listening();
    let to = certificate.client(&address) + ":alpn=echo/1";
    let (code, found) = probe(&[&to]);
    assert_eq!((code, &found["ok"], &found["error"]), (Some(0), &Value::Bool(true), &Value::Null));
    assert_eq!(found["attempts"][0]["address"], *address);
    assert_eq!(found["attempts"][0]["connected"], true);
    assert_eq!(found["peer"], *address);
    let tls = &found["tls"];
    assert_eq!((&tls["version"], &tls["alpn"]), (&"TLSv1_3".into(), &"echo/1".into()));
    let link = &tls["chain"][0];
    assert!(link["names"].as_array().unwrap().contains(&"localhost".into()), "{link}");
    assert!(link["not_after"].as_i64() > link["not_before"].as_i64(), "{link}");
    assert!(found["seconds"].as_f64() >= tls["seconds"].as_f64());
    let text = ropewalk(&["probe", &to]);
    let text = String::from_utf8(text.output).unwrap();
    for part in ["layers    tls over tcp\n", "ALPN echo/1", " days left\n", "\nconnected "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Nothing was served, and nothing failed.
    assert_eq!(echo.terminate().errors, "");
}

#[test]
fn a_certificate_that_ends_before_it_should_is_an_error() {
    let certificate = Certificate::until(2100);
    let mut echo = Running::ropewalk(&["serve", "echo", &certificate.server()]);
    let to = certificate.client(&echo.listening());
    assert_eq!(probe(&[&to, "--valid-for", "1h"]).0, Some(0));
    let (code, found) = probe(&[&to, "--valid-for", "1000000h"]);
    assert_eq!((code, &found["ok"]), (Some(69), &Value::Bool(true)));
}

#[test]
fn a_name_is_looked_up_and_what_fails_is_told() {
    let (code, found) = probe(&["tcp:localhost:1"]);
    assert_eq!((code, &found["peer"]), (Some(69), &Value::Null));
    assert_eq!(found["look_ups"][0]["name"], "localhost");
    let attempts = found["attempts"].as_array().unwrap();
    let addresses = found["look_ups"][0]["addresses"].as_array().unwrap();
    assert!(!attempts.is_empty() && attempts.len() == addresses.len(), "{found}");
    for attempt in attempts {
        assert!(attempt["error"].as_str().unwrap().contains("cannot connect to"), "{attempt}");
        assert_eq!(attempt["connected"], false);
    }
}

#[test]
fn a_server_that_speaks_no_tls_is_told_with_its_connection() {
    let mut daytime = Running::ropewalk(&["serve", "daytime", ENDPOINT]);
    let to = format!("tls:{}", daytime.listening());
    let (code, found) = probe(&[&to]);
    assert_eq!((code, &found["ok"], &found["tls"]), (Some(69), &Value::Bool(false), &Value::Null));
    assert_eq!(found["attempts"][0]["connected"], true);
    assert!(found["error"].as_str().unwrap().contains("tls"), "{found}");
}

#[test]
fn a_server_that_is_silent_over_tls_is_told_when_its_time_is_over() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tls:{}", silent.local_addr().unwrap());
    let (code, found) = probe(&[&to]);
    assert_eq!(code, Some(69));
    assert!(found["error"].as_str().unwrap().contains("tls handshake timed out"), "{found}");
}

#[test]
fn a_wrong_string_is_shown_where_it_is_wrong() {
    let ended = ropewalk(&["probe", "tcp:localhost:x"]);
    assert_eq!(ended.code, Some(64));
    assert!(ended.errors.contains("column 15"), "{}", ended.errors);
}
