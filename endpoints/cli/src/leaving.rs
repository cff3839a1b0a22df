//! The way out after a signal: `--drain-delay`, then the ports close and the grace begins.
//!
//! ```text
//!           signal                 the delay is over               second signal
//!  Serving ────────▶ Delaying ──────────────────────▶ Draining ──────────────────▶ the end now
//!                        └──────────second signal─────────▲
//! ```
//!
//! While it delays, the server accepts: balancers that look whether it is ready send their last clients.
//! Invariant: the ports close once, at the end of the delay or at the second signal.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use interfaces::DelayedCall;
use protocol::policies::ServerShutdown;
use reactor::Reactor;

use crate::app::App;
use crate::notify::Notify;
use crate::server::StopHandle;
use crate::status::Board;

/// Takes the signals of one worker's server. It keeps neither the server nor the reactor's connections.
pub(crate) struct Leaving {
    reactor: Reactor,
    board: Arc<Board>,
    delay: Duration,
    shutdown: Weak<ServerShutdown>,
    handle: Weak<StopHandle>,
    notify: Weak<Notify>,
    stage: Cell<LeavingStage>,
    timer: RefCell<Option<DelayedCall>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LeavingStage {
    Serving,
    Delaying,
    Draining,
}

impl Leaving {
    pub(crate) fn new(
        app: &App,
        delay: Duration,
        shutdown: &Rc<ServerShutdown>,
        handle: &Rc<StopHandle>,
        notify: &Rc<Notify>,
    ) -> Rc<Self> {
        Rc::new(Self {
            reactor: app.reactor.clone(),
            board: app.worker.board().clone(),
            delay,
            shutdown: Rc::downgrade(shutdown),
            handle: Rc::downgrade(handle),
            notify: Rc::downgrade(notify),
            stage: Cell::new(LeavingStage::Serving),
            timer: RefCell::default(),
        })
    }

    /// Takes a signal: the first one begins, the second one ends now.
    pub(crate) fn signal(self: &Rc<Self>) {
        match self.stage.get() {
            LeavingStage::Serving => self.begin(),
            LeavingStage::Delaying => {
                self.drain();
                self.signal_shutdown();
            }
            LeavingStage::Draining => self.signal_shutdown(),
        }
    }

    fn begin(self: &Rc<Self>) {
        self.board.readiness.set_leaving();
        if let Some(notify) = self.notify.upgrade() {
            notify.draining();
        }
        if self.delay.is_zero() {
            return self.drain();
        }
        self.stage.set(LeavingStage::Delaying);
        let this = Rc::downgrade(self);
        let over = move || this.upgrade().into_iter().for_each(|this| this.drain());
        self.timer.replace(Some(self.reactor.call_later(self.delay, Box::new(over))));
    }

    fn drain(&self) {
        self.stage.set(LeavingStage::Draining);
        let timer = self.timer.take();
        if let Some(timer) = timer {
            // The one that called this is not pending.
            let _ = timer.cancel();
        }
        if let Some(handle) = self.handle.upgrade() {
            handle.drain();
        }
        self.signal_shutdown();
    }

    fn signal_shutdown(&self) {
        if let Some(shutdown) = self.shutdown.upgrade() {
            shutdown.signal();
        }
    }
}
