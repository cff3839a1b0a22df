//! The bridge between Python's Twisted and the reactor: what the Python package `ropewalk_twisted` calls.
//!
//! ```text
//!   core.rs        Core: a reactor; turns, listening, connecting, adopting, watching
//!   remote.rs      Remote: calls from other threads
//!   timer.rs       Timer: a delayed call
//!   port.rs        Port and Attempt: a listening port, a connection that is being made
//!   wire.rs        Wire: hands the events of a connection to its Python object
//!   connection.rs  Connection: the transport that a protocol in Python holds
//!   producer.rs    a producer in Python as one of ours
//!   datagrams.rs   Datagrams: the data path of a UDP port
//!   watched.rs     Watched: a descriptor that Python owns
//!   convert.rs     addresses, reasons and errors as Python knows them
//!   log.rs         what the reactor tells, in Twisted's log
//!   log_context.rs whose callback runs, for Twisted's logs
//!   owned.rs       Owned: a value of the reactor's thread in an object that any thread may drop
//! ```
//!
//! Invariant: Python's lock is held while the reactor runs, and let go of while it waits; no `RefCell` here
//! is borrowed while Python code runs.

mod connection;
mod convert;
mod core;
mod datagrams;
mod log;
mod log_context;
mod owned;
mod port;
mod producer;
mod remote;
mod timer;
mod watched;
mod wire;

use pyo3::prelude::*;

#[pymodule]
fn _bridge(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<core::Core>()?;
    module.add_class::<remote::Remote>()?;
    module.add_class::<timer::Timer>()?;
    module.add_class::<port::Port>()?;
    module.add_class::<port::Attempt>()?;
    module.add_class::<connection::Connection>()?;
    module.add_class::<datagrams::Datagrams>()?;
    module.add_class::<watched::Watched>()?;
    Ok(())
}
