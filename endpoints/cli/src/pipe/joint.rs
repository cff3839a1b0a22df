//! [`Joint`]: the two directions between standard input and output and a connection.
//!
//! ```text
//!   the input ends   ──▶ the connection is half-closed behind its bytes
//!   the peer ends    ──▶ the output is closed behind its bytes, and the input goes on while it brings bytes
//!   both have ended  ──▶ the connection is closed
//!   to receive alone ──▶ the input is not read, as if it had ended, but for the half-close
//!   to send alone    ──▶ the peer's bytes are dropped, and the end of the input closes the connection
//!   the connection is lost ──▶ what came from it is written, and then it is over
//! ```
//!
//! Invariant: the outcome is given once, when both transports are gone, and its trouble is the first one,
//! as that is the cause of the others.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use deferred::Promise;
use interfaces::{DelayedCall, Deliver, OsError, ReactorTime, Reason, StdioError, Transport};
use protocol::ProtocolRef;
use protocol::relay::ConsumerSlot;

use super::feed::Feed;
use super::sides::StdioSide;

/// What can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PipeOptions {
    /// Whether the end of the input half-closes the connection.
    pub(crate) half_closes: bool,
    /// Which of the two directions there are.
    pub(crate) directions: Directions,
    /// How long the input may be silent when the peer has ended; `None` is no limit.
    pub(crate) silence: Option<Duration>,
}

/// The directions in which bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directions {
    Both,
    Receive,
    Send,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// How the connection was lost.
    pub(crate) reason: Reason,
    /// What went wrong on this side before.
    pub(crate) trouble: Option<Trouble>,
}

/// What went wrong on this side.
#[derive(Debug)]
pub(crate) enum Trouble {
    Input(io::Error),
    Output(io::Error),
}

type OpenStdio = Box<dyn FnOnce(Rc<dyn Deliver>) -> Result<(), StdioError>>;

/// Standard input and output and a connection.
pub(crate) struct Joint {
    clock: Rc<dyn ReactorTime>,
    options: PipeOptions,
    open_stdio: Cell<Option<OpenStdio>>,
    network: ConsumerSlot,
    stdio: ConsumerSlot,
    /// What came from the connection before there was an output; `None` from then on. A pause asked for in
    /// `connection_made` does not hold back what came together with a proxy's answer.
    early: RefCell<Option<Vec<u8>>>,
    input_ended: Cell<bool>,
    peer_ended: Cell<bool>,
    /// Ends the connection when the input is silent for too long.
    timer: RefCell<Option<DelayedCall>>,
    trouble: RefCell<Option<Trouble>>,
    reason: RefCell<Option<Reason>>,
    over: Cell<Option<Promise<Outcome>>>,
}

impl Joint {
    /// `open_stdio` is called when the connection is made, and `over` fires at the end.
    pub(crate) fn new(
        clock: impl ReactorTime + 'static,
        options: PipeOptions,
        open_stdio: impl FnOnce(Rc<dyn Deliver>) -> Result<(), StdioError> + 'static,
        over: Promise<Outcome>,
    ) -> Rc<Self> {
        Rc::new(Self {
            clock: Rc::new(clock),
            options,
            open_stdio: Cell::new(Some(Box::new(open_stdio))),
            network: ConsumerSlot::default(),
            stdio: ConsumerSlot::default(),
            early: RefCell::new(Some(Vec::new())),
            input_ended: Cell::new(false),
            peer_ended: Cell::new(false),
            timer: RefCell::default(),
            trouble: RefCell::default(),
            reason: RefCell::default(),
            over: Cell::new(Some(over)),
        })
    }

    /// The connection stands; its bytes wait for the output.
    pub(super) fn network_made(self: &Rc<Self>, network: &Rc<dyn Transport>) {
        self.network.fill(network);
        network.pause_producing();
        let Some(open) = self.open_stdio.take() else { return };
        let side = ProtocolRef::new(StdioSide(self.clone()));
        if let Err(error) = open(side.as_deliver()) {
            self.stdio_failed(&error);
            network.abort_connection();
        }
    }

