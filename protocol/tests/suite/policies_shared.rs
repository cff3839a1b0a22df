//! Caps that the factories of several threads have together.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::thread;

use interfaces::{Deliver, Factory};
use ropewalk_protocol::policies::{
    ConnectionCount, ConnectionTotal, LimitConnectionsByPeer, LimitTotalConnectionsFactory,
    PeerPlaces, PeerTable, TimeoutFactory, WaitingPorts,
};
use ropewalk_protocol::testing::{Clock, Record, Recorder};
use ropewalk_protocol::{FactoryFn, factory_fn};

use crate::support::relay_scene::address;

fn recording() -> Rc<dyn Factory> {
    factory_fn(|_| Recorder::new(&Record::new()))
}

/// A factory with a count of its own that is part of a total.
fn part(total: &ConnectionTotal, limit: usize, factory: Rc<dyn Factory>) -> Rc<dyn Factory> {
    let count = ConnectionCount::new();
    count.join(total.clone());
    LimitTotalConnectionsFactory::with_count(count.counting(factory), limit, count).into_rc()
}

fn build(factory: &Rc<dyn Factory>) -> Option<Rc<dyn Deliver>> {
    factory.build_protocol(&address("192.0.2.1:1"))
}

#[test]
fn a_total_is_limited_whatever_the_share_of_each_count() {
    let total = ConnectionTotal::new();
    let [one, other] = [(); 2].map(|()| part(&total, 3, recording()));
    let mut held = vec![build(&one), build(&one), build(&other)];
    assert!(held.iter().all(Option::is_some));
    assert_eq!(total.connections(), 3);
    assert!(build(&one).is_none() && build(&other).is_none());
    held.pop();
    assert!(build(&other).is_some(), "and over again at once");
    held.push(build(&one));
    assert!(build(&other).is_none());
    held.clear();
    assert_eq!(total.connections(), 0);
}

#[test]
fn a_connection_that_the_wrapped_factory_refuses_keeps_no_place_in_the_total() {
    let total = ConnectionTotal::new();
    let refusing = part(&total, 1, FactoryFn::optional(|_| None::<Recorder>).into_rc());
    assert!((0..3).all(|_| build(&refusing).is_none()));
    assert_eq!(total.connections(), 0);
    // One that counts nothing gives the place back, too.
    let count = ConnectionCount::new();
    count.join(total.clone());
    let uncounted = LimitTotalConnectionsFactory::with_count(recording(), 1, count);
    let _held = uncounted.build_protocol(&address("192.0.2.1:1"));
    assert_eq!(total.connections(), 0);
}

#[test]
fn a_count_that_has_connections_joins_no_total() {
    let (total, count) = (ConnectionTotal::new(), ConnectionCount::new());
    let held = count.count();
    count.join(total.clone());
    drop(held);
    assert_eq!(total.connections(), 0);
}

#[test]
fn threads_that_build_at_once_never_have_more_than_the_limit_together() {
    const LIMIT: usize = 7;
    let total = ConnectionTotal::new();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let factory = part(&total, LIMIT, recording());
                for round in 0..2000 {
                    let held: Vec<_> = (0..round % 6).map(|_| build(&factory)).collect();
                    assert!(total.connections() <= LIMIT);
                    drop(held);
                }
            });
        }
    });
    assert_eq!(total.connections(), 0);
}

/// The places of all threads.
struct Locked<'a>(&'a Mutex<PeerTable>);

impl PeerPlaces for Locked<'static> {
    fn take(&self, peer: IpAddr, limit: usize) -> bool {
        self.0.lock().is_ok_and(|mut table| table.take(peer, limit))
    }

    fn give_back(&self, peer: IpAddr) {
        drop(self.0.lock().map(|mut table| table.give_back(peer)));
    }

    fn peers(&self) -> usize {
        self.0.lock().map_or(0, |table| table.peers())
    }
}

