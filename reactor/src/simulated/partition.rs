//! Partitions: pairs of addresses between which nothing arrives.
//!
//! Segments of TCP are sent again until the partition is over, or until the sender gives up (tcp(7),
//! `tcp_retries2`) and is told `ETIMEDOUT`; requests likewise. Resets and datagrams are lost, so an end that has
//! nothing to send learns nothing.
//!
//! Invariant: bytes that a partition held up arrive in their order.

use std::net::IpAddr;
use std::time::Duration;

use super::clock::NetworkEvent;
use super::ids::{EndId, Side};
use super::nanos::Nanos;
use super::network::Simulated;
use super::world::World;

/// The first and the longest time between two attempts of TCP, and when it gives up.
const FIRST_RETRY: Nanos = Nanos(200_000_000);
const LONGEST_RETRY: Nanos = Nanos(120_000_000_000);
const GIVES_UP_AFTER: Duration = Duration::from_millis(924_600);

impl Simulated {
    /// From now on nothing arrives between these two addresses, in either direction, until they are
    /// [joined](Self::join_addresses).
    pub fn partition_addresses(&self, one: IpAddr, other: IpAddr) {
        self.world.borrow_mut().names.cuts.insert((one.min(other), one.max(other)));
    }

    /// Ends a partition. Held-up bytes arrive with the next attempt of their sender.
    pub fn join_addresses(&self, one: IpAddr, other: IpAddr) {
        self.world.borrow_mut().names.cuts.remove(&(one.min(other), one.max(other)));
    }
}

impl World {
    /// Whether a partition keeps the next segment of this end from arriving; then it is sent again.
    pub(super) fn is_held_up(&mut self, sender: EndId) -> bool {
        if self.names.cuts.is_empty()
            && self.connections.get(sender.connection()).is_none_or(|it| it.cut.is_none())
        {
            return false;
        }
        let Some(connection) = self.connections.get_mut(sender.connection()) else { return false };
        let ip = |side| connection.end(side).name.as_socket_addr().map(|address| address.ip());
        let is_cut = match (ip(Side::Client), ip(Side::Server)) {
            (Some(client), Some(server)) => self.names.is_cut(client, server),
            _ => false,
        };
        if !is_cut {
            connection.cut = None;
            return false;
        }
        if connection.outgoing(sender.side()).drop_reset() {
            return true;
        }
        let now = self.clock.now();
        let (since, attempts) = connection.cut.unwrap_or((now, 0));
        if now >= since.saturating_add(GIVES_UP_AFTER.into()) {
            connection.cut = None;
            self.receive_end(sender, libc::ETIMEDOUT);
            return true;
        }
        connection.cut = Some((since, attempts + 1));
        let wait = Nanos(FIRST_RETRY.0 << attempts.min(20)).min(LONGEST_RETRY);
        self.clock.schedule(self.clock.after(wait), NetworkEvent::Segment(sender));
        true
    }
}
