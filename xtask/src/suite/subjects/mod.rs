//! The transports of this workspace as subjects of the suite.
//!
//! Invariant: a subject lacks an ability by its nature, never for want of an implementation.

mod datagrams;
mod kernel;
mod memory;
mod no_streams;
mod processes;
mod reactor_world;
mod shell;
mod simulated;
mod stdio;
mod tls_over;

use std::sync::Arc;

use deferred::Failure;

pub use datagrams::{SimulatedUdp, udp4, udp6, unix_datagram};
pub use kernel::{adopted, tcp4, tcp6, unix};
pub use memory::Memory;
pub use processes::{Processes, SimulatedProcesses};
pub use reactor_world::{Place, ReactorWorld};
pub use simulated::{SimulatedTcp, SimulatedUnix};
pub use stdio::StdioPairs;
pub use tls_over::TlsOver;

use crate::suite::Subject;

/// All subjects, in the order of the table.
///
/// # Errors
///
/// When no certificate can be generated for the TLS subjects.
pub fn all() -> Result<Vec<Arc<dyn Subject>>, Failure> {
    Ok(vec![
        Arc::new(tcp4()),
        Arc::new(tcp6()),
        Arc::new(unix()),
        Arc::new(TlsOver::new("tls-tcp", Arc::new(tcp4()))?),
        Arc::new(TlsOver::new("tls-unix", Arc::new(unix()))?),
        Arc::new(TlsOver::new("tls-memory", Arc::new(Memory))?),
        Arc::new(TlsOver::new("tls-simulated", Arc::new(SimulatedTcp { seeds: 2 }))?),
        Arc::new(TlsOver::new("tls-tls", Arc::new(TlsOver::new("tls-tcp", Arc::new(tcp4()))?))?),
        Arc::new(TlsOver::started("starttls-tcp", Arc::new(tcp4()))?),
        Arc::new(TlsOver::started("starttls-unix", Arc::new(unix()))?),
        Arc::new(TlsOver::started("starttls-memory", Arc::new(Memory))?),
        Arc::new(TlsOver::started("starttls-simulated", Arc::new(SimulatedTcp { seeds: 2 }))?),
        Arc::new(adopted()),
        Arc::new(StdioPairs),
        Arc::new(Memory),
        Arc::new(SimulatedTcp { seeds: 3 }),
        Arc::new(udp4()),
        Arc::new(udp6()),
        Arc::new(unix_datagram()),
        Arc::new(SimulatedUdp { seeds: 3 }),
        Arc::new(SimulatedUnix { seeds: 3 }),
        Arc::new(Processes),
        Arc::new(SimulatedProcesses { seeds: 5 }),
    ])
}