#[test]
fn a_peer_is_limited_over_all_factories_that_share_their_places() {
    let shared: [Rc<dyn PeerPlaces>; 2] =
        [Rc::new(RefCell::new(PeerTable::default())), Rc::new(Locked(Box::leak(Box::default())))];
    for places in shared {
        let limited =
            || LimitConnectionsByPeer::with_places(recording(), 2, places.clone()).into_rc();
        let [one, other] = [limited(), limited()];
        let held = [build(&one), build(&other)];
        assert!(build(&one).is_none() && build(&other).is_none());
        assert!(other.build_protocol(&address("192.0.2.2:1")).is_some());
        assert_eq!(places.peers(), 1);
        drop(held);
        assert_eq!(places.peers(), 0);
    }
}

/// Counts the calls of a waker.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Woken {
    fn waker() -> (Arc<Self>, Waker) {
        let woken = Arc::new(Self::default());
        (woken.clone(), Waker::from(woken))
    }

    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

#[derive(Default)]
struct Ports(Mutex<Vec<Waker>>);

impl WaitingPorts for Ports {
    fn add(&self, port: &Waker) {
        self.0.lock().expect("no other holder panics").push(port.clone());
    }

    fn wake_all(&self) {
        let ports = std::mem::take(&mut *self.0.lock().expect("no other holder panics"));
        ports.into_iter().for_each(Waker::wake);
    }
}

#[test]
fn a_port_waits_while_the_limit_is_reached_and_is_woken_when_a_socket_ends() {
    let (woken, waker) = Woken::waker();
    let told = Arc::new(AtomicUsize::new(0));
    let full = told.clone();
    let factory = LimitTotalConnectionsFactory::new(recording(), 2)
        .on_full(move || {
            full.fetch_add(1, Ordering::Relaxed);
        })
        .into_rc();
    let asks = |on_the_way| factory.poll_ready(on_the_way, &waker).is_ready();
    let first = build(&factory);
    assert!(asks(0) && !asks(1), "one of those on the way may take the last place");
    assert!(asks(0));
    let second = build(&factory);
    assert!(!asks(0) && !asks(0));
    assert_eq!((woken.take(), told.swap(0, Ordering::Relaxed)), (0, 2), "told once a wait");
    drop(first);
    assert_eq!(woken.take(), 1, "once, however often it asked");
    assert!(asks(0));
    drop(second);
    assert_eq!(woken.take(), 0, "nobody waits");
}

#[test]
fn a_port_that_waits_for_a_total_is_woken_by_the_end_of_any_of_its_connections() {
    let total = ConnectionTotal::with_waiting_ports(Ports::default());
    let [one, other] = [(); 2].map(|()| part(&total, 2, recording()));
    let (woken, waker) = Woken::waker();
    let mut held = vec![build(&one), build(&other)];
    assert!(one.poll_ready(0, &waker).is_pending());
    held.pop();
    assert_eq!(woken.take(), 1, "by a connection of the other count");
    assert!(one.poll_ready(0, &waker).is_ready() && one.poll_ready(1, &waker).is_pending());
    let without = part(&ConnectionTotal::new(), 1, recording());
    let _held = build(&without);
    assert!(without.poll_ready(0, &waker).is_ready(), "it refuses instead");
}

#[test]
fn every_policy_passes_on_that_there_is_no_place() {
    let full = || LimitTotalConnectionsFactory::new(recording(), 0).into_rc();
    let (_, waker) = Woken::waker();
    let policies: [Rc<dyn Factory>; 4] = [
        LimitConnectionsByPeer::new(full(), 1).into_rc(),
        LimitTotalConnectionsFactory::new(full(), 1).into_rc(),
        TimeoutFactory::new(full(), Clock::new()).into_rc(),
        ConnectionCount::new().counting(full()),
    ];
    for policy in policies {
        assert!(policy.poll_ready(0, &waker).is_pending(), "{}", policy.log_prefix());
    }
}
