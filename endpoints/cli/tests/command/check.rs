//! `ropewalk check`: what a string means, as text and as JSON.

use serde_json::Value;

use crate::running::ropewalk;

fn json(arguments: &[&str]) -> (Option<i32>, String) {
    let ended = ropewalk(&[&["check", "--json"], arguments].concat());
    assert_eq!(ended.errors, "", "{arguments:?}");
    let output = String::from_utf8(ended.output).unwrap();
    let line = output.strip_suffix('\n').unwrap();
    assert!(!line.contains('\n'));
    serde_json::from_str::<Value>(line).unwrap();
    (ended.code, line.to_owned())
}

#[track_caller]
fn means(arguments: &[&str], expected: &str) {
    assert_eq!(json(arguments), (Some(0), expected.to_owned()));
}

#[test]
fn json_has_every_argument_with_its_effective_value_in_order() {
    means(
        &["tcp:80"],
        r#"{"ok":true,"side":"server","other_side":null,"kind":"tcp","arguments":{"port":80,"interface":"0.0.0.0","backlog":"max"},"layers":["tcp"]}"#,
    );
    means(
        &["--server", "tcp:8080:interface=127.0.0.1:backlog=9"],
        r#"{"ok":true,"side":"server","other_side":null,"kind":"tcp","arguments":{"port":8080,"interface":"127.0.0.1","backlog":9},"layers":["tcp"]}"#,
    );
}

