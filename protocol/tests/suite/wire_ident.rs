//! Claims about identification.

use deferred::{Deferred, Failure};
use interfaces::{NotPending, Reason, StreamServerEndpoint as _};
use ropewalk_protocol::testing::memory::Network;
use ropewalk_protocol::testing::{Record, Recorder};
use ropewalk_protocol::wire::{IdentError, IdentFactory, IdentQuery, IdentUser, ident_lookup};
use ropewalk_protocol::{connect_protocol, factory_fn};
use testkit::result_of;

use crate::support::reports;

fn owner(query: &IdentQuery) -> Result<IdentUser, Failure> {
    match query.port_on_server {
        6193 => Ok(IdentUser::unix("stjohns")),
        6194 => Err(IdentError::HiddenUser.into()),
        6195 => Err(NotPending.into()),
        _ => Err(IdentError::NoUser.into()),
    }
}

fn serving() -> Network {
    let network = Network::new();
    let factory = IdentFactory::new(|query| owner(&query)).into_rc();
    let _port = network.server("ident").listen(factory);
    network
}

fn answer(query: &[u8]) -> String {
    let (network, client) = (serving(), Record::new());
    let query = query.to_vec();
    let asker = Recorder::new(&client).on_made(move |transport| transport.write(&query));
    let _client = connect_protocol(&network.client("ident"), asker);
    network.flush();
    assert!(client.lost().is_some() && network.connections() == 0);
    String::from_utf8(client.received()).expect("text")
}

#[test]
fn a_query_is_answered_as_the_rfc_shows_it() {
    assert_eq!(answer(b"6193, 23\r\n"), "6193, 23 : USERID : UNIX : stjohns\r\n");
    assert_eq!(answer(b"  6193,23  \r\n"), "6193, 23 : USERID : UNIX : stjohns\r\n");
    assert_eq!(answer(b"6194, 23\r\n"), "6194, 23 : ERROR : HIDDEN-USER\r\n");
    assert_eq!(answer(b"7, 23\r\n"), "7, 23 : ERROR : NO-USER\r\n");
}

#[test]
fn a_number_that_is_no_port_is_an_invalid_one() {
    assert_eq!(answer(b"0, 23\r\n"), "0, 23 : ERROR : INVALID-PORT\r\n");
    assert_eq!(answer(b"1, 65536\r\n"), "1, 65536 : ERROR : INVALID-PORT\r\n");
}

#[test]
fn what_is_no_query_has_no_answer() {
    for line in [&b"hello\r\n"[..], b"1\r\n", b"1, x\r\n", b"\xff, 2\r\n", &[b'1'; 2000]] {
        assert_eq!(answer(line), "");
    }
}

#[test]
fn an_error_of_another_kind_is_logged_and_unknown_to_the_client() {
    let told =
        reports(|| assert_eq!(answer(b"6195, 1\r\n"), "6195, 1 : ERROR : UNKNOWN-ERROR\r\n"));
    assert!(told.len() == 1 && told[0].contains("not pending"), "{told:?}");
}

/// What a client makes of an answer.
fn looked_up(answer: &'static [u8]) -> Result<IdentUser, Failure> {
    let network = Network::new();
    let _port = network.server("ident").listen(factory_fn(move |_| {
        Recorder::new(&Record::new()).on_data(move |transport, data| {
            assert_eq!(data, b"6193, 23\r\n");
            transport.write(answer);
            transport.lose_connection();
        })
    }));
    let found = ident_lookup(&network.client("ident"), 6193, 23);
    network.flush();
    assert_eq!(network.connections(), 0);
    result_of(found)
}

#[test]
fn the_client_and_the_server_understand_each_other() {
    let network = serving();
    let [user, hidden] = [6193, 6194].map(|port| ident_lookup(&network.client("ident"), port, 23));
    network.flush();
    assert_eq!(result_of(user).unwrap(), IdentUser::unix("stjohns"));
    let error = result_of(hidden).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&IdentError::HiddenUser));
}

#[test]
fn an_answer_keeps_the_colons_and_spaces_of_the_user() {
    let user = looked_up(b"6193,23:USERID:OTHER: a : b \r\n").unwrap();
    assert_eq!((&*user.system, &*user.user), ("OTHER", "a : b "));
}

#[test]
fn an_answer_that_cannot_be_read_or_is_for_other_ports_is_unknown() {
    for answer in [
        &b"6193, 24 : USERID : UNIX : x\r\n"[..],
        b"6193, 23 : USERID : UNIX\r\n",
        b"6193, 23 : ERROR : X-NEW\r\n",
        b"6193, 23 : WHAT : x : y\r\n",
        b"nonsense\r\n",
    ] {
        let error = looked_up(answer).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&IdentError::Unknown));
    }
}

#[test]
fn an_end_before_the_answer_is_the_error() {
    assert!(looked_up(b"6193, 23 : USER").unwrap_err().check::<Reason>());
}

#[test]
fn a_look_up_that_is_cancelled_leaves_no_connection() {
    let network = Network::new();
    let _port = network.server("ident").listen(factory_fn(|_| Recorder::new(&Record::new())));
    let found: Deferred<IdentUser> = ident_lookup(&network.client("ident"), 1, 2);
    network.flush();
    assert_eq!(network.connections(), 2, "both ends of one");
    found.cancel_handle().cancel();
    network.flush();
    assert_eq!(network.connections(), 0);
    assert!(result_of(found).is_err());
}
