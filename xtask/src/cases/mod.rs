//! The cases, by what they are about. Each is written once and says nothing of any subject.
//!
//! Invariant: an id is never given to another claim.

mod abort;
mod abort_full;
mod connecting;
mod core;
mod half_close;
mod listening;
mod panics;
mod pull_producer;
mod push_producer;
mod stream_closing;
mod stream_order;
mod stream_reading;
mod tcp;
mod threads;
mod time;
mod time_moving;

use crate::Case;

/// All cases, in the order of the table.
pub fn all() -> Vec<Case> {
    [
        stream_order::CASES,
        stream_closing::CASES,
        stream_reading::CASES,
        panics::CASES,
        abort::CASES,
        abort_full::CASES,
        half_close::CASES,
        push_producer::CASES,
        pull_producer::CASES,
        time::CASES,
        time_moving::CASES,
        threads::CASES,
        core::CASES,
        listening::CASES,
        connecting::CASES,
        tcp::CASES,
    ]
    .concat()
}
