//! A relay in memory: streams with small pipes, slow readers, half-closes and resets.

use std::rc::Rc;
use std::time::Duration;

use interfaces::{StreamServerEndpoint, Transport};
use ropewalk_protocol::relay::RelayFactory;
use ropewalk_protocol::testing::memory::Network;
use ropewalk_protocol::testing::{Clock, Record, Recorder};
use ropewalk_protocol::{connect_protocol, factory_fn};
use testkit::{Dice, pattern};

use crate::support::why;

const ROUNDS_MAX: usize = 200_000;

/// A client, a relay and a server on one network.
struct Chain {
    network: Network,
    clock: Clock,
    client: Record,
    server: Record,
}

impl Chain {
    fn new(in_flight_max: usize) -> Self {
        let (network, clock) = (Network::new(), Clock::new());
        network.set_in_flight_max(in_flight_max);
        network.set_read_max(in_flight_max);
        let (client, server) = (Record::new(), Record::new());
        let record = server.clone();
        let far = factory_fn(move |_| Recorder::new(&record).half_closeable());
        drop(network.server("far").listen(far));
        let relay = RelayFactory::new(network.client("far"), clock.clone()).into_rc();
        drop(network.server("relay").listen(relay));
        let near = Recorder::new(&client).half_closeable();
        drop(connect_protocol(&network.client("relay"), near));
        Self { network, clock, client, server }
    }

    fn joined(in_flight_max: usize) -> Self {
        let chain = Self::new(in_flight_max);
        chain.network.flush();
        chain
    }

    fn record(&self, side: usize) -> &Record {
        [&self.client, &self.server][side]
    }

    fn transport(&self, side: usize) -> Rc<dyn Transport> {
        self.record(side).transport()
    }
}

#[test]
fn a_reset_behind_an_answer_takes_nothing_of_it_away_from_a_slow_reader() {
    for sends in [0, 1] {
        let chain = Chain::joined(1000);
        let (data, reads) = (pattern(7, 300_000), 1 - sends);
        chain.transport(sends).write(&data);
        chain.transport(sends).lose_connection_with_reset();
        let mut got = 0;
        for round in 0..ROUNDS_MAX {
            // It reads in one round of seven.
            match round % 7 {
                0 => chain.transport(reads).resume_producing(),
                _ => chain.transport(reads).pause_producing(),
            }
            chain.network.pump();
            got = chain.record(reads).received().len();
            if chain.record(reads).lost().is_some() {
                break;
            }
        }
        assert_eq!(got, data.len(), "side {sends} sends");
        assert!(chain.record(reads).received() == data);
        assert_eq!(why(chain.record(reads)), "ConnectionReset");
        chain.network.flush();
        assert_eq!(chain.network.connections(), 0);
    }
}

#[test]
fn a_reset_while_the_connection_is_being_made_takes_nothing_away_either() {
    let chain = Chain::new(1000);
    // One round: the client is connected to the relay, and the relay to nothing yet.
    chain.network.pump();
    let data = pattern(8, 10_000);
    chain.transport(0).write(&data);
    chain.transport(0).lose_connection_with_reset();
    chain.network.flush();
    assert!(chain.server.received() == data, "{}", chain.server.received().len());
    assert_eq!(why(&chain.server), "ConnectionReset");
    assert_eq!(chain.network.connections(), 0);
}

/// How a side ends its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    HalfClose,
    Reset,
    Abort,
}

#[test]
fn under_every_seed_a_stream_is_exact_at_a_clean_end_and_a_prefix_at_any_other() {
    let (mut exact, mut broken) = (0, 0);
    for seed in 0..300 {
        let (clean, unclean) = one_seed(seed);
        exact += clean;
        broken += unclean;
    }
    assert!(exact > 100 && broken > 100, "{exact} {broken}");
}

