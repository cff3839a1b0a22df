//! Claims about panics in callbacks of connections in memory, caught and not caught.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::{Talk, catching, why};
use interfaces::{Observer, ReactorEvent, Transport};

const CLEAN: &str = "connection closed cleanly";
const ABORTED: &str = "connection aborted";

/// An observer that remembers which panics it was told of.
#[derive(Default)]
struct Heard(RefCell<Vec<String>>);

impl Observer for Heard {
    fn observe(&self, event: &ReactorEvent<'_>) {
        if let ReactorEvent::CallbackPanicked { callback, peer, message } = event {
            self.0.borrow_mut().push(format!("{callback} of {peer:?} panicked: {message}"));
        }
    }
}

#[test]
fn a_panic_costs_its_own_connection_only() {
    let network = catching();
    let heard = Rc::new(Heard::default());
    network.set_observer(heard.clone());
    let panics =
        Talk::over(&network, |client| client, |server| server.on_data(|_, _| panic!("as planned")));
    let lives = Talk::over(&network, |client| client, |server| server);
    panics.pair.client().write(b"x");
    lives.pair.client().write(b"y");
    network.flush();
    assert_eq!(why(&panics.server), "protocol panicked: as planned");
    assert!(why(&panics.client) == "ConnectionReset");
    let place = panics.pair.server().peer();
    assert_eq!(*heard.0.borrow(), [format!("protocol of Some({place:?}) panicked: as planned")]);
    assert_eq!(lives.server.received(), b"y");
    assert_eq!(network.connections(), 2);
    assert_eq!(panics.server.count("connection_lost"), 1);
}

#[test]
fn a_panic_in_any_callback_ends_in_one_connection_lost() {
    let panic = |_: &Rc<dyn Transport>| panic!("as planned");
    let talk = Talk::over(&catching(), |client| client.on_made(panic), |server| server);
    talk.pair.flush();
    assert_eq!(why(&talk.client), "protocol panicked: as planned");
    talk.assert_over();

    let talk = Talk::over(
        &catching(),
        |client| client.on_made(|transport| transport.lose_connection()),
        |server| server.on_lost(|_| panic!("as planned")),
    );
    talk.pair.flush();
    assert_eq!(why(&talk.server), CLEAN);
    talk.assert_over();
}

#[test]
fn a_panic_after_an_abort_leaves_the_aborts_reason() {
    let talk = Talk::over(
        &catching(),
        |client| client.on_made(|transport| transport.write(b"x")),
        |server| {
            server.on_data(|transport, _| {
                transport.abort_connection();
                panic!("as planned");
            })
        },
    );
    talk.pair.flush();
    assert_eq!(why(&talk.server), ABORTED);
    talk.assert_over();
}

#[test]
fn without_a_catcher_a_panic_reaches_the_test_and_the_others_go_on() {
    let talk = Talk::of(
        |client| client.on_made(|transport| transport.abort_connection()).on_lost(|_| panic!("!")),
        |server| server,
    );
    let pump = || std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| talk.pair.flush()));
    assert!(pump().is_err());
    assert!(pump().is_ok());
    talk.assert_over();
}
