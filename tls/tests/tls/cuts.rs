//! A stream that is cut anywhere, with a fast reader and with a slow one.

use std::time::Duration;

use interfaces::Reason;
use testkit::Dice;

use crate::by_hand::{ByHand, ROLES, Role};
use crate::certificates::VERSIONS;
use crate::delivery::{fits, reset};

/// How fast a protocol reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Fast,
    /// It pauses at each piece, and resumes later.
    Slow,
}

/// A stream of several records, some of them large, and `close_notify`, cut after `count` bytes and
/// in pieces. Returns what the protocol got, its reason, and whether there was more to come.
fn cut_at(
    role: Role,
    reader: Reader,
    count: usize,
    below: &Reason,
    dice: &Dice,
) -> (Vec<u8>, Reason, bool) {
    let version = VERSIONS[dice.below(2)];
    let mut by_hand = ByHand::established(version, role, |protocol| {
        protocol.on_data(move |transport, _| {
            if reader == Reader::Slow {
                transport.pause_producing();
            }
        })
    });
    for piece in stream().chunks(7000) {
        by_hand.peer.send(piece, &mut by_hand.records).unwrap();
    }
    by_hand.peer.close(&mut by_hand.records);
    let said = by_hand.said();
    let (mut left, more) = (said[..count.min(said.len())].to_vec(), count < said.len());
    while !left.is_empty() {
        if by_hand.wire.paused.get() {
            // The transport below delivers nothing now, but time goes on.
            by_hand.clock.advance(Duration::from_secs(1));
            by_hand.record.transport().resume_producing();
            by_hand.turn();
            continue;
        }
        let mut rest = left.split_off(left.len().min(1 + dice.below(20_000)));
        by_hand.deliver(&mut left);
        left.clear();
        left.append(&mut rest);
    }
    by_hand.lose(below);
    // What waits is one piece at most.
    for _ in 0..2 {
        by_hand.record.transport().resume_producing();
        by_hand.turn();
    }
    (by_hand.record.received(), by_hand.record.lost().unwrap(), more)
}

fn stream() -> Vec<u8> {
    (0..30_000u32).map(|number| (number % 251) as u8).collect()
}

#[test]
fn wherever_a_stream_is_cut_all_whole_records_arrive_and_then_the_reason() {
    let (dice, whole) = (Dice::new(20_261_128), stream());
    for role in ROLES {
        for reader in [Reader::Fast, Reader::Slow] {
            for below in [Reason::Done, reset()] {
                for count in (0..30_500).step_by(1499).chain([usize::MAX]) {
                    let (received, above, more) = cut_at(role, reader, count, &below, &dice);
                    assert!(whole.starts_with(&received));
                    // A record of 7,000 bytes needs less than 50 more.
                    let least = count.min(30_300) / 7050 * 7000;
                    assert!(received.len() >= least, "{role:?} {reader:?} {count}");
                    assert_eq!(more, received.len() < whole.len(), "{count}");
                    assert!(fits(&below, &above, !more), "{role:?} {reader:?} {count}: {above:?}");
                }
            }
        }
    }
}
