//! What the strings of kind `unix` mean, argument by argument.
//!
//! Invariant: a name that no socket can have is a mistake of the string.

use std::rc::Rc;
use std::time::Duration;

use deferred::Cancelled;
use interfaces::{
    BACKLOG_MAX, ConnectUnix, ListenUnix, LockFile, StreamClientEndpoint as _,
    StreamServerEndpoint as _, UnixAddress,
};
use ropewalk_endpoints::{Problem, Side, UnixClientEndpoint, UnixServerEndpoint};
use testkit::result_of;

use crate::doubles::{Call, Reactor, factory};

fn path(text: &str) -> UnixAddress {
    UnixAddress::Path(Rc::from(text.as_bytes()))
}

/// What the reactor is asked for when this string listens.
#[track_caller]
fn listened(text: &str) -> ListenUnix {
    let reactor = Reactor::new();
    let endpoint = reactor.registry().server(text).expect(text);
    result_of(endpoint.listen(factory())).unwrap();
    match &reactor.calls()[..] {
        [Call::ListenUnix(options)] => options.clone(),
        calls => panic!("{text}: {calls:?}"),
    }
}

#[track_caller]
fn connected(text: &str) -> ConnectUnix {
    let reactor = Reactor::new();
    let _connected = reactor.registry().client(text).expect(text).connect(factory());
    match &reactor.calls()[..] {
        [Call::ConnectUnix(options)] => options.clone(),
        calls => panic!("{text}: {calls:?}"),
    }
}

#[track_caller]
fn server_problem(text: &str) -> Problem {
    Reactor::new().registry().parse_server(text).expect_err(text).problem().clone()
}

#[track_caller]
fn client_problem(text: &str) -> Problem {
    Reactor::new().registry().parse_client(text).expect_err(text).problem().clone()
}

#[track_caller]
fn is_invalid(problem: &Problem, name: &str, value: &str) {
    let Problem::Invalid { argument, given, .. } = problem else { panic!("{problem:?}") };
    assert_eq!((*argument, given.as_str()), (name, value));
}

/// endpoint-unix-001: the backlog of Twisted is 50, its mode 0666, and its constructor locks nothing.
#[test]
fn a_server_has_mode_0600_the_largest_backlog_and_a_lock_file() {
    let expected = ListenUnix::new(path("/a"))
        .with_mode(0o600)
        .with_backlog(BACKLOG_MAX)
        .with_lock_file(LockFile::Used);
    assert_eq!(ListenUnix::new(path("/a")), expected);
    assert_eq!(listened("unix:/a"), expected);
}

/// endpoint-unix-002
#[test]
fn the_options_of_a_server_reach_the_reactor_unchanged() {
    let reactor = Reactor::new();
    let options = ListenUnix::new(path("/a"))
        .with_backlog(100)
        .with_mode(0o640)
        .with_lock_file(LockFile::Ignored);
    drop(UnixServerEndpoint::new(reactor.clone(), options.clone()).listen(factory()));
    assert_eq!(reactor.calls(), [Call::ListenUnix(options)]);
}

/// endpoint-unix-003, endpoint-unix-017
#[test]
fn a_client_has_30_seconds_and_looks_at_no_lock_file_unless_it_is_told_to() {
    let expected = ConnectUnix::new(path("/a"))
        .with_timeout(Duration::from_secs(30))
        .with_lock_file(LockFile::Ignored);
    assert_eq!(ConnectUnix::new(path("/a")), expected);
    assert_eq!(connected("unix:/a"), expected);
    let reactor = Reactor::new();
    let options = expected.with_timeout(Duration::from_secs(10)).with_lock_file(LockFile::Used);
    let endpoint = UnixClientEndpoint::new(reactor.clone(), options.clone());
    let _connected = endpoint.connect(factory());
    assert_eq!(reactor.calls(), [Call::ConnectUnix(options)]);
}

/// endpoint-unix-004
#[test]
fn a_cancelled_client_gives_its_attempt_up() {
    let reactor = Reactor::new();
    let connected = reactor.registry().client("unix:/a").unwrap().connect(factory());
    reactor.calls();
    connected.cancel_handle().cancel();
    assert_eq!(reactor.calls(), [Call::Cancelled]);
    assert!(result_of(connected).unwrap_err().check::<Cancelled>());
}

/// endpoint-unix-006, endpoint-unix-014
#[test]
fn a_mode_is_octal_and_at_most_7777() {
    for text in ["0660", "660", "0o660"] {
        assert_eq!(listened(&format!("unix:/a:mode={text}")).mode, 0o660, "{text}");
    }
    assert_eq!(listened("unix:/a:mode=7777").mode, 0o7777);
    for text in ["888", "", "-1", "10000", "7777777"] {
        is_invalid(&server_problem(&format!("unix:/a:mode={text}")), "mode", text);
    }
}

