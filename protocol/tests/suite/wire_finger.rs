//! Claims about finger.

use std::cell::RefCell;
use std::rc::Rc;

use deferred::{Deferred, Failure, Promise};
use interfaces::{NotPending, StreamServerEndpoint as _};
use ropewalk_protocol::connect_protocol;
use ropewalk_protocol::testing::memory::Network;
use ropewalk_protocol::testing::{Record, Recorder};
use ropewalk_protocol::wire::{FingerFactory, FingerRequest};

use crate::support::reports;

/// A server and a client of it, which has asked.
struct Scene {
    network: Network,
    client: Record,
}

impl Scene {
    fn asking(factory: FingerFactory, request: &[u8]) -> Self {
        let (network, client) = (Network::new(), Record::new());
        let _port = network.server("finger").listen(factory.into_rc());
        let request = request.to_vec();
        let asker = Recorder::new(&client).on_made(move |transport| transport.write(&request));
        let _client = connect_protocol(&network.client("finger"), asker);
        network.flush();
        Self { network, client }
    }

    fn answer(&self) -> String {
        String::from_utf8(self.client.received()).expect("text")
    }
}

/// One user, and the requests so far.
fn directory() -> (FingerFactory, Rc<RefCell<Vec<FingerRequest>>>) {
    let requests = Rc::<RefCell<Vec<_>>>::default();
    let seen = requests.clone();
    let factory = FingerFactory::new(move |request: FingerRequest| {
        seen.borrow_mut().push(request.clone());
        Ok(match &*request.user {
            "moshez" => Some("Happy\nand well".into()),
            "" => Some("moshez".into()),
            _ => None,
        })
    });
    (factory, requests)
}

#[test]
fn a_user_is_described_line_by_line_and_the_connection_closed() {
    let scene = Scene::asking(directory().0, b"moshez\r\n");
    assert_eq!(scene.answer(), "Happy\r\nand well\r\n");
    assert!(scene.client.lost().unwrap().is_clean());
    assert_eq!(scene.network.connections(), 0);
}

#[test]
fn a_user_that_is_not_known_and_the_question_who_is_there_have_answers() {
    assert_eq!(Scene::asking(directory().0, b"nemo\r\n").answer(), "No such user\r\n");
    assert_eq!(Scene::asking(directory().0, b"\r\n").answer(), "moshez\r\n");
}

#[test]
fn the_switch_for_more_is_no_part_of_the_name() {
    for (line, user, verbose) in [
        (&b"moshez\r\n"[..], "moshez", false),
        (b"/W moshez\r\n", "moshez", true),
        (b"/w  moshez\n", "moshez", true),
        (b"/W\r\n", "", true),
        (b"/Willy\r\n", "/Willy", false),
    ] {
        let (factory, requests) = directory();
        let _scene = Scene::asking(factory, line);
        let requests = requests.take();
        assert_eq!((&*requests[0].user, requests[0].verbose), (user, verbose));
    }
}

#[test]
fn a_request_for_another_host_is_not_passed_on() {
    let (factory, requests) = directory();
    let scene = Scene::asking(factory, b"moshez@example.com\r\n");
    assert_eq!(scene.answer(), "Finger forwarding service denied\r\n");
    assert!(requests.take().is_empty());
}

#[test]
fn a_request_without_end_is_refused() {
    let (factory, requests) = directory();
    let scene = Scene::asking(factory, &[b'a'; 4096]);
    assert_eq!(scene.answer(), "Request too long\r\n");
    assert!(requests.take().is_empty());
}

#[test]
fn an_answer_cannot_disturb_a_terminal() {
    let factory = FingerFactory::new(|_| Ok(Some("a\tb \x1b[2J\u{202e}".into())));
    let scene = Scene::asking(factory, b"x\r\n");
    assert_eq!(scene.answer(), "a\tb \\u{1b}[2J\\u{202e}\r\n");
}

#[test]
fn an_error_is_logged_and_the_client_hears_only_that_there_was_one() {
    let told = reports(|| {
        let factory = FingerFactory::new(|_| Err::<Option<String>, Failure>(NotPending.into()));
        let scene = Scene::asking(factory, b"x\r\n");
        assert_eq!(scene.answer(), "Internal error in server\r\n");
    });
    assert!(told.len() == 1 && told[0].contains("not pending"), "{told:?}");
}

#[test]
fn a_client_that_ends_its_side_behind_the_request_has_its_answer() {
    let pending = Rc::<RefCell<Option<Promise<Option<String>>>>>::default();
    let kept = pending.clone();
    let factory = FingerFactory::new(move |_| {
        let (answer, promise) = Deferred::new();
        kept.replace(Some(promise));
        answer
    });
    let scene = Scene::asking(factory, b"x\r\n");
    scene.client.transport().as_half_closeable().unwrap().lose_write_connection();
    scene.network.flush();
    let promise = pending.take().unwrap();
    promise.callback(Some("late".into()));
    scene.network.flush();
    assert_eq!(scene.answer(), "late\r\n");
    assert_eq!(scene.network.connections(), 0);
}

#[test]
fn a_client_that_ends_its_side_before_the_end_of_its_request_is_closed() {
    let scene = Scene::asking(directory().0, b"moshez");
    scene.client.transport().as_half_closeable().unwrap().lose_write_connection();
    scene.network.flush();
    assert_eq!((scene.answer(), scene.network.connections()), (String::new(), 0));
}

#[test]
fn a_client_that_goes_away_cancels_the_look_up() {
    let pending = Rc::<RefCell<Option<Promise<Option<String>>>>>::default();
    let kept = pending.clone();
    let factory = FingerFactory::new(move |_| {
        let (answer, promise) = Deferred::new();
        kept.replace(Some(promise));
        answer
    });
    let told = reports(|| {
        let scene = Scene::asking(factory, b"x\r\n");
        assert!(!pending.borrow().as_ref().unwrap().is_cancelled());
        scene.client.transport().abort_connection();
        scene.network.flush();
        assert!(pending.borrow().as_ref().unwrap().is_cancelled());
    });
    assert!(told.is_empty(), "{told:?}");
}
