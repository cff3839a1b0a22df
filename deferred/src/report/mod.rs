//! Reports of errors that no reader takes.
//!
//! Invariant: the hook is the only way out of here.

pub(crate) mod hook;
pub(crate) mod quiet;
pub(crate) mod unhandled;

pub use hook::{UnhandledHook, set_unhandled_hook};
pub use quiet::quietly;
pub use unhandled::{Unhandled, UnhandledError};
