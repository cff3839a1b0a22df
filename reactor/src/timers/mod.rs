//! The pending delayed calls, soonest first; Twisted's `_pendingTimedCalls`.
//!
//! ```text
//!   queue     what the reactor asks for: insert, move, take back, the soonest call that is due
//!   entries   what is known of a call: its time and its closure
//!   wheels    when to look at which entry: a wheel has 64 slots, a slot a list or a finer wheel
//!   records   the lists: each record says that the call of an entry is due then
//! ```
//!
//! Nothing is sorted before it comes first: a record is put at the end of the list of the slot that
//! its time falls in. When a list is the soonest and not in order as it came, a short one is sorted
//! and a long one is dealt out to a finer wheel. So asking for a call, moving it and taking it back
//! take the same time however many are pending, and the order is exact to the nanosecond all the
//! same.
//!
//! With a million calls, time is what the processor waits for memory. So a call that is taken back or
//! moved touches its entry and no neighbours: the record that it had stays where it is, out of date,
//! until it comes first and is thrown away. When too many are, all records are made anew.
//!
//! Invariant: each pending call has one record with the number of its entry, in the list that its
//! time leads to; every other record of the entry has a number of the past.

mod chunks;
mod entries;
mod places;
mod queue;
mod records;
#[cfg(test)]
mod tests;
mod wheels;

pub(crate) use queue::TimerQueue;

/// What is to be called.
pub(crate) type TimerCallback = Box<dyn FnOnce()>;
