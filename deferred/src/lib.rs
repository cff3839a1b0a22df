//! Results that are not there yet: Twisted's `Deferred` for Rust, typed, `no_std`, without dependencies.

#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

mod cancel;
mod deferred;
mod failure;
mod fault;
mod future;
mod hook;
mod into_deferred;
mod link;
mod node;
mod promise;
mod slot;
mod source;
mod unhandled;

pub use cancel::{CancelHandle, Cancelled};
pub use deferred::Deferred;
pub use failure::{Failure, Sources};
pub use fault::Fault;
pub use future::DeferredFuture;
pub use hook::{UnhandledHook, set_unhandled_hook};
pub use into_deferred::IntoDeferred;
pub use promise::Promise;
pub use unhandled::{Unhandled, UnhandledError};
