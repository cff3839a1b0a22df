//! Errors and how they are shown.
//!
//! Invariant: nothing in here knows a Deferred.

mod cancelled;
mod chain;
mod context;
pub(crate) mod debugging;
mod deferred_error;
mod failure;
mod held;
pub(crate) mod safe_display;
mod text;

pub use cancelled::Cancelled;
pub use chain::Chain;
pub use context::Context;
pub use debugging::{debugging, set_debugging};
pub use deferred_error::DeferredError;
pub use failure::{Failure, Sources, Trapped};
pub(crate) use held::{Firing, quieten};
