//! How connections end: close, reset, and the end of a listener.
//!
//! Invariant: a connection that neither a program nor a queue holds is removed, and its port freed.

use super::connection::{Family, Holder, OnClose, Wire};
use super::ids::{ConnectionId, EndId, ListenerId, Side, Source};
use super::kind::ChoiceKind;
use super::pipe::Fin;
use super::trace::SystemCall;
use super::world::World;

impl World {
    /// A handle was dropped.
    pub(super) fn close(&mut self, id: EndId) {
        self.trace.note(self.clock.now(), SystemCall::Close, id.number(), 0);
        self.descriptors.open -= 1;
        let connection = self.held(id);
        let end = connection.end_mut(id.side());
        end.holder = Holder::Closed;
        end.watch.end();
        let (wire, on_close) = (end.wire, end.on_close);
        let has_unread = connection.has_unread(id.side());
        match (wire, connection.family) {
            (Wire::Broken, _) => {}
            (Wire::Opening, _) => self.send_reset(id),
            (Wire::Established, Family::Tcp) if has_unread || on_close == OnClose::Reset => {
                self.send_reset(id);
            }
            (Wire::Established, Family::Tcp) => self.finish(id, Fin::Waiting),
            (Wire::Established, Family::Unix) => {
                self.finish(id, if has_unread { Fin::WaitingReset } else { Fin::Waiting });
                // The peer's writes fail from now on, so it is reported writable.
                self.rearm(Source::End(id.other()));
            }
        }
        self.remove_if_unheld(id.connection());
    }

    /// Sends a reset to the other end. Bytes under way arrive before it, or are lost.
    pub(super) fn send_reset(&mut self, id: EndId) {
        if self.choices.coin(ChoiceKind::ResetOvertakes) {
            self.held(id).outgoing(id.side()).lose();
        }
        if self.held(id).outgoing(id.side()).send_reset() {
            self.schedule_arrival(id);
        }
    }

    /// A middlebox has dropped the connection, or a machine is gone: one end is told now, with this error, and
    /// the other is reset soon.
    pub(super) fn break_both_ends(&mut self, connection: ConnectionId, error: i32) {
        let side =
            if self.choices.coin(ChoiceKind::ResetSide) { Side::Client } else { Side::Server };
        let first = EndId::new(connection, side);
        self.held(first).incoming(first.side()).lose();
        self.receive_end(first, error);
        self.send_reset(first);
    }

    /// A reset reaches this end.
    pub(super) fn receive_reset(&mut self, id: EndId) {
        self.receive_end(id, libc::ECONNRESET);
    }

    pub(super) fn receive_end(&mut self, id: EndId, error: i32) {
        let connection = self.held(id);
        connection.outgoing(id.side()).lose();
        let was_finished = connection.incoming(id.side()).fin_arrived;
        let end = connection.end_mut(id.side());
        if end.wire != Wire::Broken {
            end.wire = Wire::Broken;
            end.error = Some(if was_finished { libc::EPIPE } else { error });
            self.rearm(Source::End(id));
        }
    }

    pub(super) fn close_listener(&mut self, listener: ListenerId) {
        let Some(mut listening) = self.listeners.remove(&listener) else { return };
        self.trace.note(self.clock.now(), SystemCall::Close, listener.number(), 0);
        self.descriptors.open -= 1;
        self.names.stop_listening(&listening.name);
        while let Some(connection) = listening.pop() {
            let id = EndId::server(connection);
            self.held(id).end_mut(Side::Server).holder = Holder::Closed;
            self.send_reset(id);
            self.remove_if_unheld(connection);
        }
    }

    /// Removes a connection that no program and no queue holds.
    pub(super) fn remove_if_unheld(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(id) else { return };
        if !connection.is_unheld() {
            return;
        }
        let client = connection.end(Side::Client).name.as_socket_addr();
        let met = connection.met;
        self.connections.remove(id);
        self.fault_counts.count(met);
        if let Some(address) = client {
            self.names.release(address);
        }
    }
}
