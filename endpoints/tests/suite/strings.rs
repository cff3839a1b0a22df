//! The meaning of `tcp`, `tcp6` and `unix` strings, claim by claim; `oracle` has the table of Twisted's answers.
//!
//! Invariant: a string that means something is shown by its description, and a mistake by its first line.

use crate::doubles::Reactor;

fn server(text: &str) -> String {
    let parsed = Reactor::new().registry().parse_server(text);
    parsed.map_or_else(|error| error.to_string(), |parsed| parsed.description.to_string())
}

fn client(text: &str) -> String {
    let parsed = Reactor::new().registry().parse_client(text);
    parsed.map_or_else(|error| error.to_string(), |parsed| parsed.description.to_string())
}

/// Each text of a server means what stands beside it.
#[track_caller]
fn servers(expected: &[(&str, &str)]) {
    for (text, meaning) in expected {
        assert_eq!(server(text), *meaning, "{text}");
    }
}

#[track_caller]
fn clients(expected: &[(&str, &str)]) {
    for (text, meaning) in expected {
        assert_eq!(client(text), *meaning, "{text}");
    }
}

#[test]
fn a_servers_own_kinds_are_lower_case_and_a_plugins_and_a_clients_are_of_any_case() {
    for text in ["TCP:80", "Tcp:80", "UNIX:/a", "Unix:/a"] {
        let kind = text.split(':').next().unwrap_or_default();
        assert_eq!(server(text), format!("unknown endpoint kind `{kind}`"));
    }
    for text in ["TCP6:80", "Tcp6:80", "tcp6:80"] {
        assert_eq!(server(text), "tcp6:port=80:backlog=max:interface=\\:\\:");
    }
    for text in ["TCP:a:1", "tCp:a:1", "tcp:a:1"] {
        assert_eq!(client(text), "tcp:host=a:port=1:timeout=30");
    }
    assert_eq!(client("UNIX:/a"), "unix:path=/a:lockfile=0:timeout=30");
}

#[test]
fn a_kind_is_unknown_unless_it_is_equal_and_the_error_names_it_as_it_was_written() {
    for kind in ["ftl", "FTL", "tcp7", "tc", "tcp66", "80", "tcp4", " tcp", "tcp "] {
        let message = format!("unknown endpoint kind `{kind}`");
        assert_eq!((server(&format!("{kind}:80")), client(kind)), (message.clone(), message));
    }
}

#[test]
fn escapes_are_undone_before_the_kind_is_looked_up() {
    for text in ["\\tcp:80", "t\\cp:80", "\\t\\c\\p:\\8\\0"] {
        assert_eq!(server(text), server("tcp:80"), "{text}");
    }
    assert_eq!(server("tcp\\:80"), "unknown endpoint kind `tcp:80`");
}

#[test]
fn a_string_whose_fields_are_all_options_has_no_kind() {
    for text in ["tcp=80", "=tcp", "a=b:c=d"] {
        let kindless =
            |side| format!("the kind of the {side} is missing: every field is an option");
        assert_eq!((server(text), client(text)), (kindless("server"), kindless("client")));
    }
}

#[test]
fn a_lone_backslash_at_the_end_is_a_mistake_of_either_side() {
    let message = "the backslash at the end escapes nothing";
    assert_eq!((server("tcp:80\\"), client("tcp:h:80\\")), (message.into(), message.into()));
    let error = Reactor::new().registry().parse_server("tcp:80\\").expect_err("it is wrong");
    assert_eq!(error.offset(), 6);
}

#[test]
fn an_option_that_a_kind_does_not_have_is_named_with_the_kind() {
    for (text, name) in [
        ("tcp:80:x=1", "x"),
        ("tcp:80:Interface=x", "Interface"),
        ("tcp:80:\u{e9}=1", "\u{e9}"),
        ("tcp:80:factory=x", "factory"),
    ] {
        assert_eq!(server(text), format!("unknown option `{name}` for a `tcp` server"));
    }
    for (text, name) in [("unix:/a:wantPID=1", "wantPID"), ("unix:path=/a", "path")] {
        assert_eq!(server(text), format!("unknown option `{name}` for a `unix` server"));
    }
    assert_eq!(client("tcp:h:1:x=1"), "unknown option `x` for a `tcp` client");
    assert_eq!(client("unix:address=/a"), "unknown option `address` for a `unix` client");
}

