//! [`Handing`]: gives each connection that a port accepts to the member with the fewest.
//!
//! Invariant: a connection that goes to another member is in that member's load before it is on its way.

use std::sync::Arc;
use std::task::Waker;

use interfaces::Address;
use socket2::Socket;

use super::inbox::Handed;
use super::shared::GroupShared;
use super::shared_port::{Choice, SharedPort};
use crate::kernel::Kernel;
use crate::listen::hand_over::HandOver;

/// What the port of the member that accepts knows of the others.
pub(super) struct Handing {
    pub(super) group: Arc<GroupShared>,
    pub(super) port: Arc<SharedPort>,
}

impl Handing {
    fn load(&self, member: usize) -> usize {
        self.group.load(member).map_or(usize::MAX, |load| load.get())
    }
}

impl HandOver<Kernel> for Handing {
    fn offer(&self, socket: Socket, peer: &Address) -> Option<Socket> {
        let mut choice = self.port.choose(|member| self.load(member));
        if matches!(choice, Choice::Acceptor) {
            return Some(socket);
        }
        let on_the_way = self.group.ways.begin();
        let mut handed = Handed { socket, peer: peer.as_socket_addr(), on_the_way };
        loop {
            let (member, inbox) = match choice {
                Choice::Acceptor => return Some(handed.socket),
                Choice::Other(member, inbox) => (member, inbox),
            };
            let load = self.group.load(member)?;
            load.add();
            match inbox.push(handed) {
                Ok(()) => return None,
                Err(returned) => {
                    load.subtract();
                    // Its port was closed; the others and this one are left.
                    self.port.leave(member);
                    handed = returned;
                }
            }
            choice = self.port.choose(|member| self.load(member));
        }
    }

    fn on_the_way(&self) -> usize {
        self.group.ways.number()
    }

    fn wake_at_arrival(&self, waker: &Waker) {
        self.group.ways.wake_at_arrival(waker);
    }

    fn port_closed(&self) {
        self.group.ports().retain(|port| !Arc::ptr_eq(port, &self.port));
        for (_, inbox) in self.port.close() {
            inbox.end();
        }
    }
}
