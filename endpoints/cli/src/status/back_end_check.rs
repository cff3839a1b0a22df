//! Looks whether the back end of a relay takes connections, so that `/ready` says so before a client finds out.
//!
//! Invariant: one attempt at a time; each connection that is made is closed at once.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deferred::Failure;
use interfaces::{Protocol, StreamClientEndpoint, Transport};
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
        let attempt = protocol::connect_protocol(&*self.endpoint, Visit);
        let _looked = attempt.add_both(move |outcome| {
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

/// Closes its connection at once.
struct Visit;

impl Protocol for Visit {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}