#[test]
fn an_argument_that_is_missing_is_named() {
    for (text, name) in [("tcp", "port"), ("tcp6", "port"), ("unix", "address")] {
        assert_eq!(server(text), format!("`{name}` is missing for a `{text}` server"));
    }
    for (text, name) in
        [("tcp", "host"), ("tcp:port=80", "host"), ("tcp:host=h", "port"), ("tcp:h", "port")]
    {
        assert_eq!(client(text), format!("`{name}` is missing for a `tcp` client"), "{text}");
    }
    // A number alone is a host, too.
    assert_eq!(client("tcp:80"), "`port` is missing for a `tcp` client");
    assert_eq!(client("unix"), "`path` is missing for a `unix` client");
}

#[test]
fn a_value_too_many_and_one_given_twice_are_mistakes_and_of_two_options_the_last_counts() {
    for (text, value) in [("tcp:80:127.0.0.1:6:extra", "extra"), ("tcp6:80:6:[::]:x", "x")] {
        assert!(server(text).starts_with(&format!("`{value}` is one value too many")), "{text}");
    }
    assert_eq!(server("unix:/a:660:5:0:x"), "`x` is one value too many for a `unix` server");
    for (text, value) in [("tcp:a:b:c:host=h:port=1", "c"), ("tcp:example.com:80:30", "30")] {
        assert_eq!(client(text), format!("`{value}` is one value too many for a `tcp` client"));
    }
    for text in ["unix:/a:/b", "unix:/a:/b:path=/c"] {
        assert_eq!(client(text), "`/b` is one value too many for a `unix` client");
    }
    let twice = "is given twice to a";
    let by = "by position and by name";
    assert_eq!(server("tcp:80:port=81"), format!("`port` {twice} `tcp` server, {by}"));
    assert_eq!(client("tcp:a:1:host=h"), format!("`host` {twice} `tcp` client, {by}"));
    assert_eq!(client("tcp:a:1:port=2"), format!("`port` {twice} `tcp` client, {by}"));
    assert_eq!(client("unix:/a:path=/b"), format!("`path` {twice} `unix` client, {by}"));
    assert_eq!(server("tcp:80::1:backlog=2"), format!("`backlog` {twice} `tcp` server, {by}"));
    assert_eq!(server("tcp:80:backlog=1:backlog=2"), server("tcp:80:backlog=2"));
}

#[test]
fn an_ipv6_address_without_brackets_is_given_twice_with_a_hint() {
    let error = Reactor::new().registry().parse_server("tcp:80:interface=::1");
    let report = error.expect_err("it is wrong").report();
    assert!(report.contains("`interface` is given twice"), "{report}");
    assert!(report.contains("help: an IPv6 address goes into brackets: `[::1]`"), "{report}");
}

#[test]
fn a_number_has_ascii_digits_as_twisted_writes_them_and_a_range() {
    for text in ["tcp: 80 ", "tcp:+80", "tcp:080", "tcp:8_0"] {
        assert_eq!(server(text), server("tcp:80"), "{text}");
    }
    for port in ["http", "0x50", "80.0", "\u{668}\u{660}", "-1", "65536", "100000000000000000000"] {
        let message = format!("port `{port}` is not a number from 0 to 65535");
        assert_eq!(server(&format!("tcp:{port}")), message);
        assert_eq!(client(&format!("tcp:h:{port}")), message);
    }
    assert_eq!(server("tcp:"), "port is empty, and not a number from 0 to 65535");
}

#[test]
fn a_tcp_server_has_a_port_an_interface_and_a_backlog_in_this_order() {
    servers(&[
        ("tcp:80", "tcp:port=80:interface=0.0.0.0:backlog=max"),
        ("tcp:0", "tcp:port=0:interface=0.0.0.0:backlog=max"),
        ("tcp:80:interface=127.0.0.1", "tcp:port=80:interface=127.0.0.1:backlog=max"),
        ("tcp:80:backlog=6", "tcp:port=80:interface=0.0.0.0:backlog=6"),
        ("tcp:1234:backlog=12:interface=10.0.0.1", "tcp:port=1234:interface=10.0.0.1:backlog=12"),
        ("tcp:80:127.0.0.1:7", "tcp:port=80:interface=127.0.0.1:backlog=7"),
        ("tcp:80::6", "tcp:port=80:interface=0.0.0.0:backlog=6"),
        ("tcp:80:", "tcp:port=80:interface=0.0.0.0:backlog=max"),
        ("tcp:80::", "backlog is empty, and not `max` or a number from 0 to 2147483647"),
        ("tcp:80:interface=\\:\\:1", "tcp:port=80:interface=\\:\\:1:backlog=max"),
        ("tcp6:80", "tcp6:port=80:backlog=max:interface=\\:\\:"),
    ]);
    let no_address = "and not an IPv6 address or a host name";
    assert_eq!(server("tcp6:80:interface="), format!("interface is empty, {no_address}"));
    assert_eq!(
        server("tcp6:80:interface=127.0.0.1"),
        "interface `127.0.0.1` is not an IPv6 address or a host name"
    );
}

