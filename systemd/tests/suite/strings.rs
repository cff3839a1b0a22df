//! `systemd:` strings mean what Twisted's do, and say where they are wrong.
//!
//! Invariant: no string opens anything while it is parsed.

use std::net::TcpListener;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::rc::Rc;

use endpoints::Registry;
use ropewalk_systemd as systemd;
use systemd::{ListenFds, TakeError};

use crate::support::{Keeper, listen};

/// A registry that knows `systemd:` with these descriptors, and the reactor it listens on.
fn registry(inherited: &ListenFds) -> (Registry, Rc<Keeper>) {
    let keeper = Rc::new(Keeper::default());
    (systemd::register(Registry::new(), keeper.clone(), inherited.clone()), keeper)
}

fn tcp() -> OwnedFd {
    TcpListener::bind("127.0.0.1:0").unwrap().into()
}

fn five() -> ListenFds {
    let names = ["5.socket", "6.socket", "foo", "8.socket", "9.socket"];
    ListenFds::from_descriptors(names.map(|name| (name, tcp())))
}

/// The number of the descriptor that a string leads to, and all numbers there are.
fn adopted(text: &str) -> (RawFd, Vec<RawFd>) {
    let inherited = five();
    let numbers = inherited.inherited_descriptors().map(|(number, _)| number).collect();
    let (registry, keeper) = registry(&inherited);
    let parsed = registry.parse_server(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(keeper.calls.get(), 0, "parsing adopts nothing");
    listen(&*parsed.endpoint).unwrap_or_else(|error| panic!("{text}: {error}"));
    let adopted = keeper.adopted.borrow()[0].as_raw_fd();
    (adopted, numbers)
}

/// Where a string is wrong, in bytes, and the message.
fn wrong(text: &str) -> (usize, usize, String) {
    let (registry, _) = registry(&five());
    let error = registry.parse_server(text).expect_err(text);
    (error.offset(), error.length(), error.to_string())
}

#[test]
fn an_index_selects_by_place_and_a_name_by_name() {
    for (text, place) in [
        ("systemd:domain=INET:index=3", 3),
        ("systemd:INET:3", 3),
        ("systemd:index=0:domain=INET", 0),
        ("systemd:index=0", 0),
        ("systemd:domain=INET:name=foo", 2),
        ("systemd:INET:name=foo", 2),
        ("systemd:name=foo", 2),
        ("SystemD:name=9.socket", 4),
    ] {
        let (number, numbers) = adopted(text);
        assert_eq!(number, numbers[place], "{text}");
    }
}

#[test]
fn each_domain_takes_a_socket_of_its_family_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let socket = |domain: &str| -> OwnedFd {
        match domain {
            "INET" => tcp(),
            "INET6" => TcpListener::bind("[::1]:0").unwrap().into(),
            _ => {
                let path = directory.path().join(domain);
                let _ = std::fs::remove_file(&path);
                UnixListener::bind(path).unwrap().into()
            }
        }
    };
    let domains = ["INET", "INET6", "UNIX"];
    for wanted in domains {
        for found in domains {
            let inherited = ListenFds::from_descriptors([("foo", socket(found))]);
            let (registry, _) = registry(&inherited);
            let parsed =
                registry.parse_server(&format!("systemd:domain={wanted}:name=foo")).unwrap();
            match listen(&*parsed.endpoint) {
                Ok(_) => assert_eq!(found, wanted),
                Err(failure) => {
                    assert_ne!(found, wanted);
                    let error = failure.downcast_ref::<TakeError>().unwrap();
                    assert!(matches!(error, TakeError::Unsuitable { .. }), "{error}");
                }
            }
        }
    }
}

#[test]
fn index_and_name_exclude_each_other_even_when_empty() {
    let both = "`name` cannot be given together with `index`";
    assert_eq!(wrong("systemd:domain=INET:index=0:name=a"), (33, 1, both.into()));
    assert_eq!(wrong("systemd:INET:0:a"), (15, 1, both.into()));
    assert_eq!(wrong("systemd:INET:0:"), (15, 0, both.into()));
    assert_eq!(wrong("systemd:INET::a"), (14, 1, both.into()));
}

#[test]
fn one_of_index_and_name_is_needed() {
    let neither = "a `systemd` server needs `index` or `name`";
    assert_eq!(wrong("systemd:INET"), (12, 0, neither.into()));
    assert_eq!(wrong("systemd"), (7, 0, neither.into()));
}

#[test]
fn an_index_is_a_plain_number_from_0() {
    let expected = |given: &str| format!("index `{given}` is not a number from 0 to 4095");
    for given in ["-1", "-4", "x", "4096", "1.0", "99999999999999999999"] {
        let found = wrong(&format!("systemd:domain=INET:index={given}"));
        assert_eq!(found, (26, given.len(), expected(given)));
    }
    let (offset, _, message) = wrong("systemd:INET:");
    assert_eq!((offset, message.as_str()), (13, "index is empty, and not a number from 0 to 4095"));
}

