//! Looks whether the back end of a relay takes connections, so that `/ready` says so before a client finds out.
//!
//! Invariant: one attempt at a time; each connection that is made is closed as soon as it stands: over TLS, when
//! the handshake is done, which has the deadline of all handshakes.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deferred::{Deferred, Failure, Promise};
use interfaces::{HandshakeListener, Protocol, Reason, StreamClientEndpoint, Transport};
use reactor::Reactor;

use super::Board;

/// The pause between two looks at a back end that is up, and at one that is not.
const PAUSE_UP: Duration = Duration::from_secs(5);
const PAUSE_DOWN: Duration = Duration::from_secs(1);

/// Looks until it is dropped.
pub(crate) struct BackEndCheck {
    endpoint: Rc<dyn StreamClientEndpoint>,
    text: String,
    board: Arc<Board>,
    reactor: Reactor,
}

impl BackEndCheck {
    /// Begins to look at the endpoint of this string.
    pub(crate) fn begin(
        endpoint: Rc<dyn StreamClientEndpoint>,
        text: String,
        board: &Arc<Board>,
        reactor: &Reactor,
    ) -> Rc<Self> {
        let (board, reactor) = (board.clone(), reactor.clone());
        let check = Rc::new(Self { endpoint, text, board, reactor });
        check.look();
        check
    }

    fn look(self: &Rc<Self>) {
        let this = Rc::downgrade(self);
        let (stood, promise) = Deferred::<()>::new();
        let visit = Visit { promise: Some(promise) };
        let attempt = protocol::connect_protocol(&*self.endpoint, visit);
        let stands = attempt.add_both(|outcome| match outcome {
            Ok(_connected) => stood,
            Err(failure) => {
                // The visit was dropped with its promise, or never ran.
                drop(stood.add_errback(|_| Ok(())));
                Deferred::fail(failure)
            }
        });
        let _looked = stands.add_both(move |outcome| {
            if let Some(this) = this.upgrade() {
                this.looked(outcome.err().as_ref());
            }
            Ok::<_, Failure>(())
        });
    }

    fn looked(self: &Rc<Self>, failure: Option<&Failure>) {
        match failure {
            None => self.board.readiness.set_back_end_up(),
            Some(failure) => {
                self.board.readiness.set_back_end_down(&self.text, &format!("{failure:#}"));
            }
        }
        let pause = if failure.is_none() { PAUSE_UP } else { PAUSE_DOWN };
        let this = Rc::downgrade(self);
        let look = move || this.upgrade().into_iter().for_each(|this| this.look());
        // It ends with the check.
        drop(self.reactor.call_later(pause, Box::new(look)));
    }
}

/// Closes its connection as soon as it stands. Without its promise it has.
struct Visit {
    promise: Option<Promise<()>>,
}

impl Visit {
    fn stands(&mut self, transport: &Rc<dyn Transport>) {
        transport.lose_connection();
        if let Some(promise) = self.promise.take() {
            promise.callback(());
        }
    }
}

impl Protocol for Visit {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        if transport.as_tls().is_none() {
            self.stands(transport);
        }
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        if let Some(promise) = self.promise.take() {
            promise.errback(Failure::new(reason.clone()));
        }
    }

    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        Some(self)
    }
}

impl HandshakeListener for Visit {
    fn handshake_completed(&mut self, transport: &Rc<dyn Transport>) {
        self.stands(transport);
    }
}