#[test]
fn a_tcp_client_has_a_host_and_a_port_by_position_or_by_name() {
    let full = "tcp:host=example.com:port=1234:timeout=7:bindAddress=10.0.0.2";
    let plain = "tcp:host=example.com:port=1234:timeout=30";
    clients(&[
        (full, full),
        ("tcp:example.com:1234:timeout=7:bindAddress=10.0.0.2", full),
        ("tcp:example.com:1234", plain),
        ("tcp:example.com:port=1234", plain),
        ("tcp:host=example.com:1234", plain),
        ("tcp:[::1]:80", "tcp:host=\\:\\:1:port=80:timeout=30"),
        ("tcp6:h:80", "tcp6:host=h:port=80:timeout=30"),
        ("tcp:h:1:bindAddress=1.2.3.4\\:99", "bindAddress `1.2.3.4:99` is not an IP address"),
    ]);
    let no_time = "not a time from 0 to 4294967295 s, as in `30` or `500ms`";
    clients(&[
        ("tcp:h:1:timeout=1.5", &format!("timeout `1.5` is {no_time}")),
        ("tcp:h:1:timeout=x", &format!("timeout `x` is {no_time}")),
        ("tcp:h:1:timeout=", &format!("timeout is empty, and {no_time}")),
        ("unix:/a:timeout=x", &format!("timeout `x` is {no_time}")),
        ("tcp:h:1:timeout=500ms", "tcp:host=h:port=1:timeout=500ms"),
    ]);
}

#[test]
fn a_unix_server_has_a_path_an_octal_mode_a_backlog_and_a_lock_file_in_this_order() {
    servers(&[
        ("unix:/a", "unix:address=/a:mode=0600:backlog=max:lockfile=1"),
        ("unix:/a:660:5:0", "unix:address=/a:mode=0660:backlog=5:lockfile=0"),
        ("unix:address=/a", "unix:address=/a:mode=0600:backlog=max:lockfile=1"),
        ("unix:@name", "unix:address=@name:mode=0600:backlog=max:lockfile=1"),
        ("unix:\\0name", "unix:address=0name:mode=0600:backlog=max:lockfile=1"),
        ("unix:abstract=name", "unix:backlog=max:lockfile=0:abstract=name"),
        ("unix:", "address is empty, and not the path of a socket"),
    ]);
    for mode in ["0660", "660", "0o660"] {
        let text = format!("unix:/a:mode={mode}");
        assert_eq!(server(&text), "unix:address=/a:mode=0660:backlog=max:lockfile=1");
    }
    for mode in ["888", "-1", "77777", "0x1b0"] {
        let message = format!("mode `{mode}` is not an octal mode from 0 to 7777");
        assert_eq!(server(&format!("unix:/a:mode={mode}")), message);
    }
    assert_eq!(server("unix:/a:mode="), "mode is empty, and not an octal mode from 0 to 7777");
}

#[test]
fn a_lock_file_is_a_switch() {
    for (value, state) in [("0", 0), ("no", 0), ("false", 0), ("1", 1), ("yes", 1), ("true", 1)] {
        let meaning = format!("unix:address=/a:mode=0600:backlog=max:lockfile={state}");
        assert_eq!(server(&format!("unix:/a:lockfile={value}")), meaning);
        let meaning = format!("unix:path=/a:lockfile={state}:timeout=30");
        assert_eq!(client(&format!("unix:/a:lockfile={value}")), meaning);
    }
    for value in ["2", "x", "-1"] {
        let message = format!("lockfile `{value}` is not 0 or 1, no or yes, false or true");
        assert_eq!(server(&format!("unix:/a:lockfile={value}")), message);
        assert_eq!(client(&format!("unix:/a:lockfile={value}")), message);
    }
    let empty = "lockfile is empty, and not 0 or 1, no or yes, false or true";
    assert_eq!(server("unix:/a:lockfile="), empty);
}

#[test]
fn a_unix_client_has_a_path_and_waits_thirty_seconds() {
    clients(&[
        ("unix:/a", "unix:path=/a:lockfile=0:timeout=30"),
        ("unix:path=/a", "unix:path=/a:lockfile=0:timeout=30"),
        (
            "unix:path=/var/foo/bar:lockfile=1:timeout=9",
            "unix:path=/var/foo/bar:lockfile=1:timeout=9",
        ),
        ("unix:abstract=name", "unix:lockfile=0:timeout=30:abstract=name"),
        ("unix:", "path is empty, and not the path of a socket"),
    ]);
}
