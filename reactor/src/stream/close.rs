//! The end of a connection: `connection_lost`, once, and everything dropped.
//!
//! Invariant: [`Stream::close`] empties the slot first, so that nothing can reach it twice.

use std::rc::Rc;

use interfaces::{Event, Reason};
use protocol::transport::{Next, StreamState};

use super::linger::Lingering;
use super::{Running, Stream};
use crate::core::Core;
use crate::core::tenant::{Slot, Tenant};
use crate::sys::{StreamSys, Token};

/// How the socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SocketEnd {
    /// Close: all is sent and received.
    Close,
    /// Close, but first take what the peer still sends, or the system would throw our last bytes
    /// away and send a reset instead (RFC 1122 section 4.2.2.13).
    Linger,
    /// Close with a reset, so that the peer can tell that something is missing.
    Reset,
    /// The same once the peer has acknowledged what was sent. UNIX sockets have no reset and lose
    /// nothing when they are closed.
    ResetBehind,
}

/// The socket of a stream that has left its slot.
enum Remains<S: StreamSys> {
    Nothing,
    /// To be closed after the protocol has heard of it.
    ToReset(S::Stream),
    /// In the slot of the stream.
    Lingering(Rc<Lingering<S>>),
}

impl<S: StreamSys> Remains<S> {
    fn of(lingering: Option<Rc<Lingering<S>>>) -> Self {
        lingering.map_or(Self::Nothing, Self::Lingering)
    }
}

impl<S: StreamSys> Stream<S> {
    /// Decides the end of the connection; the first decision counts. The closing phase of a later
    /// turn carries it out.
    pub(super) fn schedule_close(&self, reason: Reason) {
        self.queue_written();
        if self.state.step(StreamState::abort) == Next::Close {
            self.list_closing(reason);
        }
    }

    /// Lists the stream, whose end is decided, for the closing phase of a later turn.
    pub(super) fn list_closing(&self, reason: Reason) {
        if let Some(core) = self.shared.core() {
            core.agenda.closings.borrow_mut().push((self.token, reason));
        }
    }

    /// Carries out an end that was decided on an earlier turn.
    #[inline(never)]
    pub(crate) fn close_listed(core: &Core<S>, token: Token, reason: &Reason) {
        if let Some(stream) = Self::find(core, token) {
            stream.close(core, reason);
        }
    }

    /// The reactor stops: what is queued is sent, no producer is waited for, and then the connection
    /// ends as after `lose_connection`.
    pub(crate) fn drain(&self, core: &Core<S>) {
        let (unsent, has_producer) = (self.unsent() > 0, self.has_producer());
        match self.state.step(|state| state.stop(unsent, has_producer)) {
            Next::Close => return self.close(core, &self.broken_or(Reason::Stopped)),
            Next::Flush => self.rare.set_ending(Reason::Stopped),
            Next::Nothing => {}
        }
        if self.state.is_flushing() {
            self.stop_producer(core);
            self.follow(Next::Flush);
        }
    }

    /// Ends a connection: the socket goes, the producer is told, the protocol is told and dropped. A
    /// reset leaves last, so that what the program notes of it is there before the peer knows.
    pub(crate) fn close(&self, core: &Core<S>, reason: &Reason) {
        self.state.step(StreamState::lost);
        let Some((running, remains)) = self.leave_slot(core, reason) else { return };
        self.drop_unsent();
        drop(self.rare.take_held());
        self.stop_producer(core);
        // A panic in the last callback was observed, and there is no further one to tell of it.
        let (lingering, to_reset) = match remains {
            Remains::Lingering(lingering) => (Some(lingering), None),
            Remains::ToReset(socket) => (None, Some(socket)),
            Remains::Nothing => (None, None),
        };
        drop(self.call(core, "protocol", || {
            if let Some(lingering) = lingering {
                // Owned by its slot alone from here on, so that its descriptor can be given up.
                lingering.keep(running.protocol.socket_guard());
            }
            running.protocol.deliver(Event::ConnectionLost(reason));
            drop(running);
        }));
        if let Some(socket) = to_reset {
            self.io.origin.close_socket(core, socket);
        }
        core.run_woken_tasks();
    }

    /// Closes the socket and empties the slot, or leaves the socket alone in it to linger. Returns what
    /// was in the slot, and what remains of the socket.
    fn leave_slot(&self, core: &Core<S>, reason: &Reason) -> Option<(Running<S>, Remains<S>)> {
        // Known for later, as a handle may outlive the socket.
        self.known_host();
        let socket = self.socket.take()?;
        core.load.closed();
        let remains = match self.socket_end(reason) {
            SocketEnd::Linger => Remains::of(self.linger(core, socket)),
            SocketEnd::ResetBehind => Remains::of(self.linger_to_reset(core, socket)),
            SocketEnd::Close => {
                self.io.origin.close_socket(core, socket);
                Remains::Nothing
            }
            SocketEnd::Reset => {
                core.sys.reset_on_close(&socket);
                Remains::ToReset(socket)
            }
        };
        let slot = match &remains {
            Remains::Lingering(lingering) => {
                core.replace(self.token, lingering_slot(lingering.clone()))
            }
            Remains::ToReset(_) | Remains::Nothing => core.remove(self.token),
        };
        match slot {
            Some(Slot::Stream(running)) => Some((running, remains)),
            Some(Slot::Other(_)) | None => None,
        }
    }

    fn socket_end(&self, reason: &Reason) -> SocketEnd {
        let ends_in_order = match reason {
            Reason::Done => true,
            Reason::Stopped => self.queue.is_empty(),
            _ => false,
        };
        match (ends_in_order, self.rare.resets_behind()) {
            (_, true) if self.peer.is_tcp() => SocketEnd::ResetBehind,
            (_, true) => SocketEnd::Close,
            (true, false) if self.io.eof.received() => SocketEnd::Close,
            (true, false) => SocketEnd::Linger,
            (false, false) => SocketEnd::Reset,
        }
    }
}

fn lingering_slot<S: StreamSys>(lingering: Rc<Lingering<S>>) -> Slot<S> {
    Slot::Other(Some(lingering as Rc<dyn Tenant<S>>))
}
