//! Happy Eyeballs in figures: what each mix of dead, refusing, slow and good addresses costs a client.
//!
//! The figures of RFC 8305: the first attempt at once, 250 ms from one to the next, less after a failure.
//! Invariant: each run has a fresh network.

use std::time::Duration;

use interfaces::{ConnectError, StreamClientEndpoint as _};
use protocol::connect_protocol;
use protocol::testing::{Record, Recorder};
use reactor::simulated::Faults;
use ropewalk_endpoints::{Host, TcpClientEndpoint};
use testkit::Dice;

use crate::world::{Answer, HOST, PORT, World, millis};
use Answer::{Connects, Dead, Refuses};

/// Two addresses of IPv6, two of IPv4.
const A6: &str = "2001:db8::1";
const B6: &str = "2001:db8::2";
const A4: &str = "192.0.2.1";
const B4: &str = "192.0.2.2";

fn endpoint(world: &World) -> TcpClientEndpoint {
    let host: Host = HOST.parse().unwrap();
    TcpClientEndpoint::new(world.clone(), host, PORT).with_timeout(Duration::from_secs(2))
}

/// Connects; the peer of the connection and the time that it took, and when each attempt began.
fn connected(addresses: &[(&str, Answer)]) -> (String, u64, Vec<(u64, String)>) {
    let world = World::new(1, Faults::none());
    world.set_addresses(addresses);
    let record = Record::new();
    let connecting = connect_protocol(&endpoint(&world), Recorder::new(&record));
    let (outcome, time) = world.wait(connecting);
    drop(outcome.unwrap_or_else(|failure| panic!("{addresses:?}: {failure}")));
    let peer = record.transport().peer().as_socket_addr().unwrap().ip().to_string();
    record.forget();
    let begun = world.begun();
    world.end();
    (peer, millis(time), begun)
}

#[test]
fn the_time_to_a_connection_is_that_of_the_rfc() {
    let table: &[(&[(&str, Answer)], &str, u64, &[u64])] = &[
        // A good first address: its round trip, and no other is tried.
        (&[(A6, Connects(10)), (A4, Connects(10))], A6, 10, &[0]),
        (&[(A4, Connects(10)), (A6, Connects(10))], A4, 10, &[0]),
        (&[(A6, Connects(240)), (A4, Connects(10))], A6, 240, &[0]),
        // A dead one costs one attempt delay, whichever family it is of.
        (&[(A6, Dead), (A4, Connects(10))], A4, 260, &[0, 250]),
        (&[(A4, Dead), (A6, Connects(10))], A6, 260, &[0, 250]),
        // So do two dead ones of one family, as the families take turns.
        (&[(A6, Dead), (B6, Dead), (A4, Connects(10))], A4, 260, &[0, 250]),
        // One that refuses costs nothing but the way to it and back.
        (&[(A6, Refuses(0)), (A4, Connects(10))], A4, 10, &[0, 0]),
        (&[(A6, Refuses(10)), (A4, Connects(10))], A4, 20, &[0, 10]),
        (&[(A6, Refuses(10)), (A4, Refuses(10)), (B6, Connects(10))], B6, 30, &[0, 10, 20]),
        // A slow one keeps its chance while the next one tries.
        (&[(A6, Connects(300)), (A4, Connects(10))], A4, 260, &[0, 250]),
        (&[(A6, Connects(300)), (A4, Connects(100))], A6, 300, &[0, 250]),
        (&[(A6, Connects(600)), (A4, Dead), (B6, Dead)], A6, 600, &[0, 250, 500]),
        // Mixed.
        (&[(A6, Dead), (A4, Dead), (B6, Connects(10))], B6, 510, &[0, 250, 500]),
        (&[(A6, Dead), (A4, Refuses(10)), (B6, Connects(10))], B6, 270, &[0, 250, 260]),
        (&[(A6, Refuses(10)), (A4, Dead), (B6, Connects(10))], B6, 270, &[0, 10, 260]),
        (&[(A6, Refuses(400)), (A4, Dead), (B6, Connects(10))], B6, 410, &[0, 250, 400]),
        (&[(A6, Dead), (A4, Dead), (B6, Dead), (B4, Connects(10))], B4, 760, &[0, 250, 500, 750]),
    ];
    for (addresses, winner, time, times) in table {
        let (peer, took, begun) = connected(addresses);
        let begun: Vec<_> = begun.iter().map(|(time, _)| *time).collect();
        assert_eq!((&*peer, took, &begun[..]), (*winner, *time, *times), "{addresses:?}");
    }
}

