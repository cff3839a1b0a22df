//! [`ReceiverTransport`]: the transport as a receiver sees it, which stops between two frames.
//!
//! Invariant: no frame is delivered while it is paused or after it was closed through this handle, whatever
//! the input has behind the frame.
//!
//! ```text
//!          pause              lose, abort
//!  Open ◀─────────▶ Paused ───────────────▶ Closed
//!    └─────resume──────────────lose, abort────▲
//! ```

use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;
use core::ops::Deref;

use interfaces::{PushProducer, Transport};

use super::decoder::Decoder;

/// The transport that receivers are given: the connection's, of which it has all methods, and what belongs
/// to frames. Clone the `Rc` to keep it, for a timer or for another protocol.
///
/// Pausing and closing take effect at the next frame: the frames that have arrived already wait, or are
/// dropped. So do them through this handle, from wherever it is kept, and not through
/// [`as_transport`](Self::as_transport), which a receiver does not see into.
///
/// As a [`PushProducer`] it can be registered with another transport, which then pauses this receiver.
pub struct ReceiverTransport<D: Decoder> {
    below: Rc<dyn Transport>,
    receiver: Weak<dyn ReceiveWaiting>,
    reading: Cell<Reads>,
    mode: Cell<Mode>,
    /// How many of the bytes that were delivered last belong to the next frame.
    unused: Cell<usize>,
    is_receiving: Cell<bool>,
    /// Bytes wait in the protocol.
    has_waiting: Cell<bool>,
    /// Takes the bytes that have arrived and are not delivered.
    hand_over: Cell<Option<HandOver>>,
    sending: D::Sending,
}

/// Takes the bytes behind a frame, of a stream that goes on in another form.
pub(super) type HandOver = Box<dyn FnOnce(&Rc<dyn Transport>, Vec<u8>)>;

/// The running protocol, as its transport needs it.
pub(super) trait ReceiveWaiting {
    /// Delivers the frames that wait: now, or when the running call has returned.
    fn receive_waiting(&self);
}

/// Whether frames are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    Open,
    Paused,
    Closed,
}

/// The form in which bytes are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// What the decoder finds.
    Frames,
    /// All bytes as they come.
    Raw,
    /// None, until those that have arrived are handed over.
    HandOver,
}

impl<D: Decoder> ReceiverTransport<D> {
    pub(super) fn over(
        below: &Rc<dyn Transport>,
        receiver: Weak<dyn ReceiveWaiting>,
        sending: D::Sending,
    ) -> Rc<Self> {
        Rc::new(Self {
            below: below.clone(),
            receiver,
            reading: Cell::new(Reads::Open),
            mode: Cell::new(Mode::Frames),
            unused: Cell::new(0),
            is_receiving: Cell::new(false),
            has_waiting: Cell::new(false),
            hand_over: Cell::default(),
            sending,
        })
    }

    /// The connection's own transport: to write to it from elsewhere.
    pub fn as_transport(&self) -> &Rc<dyn Transport> {
        &self.below
    }

    /// [`Transport::lose_connection`]; the frames that have arrived already are dropped.
    #[doc(alias = "loseConnection")]
    pub fn lose_connection(&self) {
        self.reading.set(Reads::Closed);
        self.below.lose_connection();
    }

    /// [`Transport::lose_connection_with_reset`]; the frames that have arrived already are dropped.
    pub fn lose_connection_with_reset(&self) {
        self.reading.set(Reads::Closed);
        self.below.lose_connection_with_reset();
    }

    /// [`Transport::abort_connection`]; the frames that have arrived already are dropped.
    #[doc(alias = "abortConnection")]
    pub fn abort_connection(&self) {
        self.reading.set(Reads::Closed);
        self.below.abort_connection();
    }

    /// Delivers no more frames until [`resume_producing`](Self::resume_producing), and stops reading.
    #[doc(alias = "pauseProducing")]
    pub fn pause_producing(&self) {
        if self.reading.get() == Reads::Open {
            self.reading.set(Reads::Paused);
            self.below.pause_producing();
        }
    }

