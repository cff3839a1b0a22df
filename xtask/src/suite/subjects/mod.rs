//! The transports of this workspace, as the suite tries them.
//!
//! Invariant: what a subject lacks is a property of the thing itself, never of how far it is built.

mod kernel;
mod memory;
mod reactor_world;
mod simulated;
mod tls_over;

use std::sync::Arc;

use deferred::Failure;

pub use kernel::{adopted, tcp4, tcp6, unix};
pub use memory::Memory;
pub use reactor_world::{Place, ReactorWorld};
pub use simulated::SimulatedTcp;
pub use tls_over::TlsOver;

use crate::suite::Subject;

/// All of them, in the order of the table.
///
/// # Errors
///
/// When no certificate can be made for the TLS ones.
pub fn all() -> Result<Vec<Arc<dyn Subject>>, Failure> {
    Ok(vec![
        Arc::new(tcp4()),
        Arc::new(tcp6()),
        Arc::new(unix()),
        Arc::new(TlsOver::new("tls-tcp", Arc::new(tcp4()))?),
        Arc::new(TlsOver::new("tls-unix", Arc::new(unix()))?),
        Arc::new(adopted()),
        Arc::new(Memory),
        Arc::new(SimulatedTcp { seeds: 3 }),
    ])
}
