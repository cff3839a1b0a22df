//! The limits on the peers of `serve` and `relay`, as policies around their factories.
//!
//! Invariant: the connections that are let in find a descriptor each, and the outgoing ones of a relay,
//! too.

use std::fs;
use std::rc::Rc;

use interfaces::{Factory, KeepAliveTimes};
use protocol::policies::{
    ConnectionCount, LimitConnectionsByPeer, LimitTotalConnectionsFactory, RateLimitFactory,
    TimeoutFactory, Timeouts,
};
use reactor::Reactor;

use crate::arguments::{Limit, Peers};
use crate::exit_code::Exit;
use crate::log::Kind;
use crate::report;
use crate::workers::Worker;

/// The descriptors that no connection gets: standard streams, ports, lock files, the reactor's own.
const RESERVE: usize = 64;

/// Those that each worker but the first needs of its own.
const RESERVE_PER_WORKER: usize = 8;

/// Those that a worker opens before it has a port: its poll, its waker, and two for signals.
const OWN_PER_WORKER: usize = 4;

/// Those without which no client is served: a port with its lock file and its reserve, and a connection
/// that is relayed.
const TO_SERVE: usize = 8;

/// How many descriptors a connection that is let in needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Descriptors {
    /// Its own.
    One,
    /// Its own, and that of the connection that is made for it.
    Two,
}

/// Lets in as many connections as these options say and the descriptors allow, to all workers together.
/// `count` counts those of `factory`.
pub(crate) fn limited(
    factory: Rc<dyn Factory>,
    count: &ConnectionCount,
    peers: Peers,
    each: Descriptors,
    worker: &Worker,
) -> Rc<dyn Factory> {
    count.join(worker.connections().clone());
    let (board, of_all) = (worker.board().clone(), worker.board().clone());
    let factory = match peers.max_per_peer {
        0 => factory,
        most => LimitConnectionsByPeer::with_places(factory, most, worker.peers())
            .on_refused(move |peer| {
                board.metrics.limit_reached("per_peer");
                report::repeated(
                    Kind::Refused,
                    format_args!(
                        "warning: refused {peer}: it has {most} connections, see --max-per-peer"
                    ),
                );
            })
            .into_rc(),
    };
    let Some(most) = most_connections(peers.max_connections, descriptors(worker.number()), each)
    else {
        return factory;
    };
    LimitTotalConnectionsFactory::with_count(factory, most, count.clone())
        .on_full(move || {
            of_all.metrics.limit_reached("connections");
            report::repeated(
                Kind::Full,
                format_args!(
                    "warning: {most} connections are open and the next ones wait, see --max-connections"
                ),
            );
        })
        .into_rc()
}

/// Holds each connection to a number of bytes a second, and ends it when its whole time is over, as these options say.
/// What is answered second lifts the rate.
pub(crate) fn paced(
    factory: Rc<dyn Factory>,
    peers: Peers,
    clock: &Reactor,
) -> (Rc<dyn Factory>, Option<RateLimitFactory>) {
    let (mut factory, mut rate) = (factory, None);
    if peers.rate > 0 {
        let limited = RateLimitFactory::new(factory, clock.clone(), peers.rate as u64);
        factory = limited.clone().into_rc();
        rate = Some(limited);
    }
    if let total @ Some(_) = peers.total_timeout.0 {
        let times = Timeouts::default().with_first_byte(None).with_idle(None).with_keep_alive(None);
        let times = times.with_total(total);
        factory = TimeoutFactory::with_timeouts(factory, clock.clone(), times).into_rc();
    }
    (factory, rate)
}

/// The limits of each worker's reactor: its part of the bytes that may wait for slow readers.
pub(crate) fn reactor_limits(peers: Peers, workers: usize) -> reactor::Limits {
    let unsent = match peers.max_unsent {
        0 => usize::MAX,
        most => most.div_ceil(workers.max(1)),
    };
    reactor::Limits::default().with_unsent_bytes(unsent)
}

/// The times of keep-alive with this one before the first probe.
pub(crate) fn keep_alive(limit: Limit) -> Option<KeepAliveTimes> {
    limit.0.map(|idle| KeepAliveTimes::default().with_idle(idle))
}

