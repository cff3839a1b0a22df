//! A DNS client for SRV records: questions over UDP, and over TCP for long answers (RFC 1035, RFC 7766).
//!
//! It runs on the reactor's own ports, so it blocks no thread, has no unsafe code, and runs in a simulation;
//! res_query(3) of the system has none of this. Twisted's `names.client.Resolver`, for this one type.
//! `message` has the bytes, `servers` the addresses of the servers, `look_up` the order of the questions, and `stream` TCP.
//! Invariant: one question is on at a time in a look-up.

mod look_up;
mod message;
mod servers;
mod stream;

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::fmt;

use deferred::Deferred;
use interfaces::{ReactorTcp, ReactorTime, ReactorUdp};

use self::look_up::LookUp;
use super::random::Random;
use super::{ServiceRecord, ServiceResolver};

pub use self::servers::DnsServers;

/// The abilities that a look-up needs.
trait DnsReactor: ReactorUdp + ReactorTcp + ReactorTime {}

impl<R: ReactorUdp + ReactorTcp + ReactorTime> DnsReactor for R {}

/// Looks services up at name servers.
///
/// Each server is asked in turn, and all of them once more, each for 5 s unless the system's file has another
/// time. An answer is taken from the server that was asked, for the very question and its unpredictable
/// number, at a port of its own. Its records are not kept, and no signature is checked.
#[derive(Clone)]
pub struct DnsServiceResolver {
    reactor: Rc<dyn DnsReactor>,
    servers: DnsServers,
    random: Rc<Random>,
}

impl DnsServiceResolver {
    /// Asks these servers, on this reactor.
    pub fn new(
        reactor: impl ReactorUdp + ReactorTcp + ReactorTime + 'static,
        servers: DnsServers,
    ) -> Self {
        Self { reactor: Rc::new(reactor), servers, random: Rc::default() }
    }
}

impl ServiceResolver for DnsServiceResolver {
    fn resolve_service(&self, service: &str) -> Deferred<Vec<ServiceRecord>> {
        let (reactor, random) = (Rc::clone(&self.reactor), Rc::clone(&self.random));
        LookUp::start(reactor, random, self.servers.plan(), service)
    }
}

impl fmt::Debug for DnsServiceResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DnsServiceResolver").field(&self.servers).finish()
    }
}
