//! The pending delayed calls, soonest first; Twisted's `_pendingTimedCalls`.
//!
//! ```text
//!   queue     what the reactor asks for: insert, move, take back, the soonest call that is due
//!   wheels    where a call waits: a wheel has 64 slots, a slot a list of calls or a finer wheel
//!   entries   what is known of a call: its time, its closure and its neighbours in the list
//!   links     how lists hang together
//! ```
//!
//! Nothing is sorted before it comes first: a call is put at the end of the list of the slot that
//! its time falls in, and when a list is the soonest and not in order as it came, a short one is
//! put in order and a long one is dealt out to a finer wheel. So asking for a call, moving it and
//! taking it back take the same time however many are pending, and the order is exact to the
//! nanosecond all the same.
//!
//! Invariant: calls for the same nanosecond are in one list, in the order in which they were asked
//! for.

mod chunks;
mod entries;
mod links;
mod queue;
#[cfg(test)]
mod tests;
mod wheels;

pub(crate) use queue::TimerQueue;

/// What is to be called.
pub(crate) type Call = Box<dyn FnOnce()>;
