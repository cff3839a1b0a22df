//! The life of a client service; Twisted's machine of `_client_service`.
//!
//! ```text
//!            start                  prepared                lost
//!  Initial ─────────▶ Connecting ─────────────▶ Connected ─────────┐
//!                      ▲  ▲  │ failed  ┌───────────────────────────┘
//!                      │  │  ├─────────┼──▶ Waiting ──┐
//!                      │  │  │         └──▶    ▲      │ the delay is over
//!                      │  └──┼─────────────────┼──────┘
//!                      │     └─▶ Rejecting ────┘ the connection that was rejected is lost
//!                      │ start
//!  Stopped ────────────┘
//!     ▲       nothing is left                   stop, with an attempt or a connection
//!     └──────────────────────── Disconnecting ◀──────────────────────
//!                                  │     ▲
//!                            start │     │ stop
//!                                  ▼     │            nothing is left
//!                                 Restarting ──────────────────────────▶ Connecting
//! ```
//!
//! Invariant: an attempt begins only when there is neither an attempt nor a connection: [`Current`] has
//! both, and a stage but `Connecting`, `Rejecting`, `Connected`, `Disconnecting` and `Restarting` has neither.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use core::time::Duration;

use deferred::{CancelHandle, Deferred, Failure};
use interfaces::{Address, DelayedCall, Protocol, ReactorEvent, Reason, Transport};

use super::builder::Settings;
use super::errors::{AlreadyRunning, NoConnection};
use super::service_factory::ServiceFactory;
use super::waiting::{Stopping, Waiters};
use crate::ProtocolRef;
use crate::on_drop::OnDrop;
use crate::task::DeferredExt as _;

/// The delay where the retry policy panics: the longest of the usual policy.
const DELAY_OF_A_PANIC: Duration = Duration::from_secs(60);

/// Where a client service is in its life, drawn above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Initial,
    Connecting,
    Waiting,
    Rejecting,
    Connected,
    Disconnecting,
    Restarting,
    Stopped,
}

pub(super) struct Lifetime<P: Protocol> {
    settings: Settings<P>,
    stage: Cell<Stage>,
    current: RefCell<Current<P>>,
    retry: Cell<Option<DelayedCall>>,
    /// How many attempts and connections have failed in a row.
    pub(super) failures: Cell<u32>,
    pub(super) waiting: Waiters<P>,
    stopping: Stopping,
}

/// The newest attempt, and its connection.
struct Current<P: Protocol> {
    number: u64,
    /// The attempt or the preparation is under way.
    is_pending: bool,
    /// Cancels it; `None` while it is being started.
    attempt: Option<CancelHandle>,
    protocol: Option<ProtocolRef<P>>,
    /// That of the connection, while it stands.
    transport: Option<Rc<dyn Transport>>,
    /// Why the connection was lost while it was prepared.
    lost: Option<Reason>,
}

impl<P: Protocol> Lifetime<P> {
    pub(super) fn new(settings: Settings<P>) -> Self {
        Self {
            settings,
            stage: Cell::new(Stage::Initial),
            current: RefCell::new(Current::new(0)),
            retry: Cell::new(None),
            failures: Cell::new(0),
            waiting: Waiters::default(),
            stopping: Stopping::default(),
        }
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage.get()
    }

    /// The protocol of the connection, if it is prepared and stands.
    pub(super) fn connected(&self) -> Option<ProtocolRef<P>> {
        let is_connected = self.stage.get() == Stage::Connected;
        self.current.borrow().protocol.clone().filter(|_| is_connected)
    }

    pub(super) fn start(self: &Rc<Self>) {
        match self.stage.get() {
            Stage::Initial | Stage::Stopped => self.begin(),
            // The connection that is being closed is the last one before.
            Stage::Disconnecting => self.stage.set(Stage::Restarting),
            Stage::Connecting
            | Stage::Waiting
            | Stage::Rejecting
            | Stage::Connected
            | Stage::Restarting => self.observe("starting a client service", &AlreadyRunning),
        }
    }

