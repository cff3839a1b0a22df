//! The cases, by topic. Each is written once and names no subject.
//!
//! Invariant: an id is never reused for another claim.

mod abort;
mod abort_full;
mod connecting;
mod core;
mod core_events;
mod datagram;
mod datagram_lifetime;
mod descriptors;
mod fd_set;
mod half_close;
mod listening;
mod names;
mod panics;
mod process;
mod process_ends;
mod producer_refusals;
mod pull_producer;
mod push_producer;
mod stdio;
mod stream_closing;
mod stream_order;
mod stream_reading;
mod task;
mod tcp;
mod thread_pool;
mod thread_results;
mod threads;
mod time;
mod time_moving;

use crate::suite::Case;

/// The areas in the order of the table.
const AREAS: [&str; 14] = [
    "stream",
    "abort",
    "halfclose",
    "producer",
    "time",
    "threads",
    "core",
    "listen",
    "connect",
    "tcp",
    "datagram",
    "descriptors",
    "process",
    "stdio",
];

/// All cases, in the order of the table.
pub fn all() -> Vec<Case> {
    let mut cases = [
        stream_order::CASES,
        stream_closing::CASES,
        stream_reading::CASES,
        panics::CASES,
        abort::CASES,
        abort_full::CASES,
        half_close::CASES,
        push_producer::CASES,
        pull_producer::CASES,
        producer_refusals::CASES,
        time::CASES,
        time_moving::CASES,
        task::CASES,
        threads::CASES,
        thread_pool::CASES,
        thread_results::CASES,
        core::CASES,
        core_events::CASES,
        listening::CASES,
        names::CASES,
        connecting::CASES,
        tcp::CASES,
        datagram::CASES,
        datagram_lifetime::CASES,
        descriptors::CASES,
        fd_set::CASES,
        process::CASES,
        process_ends::CASES,
        stdio::CASES,
    ]
    .concat();
    // A file has one topic, which may have cases in several areas.
    cases.sort_by_key(|case| AREAS.iter().position(|area| *area == case.area()));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_case_has_an_id_of_its_own_and_a_known_area() {
        let cases = all();
        let ids: BTreeSet<&str> = cases.iter().map(|case| case.id).collect();
        assert_eq!(ids.len(), cases.len());
        assert!(cases.iter().all(|case| AREAS.contains(&case.area())));
    }
}
