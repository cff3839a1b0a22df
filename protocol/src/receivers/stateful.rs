//! Receivers that are state machines; Twisted's `StatefulProtocol` and `StatefulStringProtocol`.
//!
//! Invariant: a receiver is always in one state, which the state before has returned.

use alloc::rc::Rc;
use core::convert::Infallible;
use core::fmt;

use interfaces::{HalfCloseableProtocol, HandshakeListener, Reason};

use super::exact_decoder::ExactDecoder;
use super::protocol::{FrameReceiver, ReceiverProtocol};
use super::string::StringReceiver;
use super::string_decoder::{STRING_MAX, StringDecoder, StringError};
use super::transport::ReceiverTransport;

/// The protocol that runs a [`StatefulReceiver`].
pub type StatefulProtocol<R> = ReceiverProtocol<Stateful<R>, ExactDecoder>;

/// The transport of a [`StatefulReceiver`].
pub type StatefulTransport = ReceiverTransport<ExactDecoder>;

/// The behaviour of a connection whose peer sends pieces of known lengths: each state says how many bytes
/// it takes. Twisted's `StatefulProtocol`.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::rc::Rc;
/// use protocol::receivers::{Stateful, StatefulProtocol, StatefulReceiver, StatefulTransport};
///
/// /// One byte says how many names follow, each behind its length; then it all begins again.
/// struct Names(Vec<Vec<u8>>);
/// enum Expects { Count, Length { names: u8 }, Name { names: u8 } }
///
/// impl StatefulReceiver for Names {
///     type State = Expects;
///     fn initial_state(&mut self) -> (Expects, usize) {
///         (Expects::Count, 1)
///     }
///     fn bytes_received(
///         &mut self, _: &Rc<StatefulTransport>, state: Expects, bytes: &[u8],
///     ) -> (Expects, usize) {
///         match state {
///             Expects::Length { names } => (Expects::Name { names }, bytes[0].into()),
///             Expects::Count => next(bytes[0]),
///             Expects::Name { names } => { self.0.push(bytes.to_vec()); next(names - 1) }
///         }
///     }
/// }
///
/// fn next(names: u8) -> (Expects, usize) {
///     (if names == 0 { Expects::Count } else { Expects::Length { names } }, 1)
/// }
///
/// let names = StatefulProtocol::new(Stateful::new(Names(Vec::new())));
/// # use interfaces::Event;
/// # let transport = protocol::testing::StringTransport::new();
/// # names.as_deliver().deliver(Event::ConnectionMade(&transport.as_transport()));
/// # names.as_deliver().deliver(Event::DataReceived(&mut b"\x02\x03Ann\x03Bob\x01".to_owned()));
/// # assert_eq!(names.try_with(|it| it.receiver().receiver().0.len()), Some(2));
/// ```
pub trait StatefulReceiver: 'static {
    /// The states, best an enum, with what they remember.
    type State: 'static;

    /// The first state, and how many bytes it takes. Asked once, before the connection is made.
    #[doc(alias = "getInitialState")]
    fn initial_state(&mut self) -> (Self::State, usize);

    /// The longest piece, in bytes; asked with each state, as lengths often come from the peer. Default
    /// 99,999.
    fn max_length(&self) -> usize {
        STRING_MAX
    }

    /// [`Protocol::connection_made`](interfaces::Protocol::connection_made).
    fn connection_made(&mut self, transport: &Rc<StatefulTransport>) {
        let _ = transport;
    }

    /// As many bytes as the state takes have arrived. Returns the next state, and how many bytes that one
    /// takes; one that takes none is called at once, so it must not return itself.
    fn bytes_received(
        &mut self,
        transport: &Rc<StatefulTransport>,
        state: Self::State,
        bytes: &[u8],
    ) -> (Self::State, usize);

    /// The next state takes more than [`max_length`](Self::max_length) bytes: the connection is closed when
    /// this returns.
    fn length_limit_exceeded(&mut self, transport: &Rc<StatefulTransport>, length: usize) {
        let _ = (transport, length);
    }

    /// Bytes arrived in [raw mode](StatefulTransport::set_raw_mode), first those behind the piece that
    /// began it, all of them. Default drops them.
    fn raw_data_received(&mut self, transport: &Rc<StatefulTransport>, data: &[u8]) {
        let _ = (transport, data);
    }

    /// [`Protocol::connection_lost`](interfaces::Protocol::connection_lost).
    fn connection_lost(&mut self, transport: &Rc<StatefulTransport>, reason: &Reason) {
        let _ = (transport, reason);
    }

    /// [`Protocol::as_half_closeable`](interfaces::Protocol::as_half_closeable).
    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        None
    }

    /// [`Protocol::as_handshake_listener`](interfaces::Protocol::as_handshake_listener).
    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        None
    }
}

/// A [`StatefulReceiver`] and its state, for [`StatefulProtocol`].
pub struct Stateful<R: StatefulReceiver> {
    receiver: R,
    /// Empty while the receiver runs.
    state: Option<R::State>,
    length: usize,
}

impl<R: StatefulReceiver> Stateful<R> {
    /// In the initial state.
    pub fn new(mut receiver: R) -> Self {
        let (state, length) = receiver.initial_state();
        Self { receiver, state: Some(state), length }
    }

    /// The receiver.
    pub fn receiver(&self) -> &R {
        &self.receiver
    }

    /// The receiver, to call it.
    pub fn receiver_mut(&mut self) -> &mut R {
        &mut self.receiver
    }

    /// Closes the connection where the state takes too many bytes.
    fn check(&mut self, transport: &Rc<StatefulTransport>) {
        if self.length > self.receiver.max_length() && !transport.is_closed() {
            self.receiver.length_limit_exceeded(transport, self.length);
            if !transport.is_closed() {
                transport.lose_connection();
            }
        }
    }
}