    pub(super) fn stop(self: &Rc<Self>) -> Deferred<()> {
        match self.stage.get() {
            // Nothing is there to be stopped.
            Stage::Initial | Stage::Stopped | Stage::Waiting => {
                self.cancel_retry();
                self.stage.set(Stage::Stopped);
                self.waiting.stopped();
                return Deferred::succeed(());
            }
            Stage::Connected => {
                self.stage.set(Stage::Disconnecting);
                self.close(|transport| transport.lose_connection());
            }
            // A connection that is not prepared is given up, with the attempt.
            Stage::Connecting => {
                self.stage.set(Stage::Disconnecting);
                let stopped = self.stopping.add();
                self.cancel_attempt();
                self.close(|transport| transport.abort_connection());
                return stopped;
            }
            // The attempt or the connection is being given up already.
            Stage::Rejecting | Stage::Disconnecting | Stage::Restarting => {
                self.stage.set(Stage::Disconnecting);
            }
        }
        self.stopping.add()
    }

    /// Begins an attempt.
    fn begin(self: &Rc<Self>) {
        let number = self.current.borrow().number + 1;
        let before = self.current.replace(Current { is_pending: true, ..Current::new(number) });
        drop(before);
        self.stage.set(Stage::Connecting);
        let factory = Rc::new(ServiceFactory { life: self.clone(), number });
        let life = self.clone();
        let attempt = self.settings.endpoint.connect(factory);
        let attempt = attempt.add_callback(move |()| life.prepare());
        let attempt = match self.settings.time_limit {
            Some(limit) => attempt.add_timeout(limit, &*self.settings.clock),
            None => attempt,
        };
        self.keep_handle(attempt.cancel_handle());
        let life = self.clone();
        let ended = attempt.add_both(move |result| {
            life.attempt_ended(result);
            Ok::<(), Failure>(())
        });
        // Its callback does the rest.
        drop(ended);
    }

    /// Keeps the way to cancel the attempt, or uses it, if that was asked for while it was being started.
    fn keep_handle(&self, attempt: CancelHandle) {
        self.current.borrow_mut().attempt = Some(attempt);
        let lost = self.current.borrow().lost.is_some();
        if lost || self.stage.get() != Stage::Connecting {
            self.cancel_attempt();
        }
    }

    /// Builds the protocol of an attempt.
    pub(super) fn build(&self, peer: &Address) -> Option<ProtocolRef<P>> {
        (self.settings.build)(peer)
    }

    /// The connection stands. Returns whether it is wanted: the first one of the newest attempt is.
    pub(super) fn connection_made(
        &self,
        number: u64,
        protocol: &ProtocolRef<P>,
        transport: &Rc<dyn Transport>,
    ) -> bool {
        let mut current = self.current.borrow_mut();
        let is_wanted = current.number == number
            && current.protocol.is_none()
            && self.stage.get() == Stage::Connecting;
        if is_wanted {
            current.protocol = Some(protocol.clone());
            current.transport = Some(transport.clone());
        }
        is_wanted
    }

    fn prepare(&self) -> Deferred<()> {
        let protocol = self.current.borrow().protocol.clone();
        match (&self.settings.prepare, protocol) {
            (Some(prepare), Some(protocol)) => prepare(&protocol),
            _ => Deferred::succeed(()),
        }
    }

    /// The attempt is over: the connection is prepared, or it failed.
    fn attempt_ended(self: &Rc<Self>, result: Result<(), Failure>) {
        let (lost, is_open) = {
            let mut current = self.current.borrow_mut();
            (current.is_pending, current.attempt) = (false, None);
            (current.lost.take(), current.transport.is_some())
        };
        let result = match lost {
            Some(reason) => Err(reason.into()),
            None => result,
        };
        match (self.stage.get(), result) {
            (Stage::Connecting, Ok(())) if is_open => self.prepared(),
            (Stage::Connecting, Ok(())) => self.failed(&NoConnection.into()),
            (Stage::Connecting, Err(failure)) if is_open => self.reject(&failure),
            (Stage::Connecting, Err(failure)) => self.failed(&failure),
            (Stage::Disconnecting | Stage::Restarting, _) => {
                self.close(|transport| transport.abort_connection());
                self.settle();
            }
            (
                Stage::Initial
                | Stage::Waiting
                | Stage::Rejecting
                | Stage::Connected
                | Stage::Stopped,
                _,
            ) => {}
        }
    }

    fn prepared(&self) {
        self.stage.set(Stage::Connected);
        self.failures.set(0);
        if let Some(protocol) = self.connected() {
            self.waiting.connected(&protocol);
        }
    }