    pub(super) fn stdio_made(&self, stdio: &Rc<dyn Transport>) {
        self.stdio.fill(stdio);
        let early = self.early.take().unwrap_or_default();
        if !early.is_empty() {
            self.stdio.write(&early);
        }
        match self.network.transport() {
            Some(network) => {
                self.stdio.feed_from(Rc::new(Feed(network.clone())));
                self.network.feed_from(Rc::new(Feed(stdio.clone())));
                network.resume_producing();
                if self.options.directions == Directions::Receive {
                    stdio.pause_producing();
                    self.input_ended.set(true);
                    drop(self.network.unfeed());
                }
            }
            None => stdio.lose_connection(),
        }
    }

    pub(super) fn network_received(&self, data: &[u8]) {
        if self.options.directions == Directions::Send {
            return;
        }
        let is_early = match &mut *self.early.borrow_mut() {
            Some(early) => {
                early.extend_from_slice(data);
                true
            }
            None => false,
        };
        if !is_early {
            self.stdio.write(data);
        }
    }

    pub(super) fn input_received(self: &Rc<Self>, data: &[u8]) {
        self.network.write(data);
        if self.peer_ended.get() {
            self.wait_for_input();
        }
    }

    /// The input has ended.
    pub(super) fn input_ended(&self) {
        self.input_ended.set(true);
        if self.options.directions == Directions::Send {
            return self.close_network();
        }
        match (self.peer_ended.get(), self.options.half_closes) {
            (true, _) => self.close_network(),
            (false, true) => self.network.end_writing(),
            (false, false) => drop(self.network.unfeed()),
        }
    }

    /// The peer sends no more.
    pub(super) fn network_ended(self: &Rc<Self>) {
        self.peer_ended.set(true);
        self.stdio.end_writing();
        if self.input_ended.get() { self.close_network() } else { self.wait_for_input() }
    }

    /// The output is closed: by this side, as the peer has ended, or by its reader.
    pub(super) fn output_ended(&self) {
        if !self.peer_ended.get() {
            self.note(Trouble::Output(OsError::from_raw_os_error(libc::EPIPE).into()));
            self.network.abort();
        }
    }

    pub(super) fn network_lost(&self, reason: &Reason) {
        self.reason.replace(Some(reason.clone()));
        self.network.clear();
        self.stop_waiting();
        self.stdio.lose();
        self.end_if_over();
    }

    pub(super) fn stdio_lost(&self, reason: &Reason) {
        if let Reason::Lost(cause) = reason
            && let Some(error) = cause.downcast_ref::<StdioError>()
        {
            self.stdio_failed(error);
        }
        self.stdio.clear();
        self.network.abort();
        self.end_if_over();
    }

    fn stdio_failed(&self, error: &StdioError) {
        let source = error.source.into();
        self.note(match error.direction {
            "output" => Trouble::Output(source),
            _ => Trouble::Input(source),
        });
    }

    /// Keeps the first trouble.
    fn note(&self, trouble: Trouble) {
        let is_first = self.trouble.borrow().is_none();
        if is_first {
            self.trouble.replace(Some(trouble));
        }
    }

    fn end_if_over(&self) {
        let is_over = self.network.is_empty() && self.stdio.is_empty();
        let reason = self.reason.borrow().clone();
        if let Some(reason) = reason
            && is_over
            && let Some(over) = self.over.take()
        {
            over.callback(Outcome { reason, trouble: self.trouble.take() });
        }
    }

    fn close_network(&self) {
        self.stop_waiting();
        self.network.lose();
    }

    /// Gives the input its time of silence anew.
    fn wait_for_input(self: &Rc<Self>) {
        self.stop_waiting();
        if let Some(silence) = self.options.silence {
            let this = self.clone();
            let timer = self.clock.call_later(silence, Box::new(move || this.close_network()));
            self.timer.replace(Some(timer));
        }
    }

    fn stop_waiting(&self) {
        let timer = self.timer.take();
        if let Some(timer) = timer {
            // The call that called this is not pending, and then this fails.
            let _ = timer.cancel();
        }
    }
}

#[cfg(test)]
mod tests;