/// endpoint-unix-007: words are additions; a number other than 0 and 1 is on in Twisted.
#[test]
fn a_lock_file_is_a_switch_of_0_and_1_or_words() {
    for (text, expected) in [
        ("0", LockFile::Ignored),
        ("no", LockFile::Ignored),
        ("false", LockFile::Ignored),
        ("1", LockFile::Used),
        ("yes", LockFile::Used),
        ("true", LockFile::Used),
    ] {
        assert_eq!(listened(&format!("unix:/a:lockfile={text}")).lock_file, expected, "{text}");
    }
    for text in ["", "2", "-1", "maybe", "YES"] {
        is_invalid(&server_problem(&format!("unix:/a:lockfile={text}")), "lockfile", text);
    }
}

/// endpoint-unix-009
#[test]
fn a_server_has_address_mode_backlog_and_lock_file_by_position() {
    let expected = ListenUnix::new(path("/a"))
        .with_mode(0o660)
        .with_backlog(5)
        .with_lock_file(LockFile::Ignored);
    assert_eq!(listened("unix:/a:660:5:0"), expected);
}

/// endpoint-unix-010: as in Twisted, and the mistake says which the other is.
#[test]
fn the_path_is_the_address_of_a_server_and_the_path_of_a_client() {
    assert_eq!(listened("unix:address=/a").address, path("/a"));
    assert_eq!(connected("unix:path=/a").address, path("/a"));
    for (problem, name) in
        [(server_problem("unix:path=/a"), "path"), (client_problem("unix:address=/a"), "address")]
    {
        assert!(matches!(problem, Problem::UnknownOption { option, .. } if option == name));
    }
}

/// endpoint-unix-011
#[test]
fn an_empty_path_is_a_mistake_on_either_side() {
    is_invalid(&server_problem("unix:"), "address", "");
    is_invalid(&client_problem("unix:"), "path", "");
}

/// endpoint-unix-012
#[test]
fn want_pid_is_no_option() {
    let unknown = |side| Problem::UnknownOption { option: "wantPID".into(), kind: "unix", side };
    assert_eq!(server_problem("unix:/a:wantPID=1"), unknown(Side::Server));
    assert_eq!(client_problem("unix:/a:wantPID=1"), unknown(Side::Client));
}

/// endpoint-unix-013: an abstract name has an option of its own.
#[test]
fn an_at_sign_is_part_of_a_path_and_an_abstract_name_is_an_option() {
    assert_eq!(listened("unix:@name").address, path("@name"));
    assert_eq!(connected(r"unix:\0name").address, path("0name"));
    let hidden = UnixAddress::Abstract(Rc::from(&b"name"[..]));
    assert_eq!(listened("unix:abstract=name").address, hidden);
    assert_eq!(connected("unix:abstract=name").address, hidden);
}

/// endpoint-unix-015
#[test]
fn a_client_takes_path_lock_file_and_time_by_name() {
    let expected = ConnectUnix::new(path("/var/foo/bar"))
        .with_lock_file(LockFile::Used)
        .with_timeout(Duration::from_secs(9));
    assert_eq!(connected("unix:path=/var/foo/bar:lockfile=1:timeout=9"), expected);
}

/// endpoint-unix-018: Twisted drops them without a word.
#[test]
fn a_second_path_of_a_client_is_a_mistake() {
    let twice = Problem::GivenTwice { argument: "path", kind: "unix", side: Side::Client };
    assert_eq!(client_problem("unix:/a:path=/b"), twice);
    let surplus = Problem::Surplus { given: "/b".into(), kind: "unix", side: Side::Client };
    assert_eq!(client_problem("unix:/a:/b"), surplus);
}

/// endpoint-unix-020: a unit, and the words of a switch, are additions.
#[test]
fn the_time_and_the_lock_file_of_a_client_are_numbers() {
    assert_eq!(connected("unix:/a:timeout=7").timeout, Duration::from_secs(7));
    assert_eq!(connected("unix:/a:lockfile=1").lock_file, LockFile::Used);
    for (name, value) in
        [("timeout", "x"), ("timeout", ""), ("timeout", "1.5"), ("lockfile", "x"), ("lockfile", "")]
    {
        is_invalid(&client_problem(&format!("unix:/a:{name}={value}")), name, value);
    }
}

#[test]
fn a_server_gives_its_file_to_a_user_and_a_group() {
    let options = listened("unix:/a:owner=www-data:group=1000:mode=660");
    assert_eq!(
        (options.owner.as_deref(), options.group.as_deref()),
        (Some("www-data"), Some("1000"))
    );
    let plain = listened("unix:/a");
    assert_eq!((plain.owner, plain.group), (None, None));
    let registry = Reactor::new().registry();
    for (text, message) in [
        ("unix:/a:owner=", "owner is empty, and not a name or a number"),
        (
            "unix:abstract=x:group=y",
            "an abstract name has no group: everybody on the machine can connect",
        ),
    ] {
        assert_eq!(registry.parse_server(text).unwrap_err().message(), message);
    }
}