    /// The connection of a failed attempt is aborted; the delay counts from its end.
    fn reject(&self, failure: &Failure) {
        self.stage.set(Stage::Rejecting);
        self.close(|transport| transport.abort_connection());
        self.failures.set(self.failures.get().saturating_add(1));
        self.tell_failure(failure);
    }

    fn failed(self: &Rc<Self>, failure: &Failure) {
        self.failures.set(self.failures.get().saturating_add(1));
        self.wait_to_retry();
        self.tell_failure(failure);
    }

    fn tell_failure(&self, failure: &Failure) {
        self.observe("connecting", failure.as_error());
        self.waiting.failed(failure);
    }

    /// The connection is lost, and its protocol has heard of it.
    pub(super) fn connection_lost(self: &Rc<Self>, number: u64, reason: &Reason) {
        if self.current.borrow().number != number {
            return;
        }
        let (protocol, transport) = {
            let mut current = self.current.borrow_mut();
            (current.protocol.take(), current.transport.take())
        };
        drop((protocol, transport));
        match self.stage.get() {
            // It was being prepared.
            Stage::Connecting => {
                self.current.borrow_mut().lost = Some(reason.clone());
                self.cancel_attempt();
            }
            Stage::Connected => {
                self.failures.set(1);
                self.wait_to_retry();
            }
            Stage::Rejecting => self.wait_to_retry(),
            Stage::Disconnecting | Stage::Restarting => self.settle(),
            Stage::Initial | Stage::Waiting | Stage::Stopped => {}
        }
    }

    /// Asks the policy for the delay, and retries after it; after [`DELAY_OF_A_PANIC`] where that panics.
    fn wait_to_retry(self: &Rc<Self>) {
        self.stage.set(Stage::Waiting);
        let delay = Cell::new(DELAY_OF_A_PANIC);
        let _retry = OnDrop(|| self.retry_after(delay.get()));
        delay.set((self.settings.retry_policy)(self.failures.get()));
    }

    fn retry_after(self: &Rc<Self>, delay: Duration) {
        if self.stage.get() != Stage::Waiting {
            // The policy has stopped the service.
            return;
        }
        let life = self.clone();
        let retry = self.settings.clock.call_later(
            delay,
            Box::new(move || {
                life.retry.take();
                if life.stage.get() == Stage::Waiting {
                    life.begin();
                }
            }),
        );
        self.retry.set(Some(retry));
    }

    /// A service that is being stopped has nothing left: it is stopped, or starts again.
    fn settle(self: &Rc<Self>) {
        if !self.current.borrow().is_over() {
            return;
        }
        match self.stage.get() {
            Stage::Disconnecting => {
                self.stage.set(Stage::Stopped);
                self.waiting.stopped();
                self.stopping.tell();
            }
            Stage::Restarting => {
                self.begin();
                self.stopping.tell();
            }
            Stage::Initial
            | Stage::Connecting
            | Stage::Waiting
            | Stage::Rejecting
            | Stage::Connected
            | Stage::Stopped => {}
        }
    }

    fn cancel_attempt(&self) {
        let attempt = self.current.borrow().attempt.clone();
        if let Some(attempt) = attempt {
            attempt.cancel();
        }
    }

    fn close(&self, how: impl FnOnce(&dyn Transport)) {
        let transport = self.current.borrow().transport.clone();
        if let Some(transport) = transport {
            how(&*transport);
        }
    }

    fn cancel_retry(&self) {
        if let Some(retry) = self.retry.take() {
            // It may have run.
            let _ = retry.cancel();
        }
    }

    fn observe(&self, attempt: &'static str, error: &(dyn core::error::Error + 'static)) {
        if let Some(observer) = &self.settings.observer {
            observer.observe(&ReactorEvent::Failed { attempt, error });
        }
    }
}

impl<P: Protocol> Current<P> {
    fn new(number: u64) -> Self {
        let (attempt, protocol, transport, lost) = (None, None, None, None);
        Self { number, is_pending: false, attempt, protocol, transport, lost }
    }

    /// Whether there is neither an attempt nor a connection.
    fn is_over(&self) -> bool {
        !self.is_pending && self.transport.is_none()
    }
}