fn one_seed(seed: u64) -> (usize, usize) {
    let dice = Dice::new(seed);
    let chain = Chain::joined(1 + dice.below(5000));
    let endings = [(); 2].map(|()| match dice.below(6) {
        0 => Ending::Reset,
        1 => Ending::Abort,
        _ => Ending::HalfClose,
    });
    let data = [0, 1].map(|side| pattern(2 * seed + side, dice.below(60_000)));
    let mut sides =
        [0, 1].map(|side| Talking { side, ending: endings[side], sent: 0, ended: false });
    let mut quiet_rounds = 0;
    for _ in 0..ROUNDS_MAX {
        for side in &mut sides {
            side.act(&chain, &dice, &data[side.side]);
        }
        quiet_rounds = if chain.network.pump() { 0 } else { quiet_rounds + 1 };
        // Two sides that both end with a reset do not read each other, which only time ends.
        if quiet_rounds == 100 {
            chain.clock.advance(Duration::from_secs(60));
            quiet_rounds = 0;
        }
        if [0, 1].iter().all(|&side| chain.record(side).lost().is_some()) {
            break;
        }
    }
    chain.network.flush();
    chain.clock.advance(Duration::from_secs(120));
    chain.network.flush();
    assert_eq!(chain.network.connections(), 0, "seed {seed}: {endings:?}");
    check(seed, &chain, endings, &data)
}

/// One side of a chain and how far it is.
struct Talking {
    side: usize,
    ending: Ending,
    sent: usize,
    ended: bool,
}

impl Talking {
    /// Writes a piece, ends when it was the last one, and reads now and then.
    fn act(&mut self, chain: &Chain, dice: &Dice, data: &[u8]) {
        if chain.record(self.side).lost().is_some() {
            return;
        }
        let transport = chain.transport(self.side);
        let piece = (1 + dice.below(9000)).min(data.len() - self.sent);
        transport.write(&data[self.sent..self.sent + piece]);
        self.sent += piece;
        if self.sent == data.len() && !std::mem::replace(&mut self.ended, true) {
            match self.ending {
                Ending::HalfClose => {
                    let half_closeable = transport.as_half_closeable().expect("memory is");
                    half_closeable.lose_write_connection();
                }
                Ending::Reset => transport.lose_connection_with_reset(),
                Ending::Abort => transport.abort_connection(),
            }
        }
        if self.ending == Ending::HalfClose || !self.ended {
            match dice.below(3) {
                0 => transport.resume_producing(),
                _ => transport.pause_producing(),
            }
        }
        if self.ended && chain.record(self.side).count("read_connection_lost") > 0 {
            transport.lose_connection();
        }
    }
}

/// The number of streams that were read to a clean end, and of the others.
fn check(seed: u64, chain: &Chain, endings: [Ending; 2], data: &[Vec<u8>; 2]) -> (usize, usize) {
    let mut counts = (0, 0);
    for side in [0, 1] {
        let (got, all) = (chain.record(side).received(), &data[1 - side]);
        let context = || format!("seed {seed}, side {side}: {endings:?}");
        assert!(all.starts_with(&got), "{}", context());
        let is_exact = chain.record(side).count("read_connection_lost") > 0;
        // A reset behind the bytes takes none of them away, unless this side broke as well.
        let is_reset = (endings[1 - side], endings[side]) == (Ending::Reset, Ending::HalfClose);
        if is_exact || is_reset {
            assert_eq!(got.len(), all.len(), "{}", context());
        }
        counts.0 += usize::from(is_exact);
        counts.1 += usize::from(!is_exact);
    }
    counts
}

#[test]
fn a_network_with_a_relay_that_is_idle_for_an_hour_is_empty() {
    let (network, clock) = (Network::new(), Clock::new());
    network.run_clock(&clock);
    let record = Record::new();
    let far = record.clone();
    let factory = factory_fn(move |_| Recorder::new(&far).half_closeable());
    drop(network.server("far").listen(factory));
    let relay = RelayFactory::new(network.client("far"), clock.clone()).into_rc();
    drop(network.server("relay").listen(relay));
    let near = Recorder::new(&Record::new()).half_closeable();
    drop(connect_protocol(&network.client("relay"), near));
    network.flush();
    assert_eq!(network.connections(), 4);
    clock.advance(Duration::from_secs(3600));
    network.flush();
    assert_eq!((network.connections(), why(&record).as_str()), (0, "ConnectionReset"));
}