#[test]
fn a_domain_is_one_of_three_in_capitals() {
    for given in ["inet", "AF_INET", "BOGUS", "NETLINK", "INET "] {
        let found = wrong(&format!("systemd:domain={given}:index=0"));
        let message = format!("domain `{given}` is not INET, INET6 or UNIX");
        assert_eq!(found, (15, given.len(), message));
    }
    assert_eq!(wrong("systemd::0").0, 8, "an empty one is given too");
}

#[test]
fn an_unknown_option_is_named_with_the_nearest_one() {
    let (registry, _) = registry(&five());
    let error = registry.parse_server("systemd:domian=INET:index=0").unwrap_err();
    assert_eq!((error.offset(), error.suggestion()), (8, Some("domain")));
    let error = registry.parse_server("systemd:domain=INET:index=0:bogus=1").unwrap_err();
    assert_eq!((error.offset(), error.suggestion()), (28, None));
}

#[test]
fn a_string_can_be_checked_where_nothing_was_inherited() {
    let (registry, keeper) = registry(&ListenFds::default());
    for text in ["systemd:INET:0", "systemd:INET:name=a", "systemd:name="] {
        let parsed = registry.parse_server(text).unwrap();
        let failure = listen(&*parsed.endpoint).unwrap_err();
        assert_eq!(failure.downcast_ref::<TakeError>(), Some(&TakeError::NothingInherited));
    }
    assert_eq!(keeper.calls.get(), 0);
}

#[test]
fn what_does_not_exist_fails_the_listen() {
    let (registry, _) = registry(&five());
    let failed = |text: &str| listen(&*registry.server(text).unwrap()).unwrap_err();
    let failure = failed("systemd:domain=INET:index=5");
    let error = failure.downcast_ref::<TakeError>().unwrap();
    assert_eq!(*error, TakeError::NoSuchIndex { index: 5, last: 4 });
    let failure = failed("systemd:domain=INET:name=");
    let error = failure.downcast_ref::<TakeError>().unwrap();
    assert!(matches!(error, TakeError::NoSuchName { name, .. } if name.is_empty()), "{error}");
}

#[test]
fn two_strings_for_one_descriptor_listen_on_it_once() {
    let (registry, keeper) = registry(&five());
    let first = registry.parse_server("systemd:name=foo").unwrap();
    let second = registry.parse_server("systemd:INET:2").unwrap();
    listen(&*first.endpoint).unwrap();
    let failure = listen(&*second.endpoint).unwrap_err();
    let error = failure.downcast_ref::<TakeError>().unwrap();
    assert!(matches!(error, TakeError::AlreadyTaken { .. }), "{error}");
    assert_eq!(keeper.calls.get(), 1);
}

#[test]
fn several_sockets_of_one_name_are_one_endpoint_in_order() {
    let names = ["web", "ctl", "web", "web"];
    let inherited = ListenFds::from_descriptors(names.map(|name| (name, tcp())));
    let numbers: Vec<RawFd> = inherited.inherited_descriptors().map(|(number, _)| number).collect();
    let (registry, keeper) = registry(&inherited);
    let port = listen(&*registry.server("systemd:INET:name=web").unwrap()).unwrap();
    let adopted: Vec<RawFd> = keeper.adopted.borrow().iter().map(|it| it.as_raw_fd()).collect();
    assert_eq!(adopted, [numbers[0], numbers[2], numbers[3]]);
    assert_eq!(port.hosts().len(), 3);
}

#[test]
fn a_name_that_was_not_inherited_is_opened_otherwise() {
    for (text, place) in [
        (r"systemd:name=bar:otherwise=systemd\:index=4", 4),
        (r"systemd:INET:name=foo:otherwise=systemd\:index=4", 2),
    ] {
        let (number, numbers) = adopted(text);
        assert_eq!(number, numbers[place], "{text}");
    }
}

#[test]
fn what_is_opened_otherwise_has_a_name_and_is_a_server_string() {
    let mistake = "`otherwise` cannot be given together with `index`";
    assert_eq!(wrong(r"systemd:index=0:otherwise=systemd\:index=4"), (26, 16, mistake.into()));
    let (offset, _, message) = wrong(r"systemd:name=a:otherwise=systmd\:index=4");
    assert!(offset >= 25 && message.contains("systmd"), "{offset} {message}");
}

#[test]
fn a_description_is_a_string_that_means_the_same() {
    let (registry, _) = registry(&five());
    for (text, canonical) in [
        ("systemd:INET:0", "systemd:domain=INET:index=0"),
        ("systemd:index=007", "systemd:index=7"),
        (r"systemd:name=a\:b", r"systemd:name=a\:b"),
        ("systemd:UNIX:name=web", "systemd:domain=UNIX:name=web"),
        (
            r"systemd:name=a:otherwise=systemd\:INET\:0",
            r"systemd:name=a:otherwise=systemd\:INET\:0",
        ),
    ] {
        let description = registry.parse_server(text).unwrap().description;
        assert_eq!(description.to_string(), canonical);
        assert_eq!(description.layers, ["systemd"]);
        assert_eq!(registry.parse_server(canonical).unwrap().description, description);
    }
}

#[test]
fn there_is_no_systemd_client() {
    let (registry, _) = registry(&five());
    assert!(registry.parse_client("systemd:domain=INET:index=0").is_err());
}