    /// Reads again, and delivers the frames that wait: before it returns, but while the protocol is
    /// running, when the running call has returned. Without a pause it does nothing.
    ///
    /// This one method of a transport runs its protocol, as in Twisted, so call it with nothing borrowed.
    #[doc(alias = "resumeProducing")]
    pub fn resume_producing(&self) {
        if self.reading.get() != Reads::Paused {
            return;
        }
        self.reading.set(Reads::Open);
        self.below.resume_producing();
        // What runs already looks for itself.
        if self.has_waiting.get()
            && !self.is_receiving.get()
            && let Some(receiver) = self.receiver.upgrade()
        {
            receiver.receive_waiting();
        }
    }

    /// As [`lose_connection`](Self::lose_connection).
    #[doc(alias = "stopProducing")]
    pub fn stop_producing(&self) {
        self.lose_connection();
    }

    /// Ends the stream of frames behind the present one: `take` is given the connection's transport and all
    /// bytes that have arrived and were not delivered, and then frames begin anew. It is called once: when the
    /// running call of the receiver has returned, or before this returns where none is running; not while this
    /// transport is paused, and never after it was closed.
    ///
    /// So a protocol starts TLS in mid-connection, and nothing that was sent in the clear counts as sent
    /// under TLS: `start_tls_server` and `start_tls_client` of the crate `tls` take these bytes. Twisted keeps
    /// them in its buffer, and delivers them as frames afterwards.
    #[doc(alias = "clearLineBuffer")]
    #[doc(alias = "startTLS")]
    pub fn hand_over(&self, take: impl FnOnce(&Rc<dyn Transport>, Vec<u8>) + 'static) {
        self.hand_over.set(Some(Box::new(take)));
        self.mode.set(Mode::HandOver);
        if !self.is_receiving.get()
            && let Some(receiver) = self.receiver.upgrade()
        {
            receiver.receive_waiting();
        }
    }

    /// The way in which the bytes that have arrived are taken; frames are delivered after it.
    pub(super) fn take_hand_over(&self) -> Option<HandOver> {
        self.mode.set(Mode::Frames);
        self.hand_over.take()
    }

    /// Delivers bytes as they come from here on, those behind the present frame first: a body whose end
    /// is not a delimiter, or another protocol, to which they are handed on.
    pub(super) fn deliver_raw(&self) {
        self.mode.set(Mode::Raw);
    }

    /// Delivers frames from here on. The last `unused` bytes of those that are being delivered come again.
    pub(super) fn deliver_frames(&self, unused: usize) {
        self.mode.set(Mode::Frames);
        self.unused.set(unused);
    }

    pub(super) fn sending(&self) -> &D::Sending {
        &self.sending
    }

    #[inline(always)]
    pub(super) fn is_open(&self) -> bool {
        self.reading.get() == Reads::Open
    }

    pub(super) fn is_closed(&self) -> bool {
        self.reading.get() == Reads::Closed
    }

    #[inline(always)]
    pub(super) fn mode(&self) -> Mode {
        self.mode.get()
    }

    /// How many of the delivered bytes come again.
    pub(super) fn take_unused(&self) -> usize {
        self.unused.take()
    }

    pub(super) fn set_waiting(&self, has_waiting: bool) {
        self.has_waiting.set(has_waiting);
    }

    /// The receiver is about to be called; answers whether it was running already, which is so for ever
    /// after a panic.
    pub(super) fn begin_receiving(&self) -> bool {
        self.is_receiving.replace(true)
    }

    pub(super) fn end_receiving(&self) {
        self.is_receiving.set(false);
    }
}

/// The connection's: to write, for its addresses, its producers and its abilities.
impl<D: Decoder> Deref for ReceiverTransport<D> {
    type Target = Rc<dyn Transport>;

    fn deref(&self) -> &Rc<dyn Transport> {
        &self.below
    }
}

impl<D: Decoder> PushProducer for ReceiverTransport<D> {
    fn pause_producing(&self) {
        self.pause_producing();
    }

    fn resume_producing(&self) {
        self.resume_producing();
    }

    fn stop_producing(&self) {
        self.stop_producing();
    }
}

impl<D: Decoder> fmt::Debug for ReceiverTransport<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverTransport")
            .field("below", &self.below)
            .field("reading", &self.reading.get())
            .field("mode", &self.mode.get())
            .finish_non_exhaustive()
    }
}