/// The smaller of the number that was asked for, where zero is none, and of what the descriptors allow.
fn most_connections(asked: usize, descriptors: Option<usize>, each: Descriptors) -> Option<usize> {
    let per_connection = match each {
        Descriptors::One => 1,
        Descriptors::Two => 2,
    };
    // Of a few descriptors, the reserve takes the smaller part.
    let allowed = descriptors.map(|all| (all - RESERVE.min(all / 2)) / per_connection);
    let allowed = allowed.map(|allowed| allowed.max(1));
    match (asked, allowed) {
        (0, allowed) => allowed,
        (asked, Some(allowed)) => Some(asked.min(allowed)),
        (asked, None) => Some(asked),
    }
}

/// How many descriptors this process may have (`RLIMIT_NOFILE`), but for those of further workers; `None`
/// if that cannot be found out or is not limited.
fn descriptors(workers: usize) -> Option<usize> {
    let all = soft_limit(&fs::read_to_string("/proc/self/limits").ok()?)?;
    Some(all.saturating_sub(RESERVE_PER_WORKER * workers.saturating_sub(1)).max(1))
}

/// Checks that this process may have the descriptors that `workers` need.
pub(crate) fn check_workers(workers: usize) -> Result<(), Exit> {
    let Some((limit, needed)) = limit_and_need(workers) else { return Ok(()) };
    if needed <= limit {
        return Ok(());
    }
    report::note(format_args!(
        "error: {workers} workers need at least {needed} file descriptors and the limit is {limit}: \
         raise it (ulimit -n, LimitNOFILE=), or lower --workers"
    ));
    Err(Exit::Unavailable)
}

/// The limit of descriptors, and how many `workers` need; `None` if either cannot be found out or
/// there is no limit.
fn limit_and_need(workers: usize) -> Option<(usize, usize)> {
    let limit = soft_limit(&fs::read_to_string("/proc/self/limits").ok()?)?;
    // That of the listing is one of them.
    let open = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    let own = workers.saturating_mul(OWN_PER_WORKER);
    Some((limit, open.saturating_add(own).saturating_add(TO_SERVE)))
}

/// From the text of proc(5): name, soft limit, hard limit, unit.
fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptors_allow_less_than_a_reserve() {
        let most = most_connections;
        assert_eq!(most(0, Some(1024), Descriptors::One), Some(960));
        assert_eq!(most(0, Some(1024), Descriptors::Two), Some(480));
        assert_eq!(most(0, Some(20), Descriptors::Two), Some(5));
        assert_eq!(most(0, Some(1), Descriptors::Two), Some(1));
        assert_eq!(most(0, None, Descriptors::Two), None);
    }

    #[test]
    fn a_number_that_is_asked_for_counts_as_far_as_the_descriptors_allow_it() {
        let most = most_connections;
        assert_eq!(most(100, Some(1024), Descriptors::Two), Some(100));
        assert_eq!(most(100_000, Some(1024), Descriptors::Two), Some(480));
        assert_eq!(most(7, None, Descriptors::One), Some(7));
    }

    #[test]
    fn workers_share_the_bytes_for_slow_readers() {
        let unsent = |max_unsent, workers| {
            let keep_alive = Limit(None);
            let (max_connections, max_per_peer, rate) = (0, 0, 0);
            let total_timeout = Limit(None);
            let peers = Peers {
                keep_alive,
                max_connections,
                max_per_peer,
                max_unsent,
                rate,
                total_timeout,
            };
            reactor_limits(peers, workers).unsent_bytes
        };
        assert_eq!((unsent(1000, 1), unsent(1000, 3), unsent(1, 4)), (1000, 334, 1));
        assert_eq!(unsent(0, 2), usize::MAX);
    }

    #[test]
    fn the_systems_limit_is_read() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
            Max processes             unlimited            unlimited            processes \n\
            Max open files            1024                 1048576              files     \n";
        assert_eq!(soft_limit(text), Some(1024));
        assert_eq!(soft_limit(&text.replace("1024  ", "unlimited")), None);
        assert_eq!(soft_limit("Max open files"), None);
        assert!(descriptors(1).is_some_and(|number| number > 10));
        let need = |workers| limit_and_need(workers).map(|(_, needed)| needed);
        assert!(need(1).is_some_and(|needed| needed >= OWN_PER_WORKER + TO_SERVE));
        assert!(need(usize::MAX).is_some_and(|needed| needed == usize::MAX));
    }
}
