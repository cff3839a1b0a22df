//! Claims that hold whatever two protocols do to their transports, in any order, from anywhere.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use interfaces::{BufferLimits, Chunk, Producer, Protocol, Reason, Transport};
use interfaces::{HalfCloseableProtocol, PullProducer, PushProducer};
use ropewalk_protocol::testing::memory::Network;
use ropewalk_protocol::{ProtocolRef, WeakProtocolRef};
use testkit::Dice;

/// What both players of one game share.
struct Game {
    dice: Dice,
    players: RefCell<Vec<ProtocolRef<Player>>>,
}

/// What happened to one side.
#[derive(Default)]
struct Tally {
    running: bool,
    made: u32,
    lost: u32,
    sent: usize,
    received: usize,
}

/// Does one random thing to a random side in every callback.
struct Player {
    game: Rc<Game>,
    me: WeakProtocolRef<Player>,
    tally: Tally,
    half_closeable: bool,
}

impl Player {
    fn play(&mut self, transport: &Rc<dyn Transport>) {
        assert!(!std::mem::replace(&mut self.tally.running, true), "it runs already");
        assert_eq!((self.tally.made, self.tally.lost), (1, 0));
        for _ in 0..self.game.dice.below(3) {
            self.act(transport);
        }
        self.tally.running = false;
    }

    fn act(&mut self, transport: &Rc<dyn Transport>) {
        let dice = &self.game.dice;
        match dice.below(40) {
            0 => transport.lose_connection(),
            1 => transport.abort_connection(),
            2 => transport.as_half_closeable().expect("it is").lose_write_connection(),
            3..6 => transport.pause_producing(),
            6..12 => transport.resume_producing(),
            12 => {
                let _ = transport.register_producer(Producer::Push(Rc::new(Idle)));
            }
            13 => {
                let pull = Rc::new(Pull { me: self.me.clone(), left: Cell::new(dice.below(9)) });
                let _ = transport.register_producer(Producer::Pull(pull));
            }
            14..18 => transport.unregister_producer(),
            18 => {
                let cap = 200 + dice.below(2000);
                transport.set_buffer_limits(
                    BufferLimits::default().with_high_water(dice.below(99)).with_cap(cap),
                );
            }
            19..22 => self.disturb(),
            22..25 => {
                transport.write_sequence(vec![Chunk::from(b"abc"), Chunk::from(b"defgh")]);
                self.tally.sent += 8;
            }
            _ => {
                let count = dice.below(99);
                transport.write(&[b'x'; 99][..count]);
                self.tally.sent += count;
            }
        }
    }

    /// Enters the other side, or itself.
    fn disturb(&self) {
        let target = self.game.players.borrow()[self.game.dice.below(2)].clone();
        target.enter_with(|player, transport| player.play(transport));
    }
}

impl Protocol for Player {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.tally.made += 1;
        self.play(transport);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.tally.received += data.len();
        self.play(transport);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, _: &Reason) {
        assert!(!self.tally.running);
        self.tally.lost += 1;
        self.disturb();
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        if self.half_closeable { Some(self) } else { None }
    }
}

impl HalfCloseableProtocol for Player {
    fn read_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        self.play(transport);
    }

    fn write_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        self.play(transport);
    }
}

struct Idle;

impl PushProducer for Idle {
    fn pause_producing(&self) {}
    fn resume_producing(&self) {}
    fn stop_producing(&self) {}
}

/// Calls its player when it is asked, which may be inside a call of that player.
struct Pull {
    me: WeakProtocolRef<Player>,
    left: Cell<usize>,
}

impl PullProducer for Pull {
    fn resume_producing(&self) {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        self.me.enter_with(move |player, transport| match left {
            0 => transport.unregister_producer(),
            _ => player.play(transport),
        });
    }

    fn stop_producing(&self) {
        self.me.enter(|player| assert_eq!(player.tally.lost, 0, "stopped before the end is told"));
    }
}

fn play_one(seed: u64) {
    let dice = Dice::new(seed);
    let game = Rc::new(Game { dice, players: RefCell::default() });
    for _ in 0..2 {
        let player = ProtocolRef::new_cyclic(|me| Player {
            game: game.clone(),
            me: me.clone(),
            tally: Tally::default(),
            half_closeable: game.dice.below(2) == 0,
        });
        game.players.borrow_mut().push(player);
    }
    let network = Network::new();
    network.set_in_flight_max(1 + game.dice.below(100));
    network.set_read_max(1 + game.dice.below(50));
    let players = game.players.borrow().clone();
    let pair = network.join(players[0].as_deliver(), players[1].as_deliver());
    for _ in 0..200 {
        network.pump();
        let player = &players[game.dice.below(2)];
        player.enter_with(|player, transport| player.play(transport));
    }
    for transport in [pair.client(), pair.server()] {
        transport.abort_connection();
    }
    network.flush();
    assert_eq!(network.connections(), 0);
    let tallies = players.iter().map(|player| {
        player.try_with(|player| {
            let Tally { made, lost, sent, received, .. } = player.tally;
            assert_eq!((made, lost), (1, 1), "seed {seed}");
            (sent, received)
        })
    });
    let [(sent_by_one, received_by_one), (sent_by_other, received_by_other)] =
        tallies.map(|tally| tally.expect("it is free")).collect::<Vec<_>>()[..]
    else {
        unreachable!("there are two")
    };
    assert!(received_by_one <= sent_by_other && received_by_other <= sent_by_one, "seed {seed}");
    let weak = players[0].downgrade();
    game.players.take();
    drop((players, pair, network));
    assert!(weak.upgrade().is_none(), "seed {seed}: something holds it");
}

#[test]
fn whatever_protocols_do_each_is_told_once_of_its_end_and_nothing_is_left() {
    for seed in 0..3000 {
        play_one(seed);
    }
}
