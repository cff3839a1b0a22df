//! [`Layer`]: what passes between a protocol and the transport below it.
//!
//! Invariant: each method that is not overridden passes its call or event on, unchanged.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;

use interfaces::{
    Address, AlreadyProducing, BufferLimits, Chunk, Deliver, Event, HalfCloseableTransport,
    Producer, Query, ReadingRoles, Transport,
};

use super::LayerTransport;

/// The changes that a layer makes to what passes through it. Each method passes on what it is given;
/// override those that do something else. One value belongs to one connection.
///
/// The methods with `below` are called by the protocol, at any time after `connection_made`, and run
/// no protocol code; those with `above` are called by the transport below. All are called with
/// nothing borrowed, on the reactor's thread, and may call anything but the protocol from inside a
/// call that goes down.
///
/// Twisted's `ProtocolWrapper` is a class to be derived from.
#[doc(alias = "ProtocolWrapper")]
pub trait Layer: Sized + 'static {
    /// Whether the protocol writes through this layer. A layer that only looks at events says `false`: the
    /// protocol is given the transport below then, and no method with `below` is called.
    const WRAPS_TRANSPORT: bool = true;

    /// Passes an event up. [`Event::ConnectionMade`] brings the transport that the protocol is to have, and
    /// by then [`LayerTransport::below`] is there.
    ///
    /// A layer must pass on each event that it does not know.
    fn deliver(&self, link: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        let _ = link;
        above.deliver(event);
    }

    /// These bytes arrived, and the protocol gets them next: also those that it reads into a buffer of
    /// its own, which [`deliver`](Self::deliver) does not show.
    fn received(&self, data: &[u8]) {
        let _ = data;
    }

    /// The protocol is dropped, after `connection_lost` or without it: give back what the connection has, and
    /// cancel its timers. Once, last.
    fn released(&self) {}

    /// As [`Deliver::socket_guard`].
    fn socket_guard(&self, above: &dyn Deliver) -> Option<Rc<dyn Any>> {
        above.socket_guard()
    }

    /// As [`Deliver::is_half_closeable`].
    fn is_half_closeable(&self, above: &dyn Deliver) -> bool {
        above.is_half_closeable()
    }

    /// As [`Deliver::reading_roles`]. A layer that changes the bytes which arrive answers the default.
    fn reading_roles(&self, above: &dyn Deliver) -> ReadingRoles {
        above.reading_roles()
    }

    /// As [`Transport::write`].
    #[inline]
    fn write(&self, below: &dyn Transport, data: &[u8]) {
        below.write(data);
    }

    /// As [`Transport::write_sequence`].
    #[inline]
    fn write_sequence(&self, below: &dyn Transport, chunks: Vec<Chunk>) {
        below.write_sequence(chunks);
    }

    /// As [`Transport::lose_connection`].
    fn lose_connection(&self, below: &dyn Transport) {
        below.lose_connection();
    }

    /// As [`Transport::lose_connection_with_reset`].
    fn lose_connection_with_reset(&self, below: &dyn Transport) {
        below.lose_connection_with_reset();
    }

    /// As [`Transport::abort_connection`].
    fn abort_connection(&self, below: &dyn Transport) {
        below.abort_connection();
    }

    /// As [`HalfCloseableTransport::lose_write_connection`].
    fn lose_write_connection(&self, below: &dyn HalfCloseableTransport) {
        below.lose_write_connection();
    }

    /// As [`PushProducer::pause_producing`](interfaces::PushProducer::pause_producing): the protocol wants
    /// no more bytes.
    fn pause_producing(&self, below: &dyn Transport) {
        below.pause_producing();
    }

    /// As [`PushProducer::resume_producing`](interfaces::PushProducer::resume_producing).
    fn resume_producing(&self, below: &dyn Transport) {
        below.resume_producing();
    }

    /// As [`PushProducer::stop_producing`](interfaces::PushProducer::stop_producing).
    fn stop_producing(&self, below: &dyn Transport) {
        below.stop_producing();
    }

    /// As [`Transport::register_producer`].
    ///
    /// # Errors
    ///
    /// [`AlreadyProducing`].
    fn register_producer(
        &self,
        below: &dyn Transport,
        producer: Producer,
    ) -> Result<(), AlreadyProducing> {
        below.register_producer(producer)
    }

    /// As [`Transport::unregister_producer`].
    fn unregister_producer(&self, below: &dyn Transport) {
        below.unregister_producer();
    }

    /// As [`Transport::set_buffer_limits`].
    fn set_buffer_limits(&self, below: &dyn Transport, limits: BufferLimits) {
        below.set_buffer_limits(limits);
    }

    /// As [`Transport::peer`].
    fn peer(&self, below: &dyn Transport) -> Address {
        below.peer()
    }

    /// As [`Transport::host`].
    fn host(&self, below: &dyn Transport) -> Address {
        below.host()
    }

    /// Answers a question, if the layer knows the answer; the transport below is asked after it. As
    /// [`Transport::answer`].
    fn answer(&self, link: &LayerTransport<Self>, query: &mut Query<'_>) {
        let _ = (link, query);
    }
}