impl StatefulTransport {
    /// From here on bytes are delivered as they come, to
    /// [`raw_data_received`](StatefulReceiver::raw_data_received), those that have arrived behind the
    /// present piece first: they belong to another protocol, to which they are handed. The state stays.
    pub fn set_raw_mode(&self) {
        self.deliver_raw();
    }

    /// From here on the states take bytes again. `unused` of the raw bytes that are being delivered, the
    /// last ones, are for the present state. Elsewhere the number counts for nothing.
    pub fn set_state_mode(&self, unused: usize) {
        self.deliver_frames(unused);
    }
}

impl<R: StatefulReceiver> FrameReceiver<ExactDecoder> for Stateful<R> {
    fn decoder(&self) -> ExactDecoder {
        ExactDecoder::new()
    }

    fn connection_made(&mut self, transport: &Rc<StatefulTransport>) {
        self.receiver.connection_made(transport);
        self.check(transport);
    }

    fn prepare(&mut self, decoder: &mut ExactDecoder) {
        decoder.set_length(self.length);
    }

    fn frame_received(&mut self, transport: &Rc<StatefulTransport>, bytes: &[u8]) {
        // Only a panic leaves none, and then no call follows.
        if let Some(state) = self.state.take() {
            let (state, length) = self.receiver.bytes_received(transport, state, bytes);
            self.state = Some(state);
            self.length = length;
            self.check(transport);
        }
    }

    fn framing_failed(&mut self, _: &Rc<StatefulTransport>, error: Infallible) {
        match error {}
    }

    fn raw_data_received(&mut self, transport: &Rc<StatefulTransport>, data: &[u8]) {
        self.receiver.raw_data_received(transport, data);
    }

    fn connection_lost(&mut self, transport: &Rc<StatefulTransport>, reason: &Reason) {
        self.receiver.connection_lost(transport, reason);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        self.receiver.as_half_closeable()
    }

    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        self.receiver.as_handshake_listener()
    }
}

impl<R: StatefulReceiver> fmt::Debug for Stateful<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stateful").field("length", &self.length).finish_non_exhaustive()
    }
}

/// The behaviour of a connection whose peer sends strings that mean something else in each state.
/// Twisted's `StatefulStringProtocol`, whose handlers are the arms of one `match` here.
///
/// Put it into a [`StatefulString`], which is a [`StringReceiver`].
#[doc(alias = "StatefulStringProtocol")]
pub trait StatefulStringReceiver<D: StringDecoder>: 'static {
    /// The states, an enum. The default one is the first, Twisted's `init`.
    type State: Default + 'static;

    /// [`StringReceiver::max_length`].
    fn max_length(&self) -> usize {
        STRING_MAX
    }

    /// [`StringReceiver::connection_made`].
    fn connection_made(&mut self, transport: &Rc<ReceiverTransport<D>>) {
        let _ = transport;
    }

    /// A string arrived in this state. Returns the next state; `None`, Twisted's `done`, closes the
    /// connection.
    fn string_received(
        &mut self,
        transport: &Rc<ReceiverTransport<D>>,
        state: Self::State,
        string: &[u8],
    ) -> Option<Self::State>;

    /// [`StringReceiver::string_refused`].
    fn string_refused(&mut self, transport: &Rc<ReceiverTransport<D>>, error: StringError) {
        let _ = (transport, error);
    }

    /// [`StringReceiver::raw_data_received`].
    fn raw_data_received(&mut self, transport: &Rc<ReceiverTransport<D>>, data: &[u8]) {
        let _ = (transport, data);
    }

    /// [`StringReceiver::connection_lost`].
    fn connection_lost(&mut self, transport: &Rc<ReceiverTransport<D>>, reason: &Reason) {
        let _ = (transport, reason);
    }
}

/// A [`StatefulStringReceiver`] and its state.
#[derive(Debug)]
pub struct StatefulString<R, S> {
    receiver: R,
    /// Empty while the receiver runs, and at the end.
    state: Option<S>,
}

impl<R, S: Default> StatefulString<R, S> {
    /// In the default state.
    pub fn new(receiver: R) -> Self {
        Self { receiver, state: Some(S::default()) }
    }
}

impl<R, S> StatefulString<R, S> {
    /// The receiver.
    pub fn receiver(&self) -> &R {
        &self.receiver
    }

    /// The present state; `None` after the last one.
    pub fn state(&self) -> Option<&S> {
        self.state.as_ref()
    }
}

impl<D, R> StringReceiver<D> for StatefulString<R, R::State>
where
    D: StringDecoder,
    R: StatefulStringReceiver<D>,
{
    fn max_length(&self) -> usize {
        self.receiver.max_length()
    }

    fn connection_made(&mut self, transport: &Rc<ReceiverTransport<D>>) {
        self.receiver.connection_made(transport);
    }

    fn string_received(&mut self, transport: &Rc<ReceiverTransport<D>>, string: &[u8]) {
        if let Some(state) = self.state.take() {
            self.state = self.receiver.string_received(transport, state, string);
        }
        if self.state.is_none() && !transport.is_closed() {
            transport.lose_connection();
        }
    }

    fn string_refused(&mut self, transport: &Rc<ReceiverTransport<D>>, error: StringError) {
        self.receiver.string_refused(transport, error);
    }

    fn raw_data_received(&mut self, transport: &Rc<ReceiverTransport<D>>, data: &[u8]) {
        self.receiver.raw_data_received(transport, data);
    }

    fn connection_lost(&mut self, transport: &Rc<ReceiverTransport<D>>, reason: &Reason) {
        self.receiver.connection_lost(transport, reason);
    }
}