#[test]
fn the_time_to_a_failure_is_that_of_the_rfc() {
    let table: &[(&[(&str, Answer)], u64, &[&str])] = &[
        (&[(A6, Refuses(10))], 10, &[A6]),
        (&[(A6, Refuses(10)), (A4, Refuses(10))], 20, &[A6, A4]),
        // The limit of 2 s is each attempt's own.
        (&[(A6, Dead), (A4, Dead)], 2250, &[A6, A4]),
        (&[(A6, Dead), (A4, Refuses(10))], 2000, &[A4, A6]),
        (&[(A6, Refuses(300)), (A4, Refuses(10))], 300, &[A4, A6]),
    ];
    for (addresses, time, failed) in table {
        let world = World::new(1, Faults::none());
        world.set_addresses(addresses);
        let connecting = connect_protocol(&endpoint(&world), Recorder::new(&Record::new()));
        let (outcome, took) = world.wait(connecting);
        let failure = outcome.map(|_| ()).unwrap_err();
        let Some(ConnectError::AllFailed { attempts, .. }) = failure.downcast_ref() else {
            panic!("{failure:?}")
        };
        let order: Vec<_> = attempts.iter().map(|attempt| attempt.address.to_string()).collect();
        assert_eq!(millis(took), *time, "{addresses:?}");
        assert!(order.iter().zip(*failed).all(|(at, ip)| at.contains(ip)), "{order:?}");
        assert_eq!(order.len(), failed.len());
        world.end();
    }
}

/// Both answers arrive at 300 ms, and are reported by one poll.
#[test]
fn of_two_connections_that_stand_at_the_same_moment_one_has_a_protocol() {
    let world = World::new(1, Faults::none());
    world.set_addresses(&[(A6, Connects(300)), (A4, Connects(50))]);
    let built = std::rc::Rc::new(std::cell::Cell::new(0));
    let count = built.clone();
    let factory = protocol::factory_fn(move |_| {
        count.set(count.get() + 1);
        Recorder::new(&Record::new())
    });
    let (outcome, time) = world.wait(endpoint(&world).connect(factory));
    outcome.unwrap();
    assert_eq!((millis(time), world.begun().len(), built.get()), (300, 2, 1));
    world.end();
}

#[test]
fn cancelling_stops_all_attempts_at_any_moment() {
    for moment in [0, 1, 249, 250, 251, 499, 500, 1000] {
        let world = World::new(1, Faults::none());
        world.set_addresses(&[(A6, Dead), (A4, Dead), (B6, Dead)]);
        let connecting = connect_protocol(&endpoint(&world), Recorder::new(&Record::new()));
        let cancel = connecting.cancel_handle();
        world.reactor.call_later(Duration::from_millis(moment), move || cancel.cancel());
        let (outcome, time) = world.wait(connecting);
        let failure = outcome.map(|_| ()).unwrap_err();
        assert!(failure.check::<deferred::Cancelled>(), "{failure:?}");
        assert_eq!(millis(time), moment);
        assert_eq!(world.reactor.counts(), Default::default(), "at {moment} ms");
        world.end();
    }
}

#[test]
fn whatever_the_addresses_do_there_is_one_protocol_or_one_error_and_nothing_is_left() {
    for seed in 0..300 {
        let dice = Dice::new(seed);
        let world = World::new(seed, Faults::harmless());
        let all = [A6, A4, B6, B4];
        let addresses: Vec<_> = all[..1 + dice.below(4)]
            .iter()
            .map(|address| {
                let time = dice.below(601) as u64;
                (*address, [Connects(time), Refuses(time), Dead][dice.below(3)])
            })
            .collect();
        world.set_addresses(&addresses);
        let record = Record::new();
        let connecting = connect_protocol(&endpoint(&world), Recorder::new(&record));
        let (outcome, time) = world.wait(connecting);
        let can_connect = addresses.iter().any(|(_, answer)| matches!(answer, Connects(_)));
        assert_eq!(outcome.is_ok(), can_connect, "seed {seed}: {addresses:?}");
        assert_eq!(record.count("connection_made"), usize::from(can_connect), "seed {seed}");
        // Three delays, and then the round trip of the last one.
        assert!(millis(time) <= if can_connect { 1400 } else { 2800 }, "seed {seed}: {time:?}");
        drop(outcome);
        record.forget();
        world.end();
    }
}
