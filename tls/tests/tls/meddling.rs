//! A whole life of a connection, cut behind every byte that the peer sends, and with a bit flipped in
//! every byte.

use std::time::Duration;

use interfaces::{Deadline, Reason};
use rustls::client::Resumption;
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};

use crate::by_hand::{ByHand, ROLES, Role};
use crate::certificates::{Authority, VERSIONS};
use crate::delivery::reset;
use crate::talk::{NAME, tls_error};
use crate::tls::TlsError;

/// The plaintext of the three records that the peer sends behind its handshake.
const RECORDS: [usize; 3] = [40, 300, 7];

/// The change on the way from the peer to the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meddling {
    /// Nothing arrives behind this number of bytes.
    Cut(usize),
    /// One bit of this byte is another.
    Flip(usize),
}

/// One side's layer with a peer, both configured.
struct Place {
    client: ClientConfig,
    server: ServerConfig,
    role: Role,
}

/// A life that is over but for the end of the transport below.
struct Life {
    by_hand: ByHand,
    /// Where each of the records and `close_notify` ends, counted from the first byte of all.
    ends: Vec<usize>,
    /// How many bytes arrived.
    arrived: usize,
    /// All that the peer had to say arrived.
    complete: bool,
}

fn plaintext() -> Vec<u8> {
    (0..RECORDS.iter().sum::<usize>()).map(|number| number as u8).collect()
}

impl Place {
    fn new(version: &'static SupportedProtocolVersion, role: Role) -> Self {
        let authority = Authority::new();
        let (mut client, server) = (authority.client(version), authority.identity(NAME).server());
        // Each handshake is a whole one.
        client.resumption = Resumption::disabled();
        Self { client, server, role }
    }

    fn live(&self, meddling: Meddling) -> Life {
        let configs = (self.client.clone(), self.server.clone());
        let mut by_hand = ByHand::between(configs, self.role, |protocol| protocol);
        // A client speaks first.
        let _ = by_hand.take();
        let mut life = Life { by_hand, ends: Vec::new(), arrived: 0, complete: false };
        loop {
            if life.ends.is_empty() && !life.by_hand.peer.is_handshaking() {
                life.say_all();
            }
            let mut said = life.by_hand.said();
            if said.is_empty() {
                life.complete = !life.ends.is_empty();
                return life;
            }
            let length = match meddling {
                Meddling::Cut(count) => said.len().min(count - life.arrived),
                Meddling::Flip(at) => {
                    if let Some(byte) = at.checked_sub(life.arrived).and_then(|at| said.get_mut(at))
                    {
                        *byte ^= 1 << (at % 8);
                    }
                    said.len()
                }
            };
            life.by_hand.deliver(&mut said[..length]);
            life.arrived += length;
            if length < said.len() {
                return life;
            }
            let _ = life.by_hand.take();
        }
    }
}

impl Life {
    /// The peer says what it has to say behind the handshake.
    fn say_all(&mut self) {
        let (by_hand, whole) = (&mut self.by_hand, plaintext());
        let mut rest = &whole[..];
        for length in RECORDS {
            let (record, after) = rest.split_at(length);
            by_hand.peer.send(record, &mut by_hand.records).unwrap();
            self.ends.push(self.arrived + by_hand.records.len());
            rest = after;
        }
        by_hand.peer.close(&mut by_hand.records);
        self.ends.push(self.arrived + by_hand.records.len());
    }

    /// How many bytes of plaintext have arrived in whole records.
    fn whole_records(&self) -> usize {
        let arrived = RECORDS.iter().zip(&self.ends).filter(|(_, end)| **end <= self.arrived);
        arrived.map(|(length, _)| length).sum()
    }

    fn was_established(&self) -> bool {
        self.by_hand.record.count("handshake_completed") == 1
    }
}

/// Whether the reason is the right one for a connection that was cut so.
fn fits(life: &Life, below: &Reason, above: &Reason) -> bool {
    match (life.was_established(), below, above) {
        (false, Reason::Done, above) => tls_error(above) == TlsError::ClosedInHandshake,
        (false, _, above) => matches!(tls_error(above), TlsError::LostInHandshake { .. }),
        (true, Reason::Done, Reason::Done) => life.complete,
        (true, Reason::Done, Reason::Truncated) => !life.complete,
        (true, Reason::Lost(_), Reason::Lost(_)) => true,
        _ => false,
    }
}

#[test]
fn a_life_that_is_cut_at_any_byte_ends_at_once_with_the_right_reason_and_all_whole_records() {
    for version in VERSIONS {
        for role in ROLES {
            let place = Place::new(version, role);
            let whole = place.live(Meddling::Cut(usize::MAX));
            assert!(whole.complete && whole.was_established());
            let total = whole.arrived;
            // A signature may be some bytes shorter or longer each time.
            for count in 0..total + 10 {
                for below in [Reason::Done, reset()] {
                    let life = place.live(Meddling::Cut(count));
                    let by_hand = &life.by_hand;
                    by_hand.lose(&below);
                    let above = by_hand.record.lost();
                    let above = above.unwrap_or_else(|| panic!("{role:?} {count}: it hangs"));
                    assert!(fits(&life, &below, &above), "{role:?} {count} {below:?}: {above:?}");
                    let received = by_hand.record.received();
                    assert_eq!(received, plaintext()[..life.whole_records()], "{role:?} {count}");
                    assert_eq!(by_hand.clock.pending(), 0, "{role:?} {count}");
                }
            }
        }
    }
}

/// Whether a connection on which a bit was flipped may end so, where its transport ends in order.
fn is_told(above: &Reason) -> bool {
    match above {
        Reason::Tls(_) | Reason::Truncated | Reason::TimedOut(Deadline::Handshake) => true,
        Reason::Done | Reason::Lost(_) => false,
        _ => false,
    }
}

#[test]
fn a_flipped_bit_is_a_failure_or_changes_nothing_and_no_false_byte_is_delivered() {
    for version in VERSIONS {
        for role in ROLES {
            let place = Place::new(version, role);
            let whole = place.live(Meddling::Cut(usize::MAX));
            assert!(whole.complete && whole.was_established());
            let total = whole.arrived;
            let mut unharmed = 0;
            for at in 0..total {
                let life = place.live(Meddling::Flip(at));
                let by_hand = &life.by_hand;
                // A length that is too large is waited for: until the deadline, or until the end.
                by_hand.clock.advance(Duration::from_secs(10));
                by_hand.lose(&Reason::Done);
                by_hand.turn();
                let above = by_hand.record.lost().expect("it does not hang");
                let (received, whole) = (by_hand.record.received(), plaintext());
                assert!(whole.starts_with(&received), "{role:?} {at}");
                if matches!(above, Reason::Done) {
                    assert_eq!(received, whole, "{role:?} {at}");
                    unharmed += 1;
                } else {
                    assert!(is_told(&above), "{role:?} {at}: {above:?}");
                }
                assert_eq!(by_hand.clock.pending(), 0, "{role:?} {at}");
            }
            // The versions in the headers of records, which a receiver ignores.
            assert!(unharmed < total / 20, "{role:?}: {unharmed} of {total}");
        }
    }
}
