//! [`ReceiverProtocol`]: a decoder and a receiver on a connection.
//!
//! Invariant: bytes wait here only while the receiver is paused; otherwise all that arrives is decoded at
//! once, from the memory into which it was read.

use alloc::rc::Rc;
use core::{fmt, mem};

use interfaces::{
    Address, HalfCloseableProtocol, HandshakeListener, Protocol, Reason, Transport, short_type_name,
};

use super::decoder::Decoder;
use super::transport::{Mode, ReceiveWaiting, ReceiverTransport};
use super::waiting::Waiting;
use crate::protocol_cell::ProtocolCell;
use crate::{FactoryFn, ProtocolRef, WeakProtocolRef};

/// The behaviour of one connection whose bytes are frames.
///
/// Implement [`LineReceiver`](super::LineReceiver), [`LineOnlyReceiver`](super::LineOnlyReceiver) or
/// [`StringReceiver`](super::StringReceiver), and this is implemented; implement it for a [`Decoder`] of
/// your own. [`ReceiverProtocol`] calls it, with nothing borrowed, in the order of a
/// [`Protocol`]'s life.
pub trait FrameReceiver<D: Decoder>: 'static {
    /// A decoder for a new connection: asked once.
    fn decoder(&self) -> D;

    /// [`Protocol::connection_made`].
    fn connection_made(&mut self, transport: &Rc<ReceiverTransport<D>>);

    /// Called before the decoder looks for each frame, to tell it what comes next.
    fn prepare(&mut self, decoder: &mut D) {
        let _ = decoder;
    }

    /// A frame arrived, without what delimits it.
    fn frame_received(&mut self, transport: &Rc<ReceiverTransport<D>>, frame: &[u8]);

    /// The stream is wrong. What the decoder does with further bytes is its own affair.
    fn framing_failed(&mut self, transport: &Rc<ReceiverTransport<D>>, error: D::Error<'_>);

    /// Bytes arrived in raw mode.
    fn raw_data_received(&mut self, transport: &Rc<ReceiverTransport<D>>, data: &[u8]);

    /// [`Protocol::connection_lost`].
    fn connection_lost(&mut self, transport: &Rc<ReceiverTransport<D>>, reason: &Reason);

    /// [`Protocol::as_half_closeable`].
    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        None
    }

    /// [`Protocol::as_handshake_listener`].
    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        None
    }
}

/// The protocol that runs a receiver; the base classes of Twisted's `protocols.basic`.
///
/// It exists as a [`ProtocolRef`] from the beginning, as the end of a pause has to find it again:
/// [`new`](Self::new) makes one, and [`factory`](Self::factory) one for each connection. Its names are
/// [`LineProtocol`](super::LineProtocol), [`NetstringProtocol`](super::NetstringProtocol) and so on.
///
/// # Panics
///
/// A panic of the receiver loses its place in the stream: afterwards nothing is delivered any more. A
/// transport that catches panics aborts the connection anyway.
///
/// # Differences from Twisted
///
/// After the receiver has closed the connection it gets no more frames, not even those that arrived
/// before. Bytes that arrive while the receiver runs come behind those that arrived before.
pub struct ReceiverProtocol<R: FrameReceiver<D>, D: Decoder> {
    me: WeakProtocolRef<Self>,
    receiver: R,
    decoder: D,
    transport: Option<Rc<ReceiverTransport<D>>>,
    waiting: Waiting,
}

impl<R: FrameReceiver<D>, D: Decoder> ReceiverProtocol<R, D> {
    /// A protocol for one connection, for `connect_ref`.
    pub fn new(receiver: R) -> ProtocolRef<Self> {
        ProtocolRef::new_cyclic(|me| Self {
            me: me.clone(),
            decoder: receiver.decoder(),
            receiver,
            transport: None,
            waiting: Waiting::default(),
        })
    }

    /// A factory that runs what the closure makes on each connection: `factory_fn` for receivers.
    pub fn factory(build: impl Fn(&Address) -> R + 'static) -> FactoryFn {
        FactoryFn::of::<Self>(move |peer| Some(Self::new(build(peer)).into()))
    }

    /// The receiver.
    pub fn receiver(&self) -> &R {
        &self.receiver
    }

    /// The receiver, to call it: from inside [`ProtocolRef::enter`].
    pub fn receiver_mut(&mut self) -> &mut R {
        &mut self.receiver
    }

    /// The transport, from `connection_made` on.
    pub fn transport(&self) -> Option<&Rc<ReceiverTransport<D>>> {
        self.transport.as_ref()
    }