#[test]
fn json_of_a_mistake_has_its_place_and_the_nearest_name() {
    let (code, line) = json(&["--server", "tcp:8080:interfaec=127.0.0.1"]);
    assert_eq!(code, Some(64));
    assert_eq!(
        line,
        r#"{"ok":false,"offset":9,"message":"unknown option `interfaec` for a `tcp` server","suggestion":"interface"}"#
    );
    let (code, line) = json(&["--server", "tcp:80a0"]);
    assert_eq!(code, Some(64));
    assert!(line.starts_with(r#"{"ok":false,"offset":4,"message":""#), "{line}");
    assert!(line.ends_with(r#","suggestion":null}"#), "{line}");
}

#[test]
fn text_has_the_kind_the_layers_and_every_argument() {
    let ended = ropewalk(&["check", "tcp:8080:interface=127.0.0.1"]);
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    assert_eq!(
        String::from_utf8(ended.output).unwrap(),
        "side    server\nkind    tcp\nlayers  tcp\n  port       8080\n  interface  127.0.0.1\n  backlog    max\n"
    );
}

#[test]
fn text_of_a_mistake_points_at_it() {
    let ended = ropewalk(&["check", "--server", "tcp:8080:interfaec=127.0.0.1"]);
    assert_eq!((ended.code, ended.output.as_slice()), (Some(64), &b""[..]));
    assert_eq!(
        ended.errors,
        "error: unknown option `interfaec` for a `tcp` server\n  \
         tcp:8080:interfaec=127.0.0.1\n           \
         ^^^^^^^^^ column 10: a similar option exists: `interface`\n"
    );
}

#[test]
fn a_string_is_read_as_a_server_and_else_as_a_client() {
    assert!(json(&["unix:/run/x.sock"]).1.contains(r#""mode":"#));
    assert!(!json(&["--client", "unix:/run/x.sock"]).1.contains(r#""mode":"#));
    let (code, line) = json(&["tcp:example.com:80"]);
    assert_eq!(code, Some(0), "{line}");
    assert!(line.contains(r#""host":"example.com""#), "{line}");
    let (code, line) = json(&["tcp:example.com:80a"]);
    assert_eq!(code, Some(64));
    assert!(line.contains(r#""offset":16"#), "{line}");
}

#[test]
fn the_side_is_named_and_so_is_the_other_one_if_the_string_is_one_of_it_too() {
    for (arguments, sides) in [
        (&["tls:example.com:443"][..], r#""side":"server","other_side":"client""#),
        (&["--client", "tls:example.com:443"], r#""side":"client","other_side":"server""#),
        (&["--server", "unix:/run/x"], r#""side":"server","other_side":null"#),
        (&["tcp:example.com:80"], r#""side":"client","other_side":null"#),
        (&["--server", "tcp:80"], r#""side":"server","other_side":null"#),
    ] {
        let (code, line) = json(arguments);
        assert_eq!(code, Some(0), "{line}");
        assert!(line.starts_with(&format!(r#"{{"ok":true,{sides},"kind":"#)), "{line}");
    }
    let text = String::from_utf8(ropewalk(&["check", "tls:example.com:443"]).output).unwrap();
    assert!(text.starts_with("side    server\n"), "{text}");
    let other = "other   it is a client, too, and means something else: see --client\n";
    assert!(text.contains(other), "{text}");
}

#[test]
fn a_path_that_is_none_elsewhere_is_warned_of() {
    let told = |text: &str| String::from_utf8(ropewalk(&["check", text]).output).unwrap();
    assert!(told("unix:@door").contains("warning `@door` is a file of that name"));
    assert!(told("unix:~/x.sock").contains("warning `~` is a folder of that name here"));
}

#[test]
fn nothing_is_opened() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    assert_eq!(json(&[&format!("tcp:{port}:interface=127.0.0.1")]).0, Some(0));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    assert_eq!(json(&[&format!("unix:{}", path.display())]).0, Some(0));
    assert!(!path.exists());
    assert_eq!(json(&["ssl:0:privateKey=/no/such/key:certKey=/no/such/certificate"]).0, Some(0));
    assert_eq!(json(&["systemd:name=web"]).0, Some(0));
}

#[test]
fn layers_go_from_the_application_to_the_wire() {
    let line = json(&["ssl:443:privateKey=k:certKey=c"]).1;
    assert!(line.ends_with(r#""layers":["tls","tcp"]}"#), "{line}");
    let drawn = |text: &str| String::from_utf8(ropewalk(&["check", text]).output).unwrap();
    let stack = "layers  application\n        ↓ tls\n        ↓ tcp\n        the wire\n";
    assert!(drawn("ssl:443:privateKey=k:certKey=c").contains(stack));
    // PROXY headers outside of TLS, and inside.
    let outside =
        "application\n        ↓ tls\n        ↓ haproxy\n        ↓ tcp\n        the wire\n";
    assert!(drawn(r"ssl:endpoint=haproxy\:tcp\:443").contains(outside));
    let inside = "application\n        ↓ haproxy\n        ↓ tls\n        ↓ tcp\n        the wire\n";
    assert!(drawn("haproxy:ssl:443").contains(inside));
    assert!(json(&[r"haproxy:sni:tcp:443"]).1.ends_with(r#""layers":["haproxy","sni","tcp"]}"#));
}

/// Every wrong string has a place, one line that says what is wrong, and no word of Rust.
#[test]
fn every_wrong_string_is_told_where_and_why() {
    let wrong = [
        "",
        ":",
        "tcp",
        "tcp:",
        "tpc:80",
        "tcpp:80",
        "unx:/x",
        "slave:80",
        "tcp=80",
        "tcp:80\\",
        "tcp:65536",
        "tcp:-1",
        "tcp:0x50",
        "tcp:1e3",
        "tcp:٨٠",
        "tcp:99999999999999999999",
        "tcp:80:999.1.1.1",
        "tcp:80:interface=1.2.3",
        "tcp:80:[::1",
        "tcp:80:backlog=many",
        "tcp:80:backlog=-1",
        "tcp:80:port=81",
        "tcp:80:127.0.0.1:5:6",
        "tcp:80:intreface=::1",
        "tcp:80:=x",
        "unix",
        "unix:",
        "unix:/x:mode=888",
        "unix:/x:mode=9",
        "unix:/x:mode=rw",
        "unix:/x:lockfile=maybe",
        "unix:/x:mod=660",
        "systemd",
        "systemd:domain=INET",
        "systemd:domain=INTE:index=0",
        "systemd:index=0:name=web",
        "systemd:index=-1",
        "systemd:nam=web",
        "ssl",
        "ssl:443:privatekey=k",
        "ssl:x",
        "ssl:443:sslmethod=SSLv2_METHOD",
    ];
    for text in wrong {
        let (code, line) = json(&["--server", text]);
        assert_eq!(code, Some(64), "{text:?}: {line}");
        let value: Value = serde_json::from_str(&line).unwrap();
        let offset = value["offset"].as_u64().unwrap();
        assert!(offset <= text.len() as u64, "{text:?}: {line}");
        let message = value["message"].as_str().unwrap();
        for word in ["::", "Err", "Some(", "None", "panicked", "u16", "\n"] {
            let own = text.contains(word);
            assert!(own || !message.contains(word), "{text:?}: {message}");
        }
        let told = ropewalk(&["check", "--server", text]);
        assert_eq!(told.code, Some(64));
        assert!(told.errors.starts_with("error: ") && told.errors.contains('^'), "{text:?}");
        assert!(told.errors.contains("column "), "{text:?}: {}", told.errors);
    }
}

#[test]
fn a_string_with_control_characters_cannot_disturb_the_terminal() {
    let told = ropewalk(&["check", "tcp:8\u{1b}[2J0\u{7}"]);
    assert_eq!(told.code, Some(64));
    assert!(!told.errors.contains('\u{1b}') && !told.errors.contains('\u{7}'));
}

#[test]
fn an_argument_that_is_not_text_is_wrong_usage() {
    use std::os::unix::ffi::OsStrExt as _;
    let odd = std::ffi::OsStr::from_bytes(b"unix:/\xff");
    let ended = ropewalk(&[std::ffi::OsStr::new("check"), odd]);
    assert_eq!(ended.code, Some(64));
}
