//! A kit for transports: what each stream transport needs, whatever its bytes travel on; in Twisted
//! parts of `abstract.FileDescriptor`.
//!
//! | part | holds |
//! |---|---|
//! | [`StreamState`] | the close machine: which direction is open, and what ends when |
//! | [`SendQueue`] | the unsent bytes, with storage from a [`SendPool`] |
//! | [`ProducerSlot`] | the registered producer, and whether it was told to wait |
//!
//! None of them does I/O, knows a clock or calls foreign code: each method returns what the transport
//! does next. Invariant: each part can be used without the others.
//!
//! A transport whose wire is a `Vec`: `write` and `lose_connection` are thrown over the wall, and a
//! turn of the transport sends, asks the producer for more, and ends the connection.
//!
//! ```
//! # use ropewalk_protocol as protocol;
//! use std::cell::{Cell, RefCell};
//! use std::rc::Rc;
//!
//! use interfaces::{
//!     Address, AlreadyProducing, BufferLimits, Chunk, Deliver, Event, Producer, PushProducer,
//!     Reason, Transport,
//! };
//! use protocol::ProtocolRef;
//! use protocol::testing::{Record, Recorder};
//! use protocol::transport::{Drained, Lost, Next, ProducerSlot, SendPool, SendQueue, StreamState};
//!
//! struct Wire {
//!     state: Cell<StreamState>,
//!     unsent: SendQueue,
//!     pool: SendPool,
//!     producer: ProducerSlot,
//!     limits: Cell<BufferLimits>,
//!     reason: Cell<Option<Reason>>,
//!     sent: RefCell<Vec<u8>>,
//! }
//!
//! impl Wire {
//!     /// The first decision counts: `Next::Close` is returned once.
//!     fn end(&self, (state, next): (StreamState, Next), reason: Reason) {
//!         self.state.set(state);
//!         match next {
//!             Next::Close => self.reason.set(Some(reason)),
//!             // A transport that is told when its wire has room would ask for that here.
//!             Next::Flush | Next::Nothing => {}
//!         }
//!     }
//!
//!     fn queued(&self, unsent: usize) {
//!         let BufferLimits { cap, high_water, .. } = self.limits.get();
//!         if unsent > cap {
//!             self.end(self.state.get().abort(), Reason::WriteBufferExceeded { cap });
//!         } else if unsent > high_water
//!             && let Some(producer) = self.producer.pause()
//!         {
//!             producer.pause_producing();
//!         }
//!     }
//!
//!     /// One turn: the wire takes everything.
//!     fn turn(&self, protocol: &dyn Deliver) {
//!         while self.state.get().sends()
//!             && let Some(mut unsent) = self.unsent.take()
//!         {
//!             unsent.pieces().for_each(|piece| self.sent.borrow_mut().extend_from_slice(piece));
//!             unsent.advance(unsent.len());
//!             self.unsent.give_back(unsent, &self.pool);
//!             if let Some(producer) = self.producer.resume() {
//!                 producer.resume_producing();
//!             } else if let Some(producer) = self.producer.pull() {
//!                 producer.resume_producing();
//!             }
//!         }
//!         let (state, drained) = self.state.get().drained(self.producer.is_registered());
//!         self.state.set(state);
//!         match drained {
//!             Drained::Nothing => {}
//!             Drained::EndWriting => protocol.deliver(Event::WriteConnectionLost),
//!             Drained::EndWritingAndClose | Drained::Close => self.reason.set(Some(Reason::Done)),
//!             // Where the wire has a reset, the peer gets one.
//!             Drained::Reset => self.reason.set(Some(Reason::Aborted)),
//!         }
//!     }
//!
//!     /// A later turn.
//!     fn finish(&self, protocol: &dyn Deliver) {
//!         let Some(reason) = self.reason.take() else { return };
//!         let (state, lost) = self.state.get().lost();
//!         self.state.set(state);
//!         self.unsent.clear(&self.pool);
//!         if let Some(producer) = self.producer.unregister() {
//!             producer.stop_producing();
//!         }
//!         match lost {
//!             Lost::Now => protocol.deliver(Event::ConnectionLost(&reason)),
//!             Lost::Before => {}
//!         }
//!     }
//! }
//!
//! impl PushProducer for Wire {
//!     fn pause_producing(&self) {} // Nothing is ever read.
//!     fn resume_producing(&self) {}
//!     fn stop_producing(&self) {
//!         self.lose_connection();
//!     }
//! }
//!
//! impl Transport for Wire {
//!     fn write(&self, data: &[u8]) {
//!         if self.state.get().accepts_writes(self.producer.is_registered()) {
//!             self.queued(self.unsent.gather(data, &self.pool));
//!         }
//!     }
//!     fn write_sequence(&self, chunks: Vec<Chunk>) {
//!         if self.state.get().accepts_writes(self.producer.is_registered()) {
//!             self.queued(self.unsent.push_all(chunks, &self.pool));
//!         }
//!     }
//!     fn lose_connection(&self) {
//!         let idle = self.unsent.is_empty() && !self.producer.is_registered();
//!         self.end(self.state.get().lose(idle), Reason::Done);
//!     }
//!     fn lose_connection_with_reset(&self) {
//!         let idle = self.unsent.is_empty() && !self.producer.is_registered();
//!         self.end(self.state.get().lose_with_reset(idle), Reason::Aborted);
//!     }
//!     fn abort_connection(&self) {
//!         self.end(self.state.get().abort(), Reason::Aborted);
//!     }
//!     fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
//!         if !self.state.get().is_alive() {
//!             producer.stop_producing();
//!             return Ok(());
//!         }
//!         self.producer.register(producer)?;
//!         match self.producer.pull() {
//!             Some(producer) => producer.resume_producing(),
//!             None => self.queued(self.unsent.len()),
//!         }
//!         Ok(())
//!     }
//!     fn unregister_producer(&self) {
//!         drop(self.producer.unregister());
//!     }
//!     fn set_buffer_limits(&self, limits: BufferLimits) {
//!         self.limits.set(limits);
//!     }
//!     fn peer(&self) -> Address {
//!         Address::Other("peer".into())
//!     }
//!     fn host(&self) -> Address {
//!         Address::Other("host".into())
//!     }
//! }
//!
//! let wire = Rc::new(Wire {
//!     state: Cell::new(StreamState::OPEN),
//!     unsent: SendQueue::new(),
//!     pool: SendPool::new(),
//!     producer: ProducerSlot::new(),
//!     limits: Cell::default(),
//!     reason: Cell::new(None),
//!     sent: RefCell::default(),
//! });
//! let record = Record::new();
//! let protocol = ProtocolRef::new(Recorder::new(&record)).as_deliver();
//! let transport: Rc<dyn Transport> = wire.clone();
//! protocol.deliver(Event::ConnectionMade(&transport));
//! transport.write(b"good ");
//! transport.write(b"bye");
//! transport.lose_connection();
//! transport.write(b"too late");
//! wire.turn(&*protocol);
//! assert_eq!(*wire.sent.borrow(), b"good bye");
//! assert!(record.lost().is_none(), "not yet: on a later turn");
//! wire.finish(&*protocol);
//! assert!(matches!(record.lost(), Some(Reason::Done)));
//! ```

mod producer_slot;
mod send_queue;
mod stream_state;

pub use producer_slot::ProducerSlot;
pub use send_queue::{SendPool, SendQueue, Unsent};
pub use stream_state::{Broken, Drained, Eof, Lost, Next, Reading, StreamState, Waits, Writing};