    /// Delivers the input up to a pause or a close, and leaves what is behind it.
    #[inline]
    fn receive(&mut self, input: &mut &[u8]) {
        let Self { receiver, decoder, transport: Some(transport), .. } = self else { return };
        if transport.begin_receiving() {
            *input = &[];
            return;
        }
        while transport.is_open() {
            match transport.mode() {
                Mode::Frames => {
                    receiver.prepare(decoder);
                    let before = *input;
                    match decoder.next_frame(input) {
                        Some(Ok(frame)) => receiver.frame_received(transport, frame),
                        Some(Err(error)) => {
                            transport.take_unused();
                            receiver.framing_failed(transport, error);
                            // At least one byte is skipped, so that this comes to an end.
                            let skipped = before.get(1..).unwrap_or_default();
                            *input = last(skipped, transport.take_unused());
                        }
                        None => break,
                    }
                }
                Mode::Raw if input.is_empty() => break,
                Mode::Raw => Self::receive_raw(receiver, decoder, transport, input),
                Mode::HandOver => hand_over(decoder, transport, input),
            }
        }
        transport.end_receiving();
        if transport.is_closed() {
            *input = &[];
        }
    }

    /// Delivers all of the input as it is.
    fn receive_raw(
        receiver: &mut R,
        decoder: &mut D,
        transport: &Rc<ReceiverTransport<D>>,
        input: &mut &[u8],
    ) {
        let data = mem::take(input);
        let mut rest = decoder.take_rest();
        transport.take_unused();
        match rest.is_empty() {
            true => receiver.raw_data_received(transport, data),
            false => {
                rest.extend_from_slice(data);
                receiver.raw_data_received(transport, &rest);
            }
        }
        if transport.mode() == Mode::Frames {
            *input = last(data, transport.take_unused());
        }
    }

    /// Delivers what waits.
    #[cold]
    fn receive_waiting(&mut self) {
        let mut waiting = mem::take(&mut self.waiting);
        let mut input = waiting.bytes();
        self.receive(&mut input);
        let left = input.len();
        waiting.leave(left);
        self.waiting = waiting;
        self.note_waiting();
    }

    #[cold]
    fn wait(&mut self, input: &[u8]) {
        self.waiting.push(input);
        self.note_waiting();
    }

    fn note_waiting(&self) {
        if let Some(transport) = &self.transport {
            transport.set_waiting(!self.waiting.is_empty());
        }
    }
}

/// Hands over the bytes of the frame that has begun and all behind them.
#[cold]
fn hand_over<D: Decoder>(decoder: &mut D, transport: &Rc<ReceiverTransport<D>>, input: &mut &[u8]) {
    let mut unread = decoder.take_rest();
    unread.extend_from_slice(mem::take(input));
    if let Some(take) = transport.take_hand_over() {
        take(transport.as_transport(), unread);
    }
}

/// The last bytes: all, if there are fewer.
fn last(bytes: &[u8], count: usize) -> &[u8] {
    &bytes[bytes.len().saturating_sub(count)..]
}

impl<R: FrameReceiver<D>, D: Decoder> Protocol for ReceiverProtocol<R, D> {
    /// The name of the receiver's type.
    fn log_prefix() -> &'static str {
        short_type_name::<R>()
    }

    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        let sending = self.decoder.sending();
        let transport = ReceiverTransport::over(transport, self.me.cell(), sending);
        self.transport = Some(transport.clone());
        self.receiver.connection_made(&transport);
    }

    #[inline]
    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        let mut input = data;
        if self.waiting.is_empty() {
            self.receive(&mut input);
            if !input.is_empty() {
                self.wait(input);
            }
        } else {
            self.wait(input);
            self.receive_waiting();
        }
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        if let Some(transport) = &self.transport {
            self.receiver.connection_lost(transport, reason);
        }
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        self.receiver.as_half_closeable()
    }

    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        self.receiver.as_handshake_listener()
    }
}

impl<R: FrameReceiver<D>, D: Decoder> ReceiveWaiting for ProtocolCell<ReceiverProtocol<R, D>> {
    fn receive_waiting(&self) {
        self.enter(|protocol| protocol.receive_waiting());
    }
}

impl<R: FrameReceiver<D> + fmt::Debug, D: Decoder + fmt::Debug> fmt::Debug
    for ReceiverProtocol<R, D>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverProtocol")
            .field("receiver", &self.receiver)
            .field("decoder", &self.decoder)
            .finish_non_exhaustive()
    }
}
