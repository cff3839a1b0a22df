//! The end of a connection: `connection_lost`, once, and everything let go.
//!
//! Invariant: [`Core::finish`] empties the slot first, so that nothing can reach it twice.

use std::rc::Rc;

use interfaces::{Event, Reason};

use crate::core::{Core, Rare, Slot};
use crate::stream::linger::Lingering;
use crate::stream::state::State;
use crate::stream::{Running, Stream};
use crate::sys::Sys;

/// What becomes of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Farewell {
    /// Close; all is said.
    Close,
    /// Close, but first take what the peer still sends, or the system would throw our last bytes
    /// away and send a reset instead (RFC 1122 section 4.2.2.13).
    Linger,
    /// Close with a reset, so that the peer can tell that something is missing.
    Reset,
}

impl<S: Sys> Core<S> {
    /// Carries out the endings that were decided before this turn began.
    pub(crate) fn close_doomed(&self, closings: Vec<(Rc<Stream<S>>, Reason)>) {
        for (stream, reason) in closings {
            self.finish(&stream, &reason);
        }
    }

    /// Ends a connection: the socket goes, the producer is told, the protocol is told and let go.
    pub(crate) fn finish(&self, stream: &Rc<Stream<S>>, reason: &Reason) {
        stream.state.set(State::Lost);
        let Some(running) = self.vacate(stream, reason) else { return };
        stream.outgoing.clear(&self.desk.pool);
        self.stop_producer(stream);
        // A panic in the last callback was observed, and there is nobody left to tell.
        drop(self.call_for(stream, "protocol", || {
            running.deliver.deliver(Event::ConnectionLost(reason));
            drop(running);
        }));
        self.run_woken_tasks();
    }

    /// Tells the producer that nobody takes its bytes any more.
    pub(crate) fn stop_producer(&self, stream: &Stream<S>) {
        if let Some(producer) = stream.extras.take_producer() {
            let stop = || {
                producer.stop_producing();
                drop(producer);
            };
            drop(self.call_for(stream, "producer", stop));
            self.run_woken_tasks();
        }
    }

    /// Deals with the socket and empties the slot, or leaves the socket alone in it to linger.
    fn vacate(&self, stream: &Stream<S>, reason: &Reason) -> Option<Running<S>> {
        stream.remember_host();
        let socket = stream.socket.take()?;
        let lingering = match farewell(stream, reason) {
            Farewell::Close => self.close(stream, socket),
            Farewell::Reset => {
                self.sys.reset_on_close(&socket);
                self.close(stream, socket)
            }
            Farewell::Linger => self.linger(stream, socket),
        };
        let mut slots = self.slots.borrow_mut();
        let slot = match lingering {
            Some(lingering) => {
                slots.replace(stream.token, Slot::Rare(Rare::Lingering(lingering))).ok()
            }
            None => slots.remove(stream.token),
        };
        match slot {
            Some(Slot::Stream(running)) => Some(running),
            Some(Slot::Rare(_)) | None => None,
        }
    }

    fn close(&self, stream: &Stream<S>, socket: S::Stream) -> Option<Rc<Lingering<S>>> {
        self.close_socket(socket, stream.io.origin);
        None
    }
}

fn farewell<S: Sys>(stream: &Stream<S>, reason: &Reason) -> Farewell {
    match reason {
        Reason::Done if stream.io.ends.peers_came() => Farewell::Close,
        Reason::Done => Farewell::Linger,
        Reason::Lost(_) => Farewell::Close,
        _ => Farewell::Reset,
    }
}
