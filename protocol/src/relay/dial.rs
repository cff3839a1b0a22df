//! The outgoing connection of a pair: begun once, tried again for a while, cancelled.
//!
//! ```text
//!            dial                       made, or a failure that is not tried again
//!  NotBegun ──────▶ Trying ◀──▶ Pausing ────────────────────────────────────────▶ Over
//!      └───────────────cancel──────┴───────────────────────────────────────────────▲
//! ```
//!
//! Invariant: at most one try or pause is under way, and none after a cancel.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use core::time::Duration;

use deferred::{CancelHandle, Cancelled, Failure};
use interfaces::{ConnectError, DelayedCall, ResolveError, Transport};

use super::end::EndStage;
use super::event::{RelayEvent, RelaySide};
use super::pair::RelayPair;
use super::relay_protocol::RelayProtocol;
use crate::connect_protocol_for;

/// The pause after the first try; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Where the outgoing connection is.
#[derive(Default)]
pub(super) struct Dial {
    stage: Cell<DialStage>,
    began: Cell<Duration>,
    pause: Cell<Duration>,
    attempt: RefCell<Option<CancelHandle>>,
    pausing: RefCell<Option<DelayedCall>>,
    /// The accepted side's transport, until the connection for it is made or given up.
    served: RefCell<Option<Rc<dyn Transport>>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum DialStage {
    #[default]
    NotBegun,
    Trying,
    Pausing,
    Over,
}

impl Dial {
    /// Whether the outgoing connection is on its way.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.stage.get(), DialStage::Trying | DialStage::Pausing)
    }

    /// It was made.
    pub(super) fn made(&self) {
        self.over();
    }

    /// Gives it up.
    pub(super) fn cancel(&self) {
        self.over();
        let attempt = self.attempt.take();
        if let Some(attempt) = attempt {
            attempt.cancel();
        }
        let pausing = self.pausing.take();
        if let Some(pausing) = pausing {
            // One that has run is not pending.
            let _ = pausing.cancel();
        }
    }

    fn over(&self) {
        self.stage.set(DialStage::Over);
        let served = self.served.take();
        drop(served);
    }

    /// How long to wait before the next try, if there is to be one within `limit` of the first.
    fn next_pause(&self, now: Duration, limit: Duration) -> Option<Duration> {
        let pause = self.pause.get().clamp(PAUSE_MIN, PAUSE_MAX);
        self.pause.set(pause * 2);
        let left = limit.checked_sub(now.saturating_sub(self.began.get()))?;
        (!left.is_zero()).then(|| pause.min(left))
    }
}

impl RelayPair {
    /// Makes the outgoing connection for `served`, the accepted one, unless that has begun already.
    pub(super) fn dial(self: &Rc<Self>, served: &Rc<dyn Transport>) {
        if self.dial.stage.get() == DialStage::NotBegun {
            self.dial.served.replace(Some(served.clone()));
            self.dial.began.set(self.context.clock().now());
            self.try_to_connect();
        }
    }

    fn try_to_connect(self: &Rc<Self>) {
        let served = self.dial.served.borrow().clone();
        let Some(served) = served else { return };
        self.dial.stage.set(DialStage::Trying);
        let protocol = RelayProtocol::new(self.clone(), RelaySide::Connected);
        let attempt = connect_protocol_for(self.context.endpoint(), &served, protocol);
        self.dial.attempt.replace(Some(attempt.cancel_handle()));
        let this = self.clone();
        let attempt = attempt.add_callback(|_protocol| Ok(()));
        let _connected = attempt.add_errback(move |failure: Failure| {
            this.not_connected(&failure);
            Ok(())
        });
    }

    fn not_connected(self: &Rc<Self>, failure: &Failure) {
        let attempt = self.dial.attempt.take();
        drop(attempt);
        match self.dial.stage.get() {
            DialStage::Trying if is_passing(failure) => {
                let limit = self.context.options().retry.unwrap_or_default();
                match self.dial.next_pause(self.context.clock().now(), limit) {
                    Some(pause) => self.try_again_after(pause),
                    None => self.give_up(failure),
                }
            }
            DialStage::NotBegun | DialStage::Trying | DialStage::Pausing => self.give_up(failure),
            // The pair gave it up, or the connection was made and its protocol tells of the end.
            DialStage::Over => {}
        }
    }

    fn try_again_after(self: &Rc<Self>, pause: Duration) {
        self.dial.stage.set(DialStage::Pausing);
        let this = self.clone();
        let call = self.context.clock().call_later(pause, Box::new(move || this.try_to_connect()));
        self.dial.pausing.replace(Some(call));
    }

    fn give_up(&self, failure: &Failure) {
        self.dial.over();
        self.connected.close();
        self.early.take();
        // A shutdown cancels, and that is no trouble.
        if !failure.check::<Cancelled>() && self.first_trouble() {
            self.context.tell(&RelayEvent::NotConnected { peer: &self.peer, failure });
        }
        match self.accepted.stage() {
            EndStage::Waiting | EndStage::Lost => {}
            EndStage::Open | EndStage::ReadEnded => self.accepted.abort(),
        }
    }
}

/// Whether another try may come to something else.
fn is_passing(failure: &Failure) -> bool {
    let connect = failure.downcast_ref::<ConnectError>().is_some_and(|error| {
        matches!(
            error,
            ConnectError::Refused { .. }
                | ConnectError::TimedOut { .. }
                | ConnectError::NotLocked { .. }
                | ConnectError::AllFailed { .. }
        )
    });
    connect || failure.check::<ResolveError>()
}
