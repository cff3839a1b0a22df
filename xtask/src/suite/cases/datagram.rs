//! Datagrams there and back.
//!
//! Invariant: no case sends more at a time than every wire's queue holds.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::{Rc, Weak};
use std::time::Duration;

use interfaces::{Address, DatagramTransport, DeliverDatagram, ReactorTime, SendError};
use protocol::testing::{DatagramRecord, DatagramRecorder, SeenDatagram};

use crate::suite::{Ability, Case, CaseContext, Failed, Outcome, ensure, pattern, same};

pub(super) const CASES: &[Case] = &[
    Case::of_datagrams(
        "datagram/echo",
        "datagrams of every length come whole, also empty ones, each with the address of its sender, \
         and are answered",
        there_and_back,
    )
    .states(&["udp-008", "unix-022"]),
    Case::of_datagrams(
        "datagram/connected",
        "a connected port sends without a receiver or to its peer, and both sides learn the other's \
         address",
        connected,
    )
    .states(&["udp-008", "udp-018"]),
    Case::of_datagrams("datagram/pieces", "pieces that are sent together are one datagram", pieces)
        .states(&["udp-007"]),
    Case::of_datagrams(
        "datagram/runs",
        "many datagrams of one size to one receiver come as they were sent, in order",
        runs,
    ),
    Case::of_datagrams(
        "datagram/truncated",
        "a datagram beyond the port's limit is told with its length, and the next ones come",
        truncated,
    )
    .states(&["gap-029"]),
    Case::of_datagrams(
        "datagram/wrong-kind",
        "an address of another kind is an error at once, as is a receiver other than the own peer",
        wrong_kind,
    )
    .states(&["udp-010"]),
    Case::of_datagrams(
        "datagram/connect-once",
        "a second connect is an error, and the first peer stays",
        connect_once,
    )
    .states(&["udp-012"])
    .needs(&[Ability::Udp]),
    Case::of_datagrams(
        "datagram/refused",
        "the peer of a connected port that is gone refuses once for each datagram; an unconnected port \
         is told nothing; both go on",
        refused,
    )
    .states(&["udp-019", "udp-020", "udp-024", "udp-025"])
    .needs(&[Ability::Udp]),
    Case::of_datagrams(
        "datagram/unreliable",
        "what comes over a wire that loses, doubles and reorders is what was sent, and a protocol that \
         sends again brings everything across",
        unreliable,
    )
    .needs(&[Ability::Unreliable]),
    Case::of_datagrams(
        "datagram/broadcast",
        "the switch for broadcasts is off at first, and is read back",
        broadcast,
    )
    .states(&["udp-013"])
    .needs(&[Ability::Udp]),
];

/// A protocol that sends everything back, and its record.
pub(super) fn echo() -> (Rc<dyn DeliverDatagram>, DatagramRecord) {
    DatagramRecorder::new(|seen, transport| {
        if let SeenDatagram::Received(data, sender) = seen {
            transport.send_to(data, sender).expect("a sender can be answered");
        }
    })
}

/// A port without an answer, and its record.
pub(super) fn silent(
    t: &CaseContext,
) -> Result<(Rc<dyn DatagramTransport>, DatagramRecord), Failed> {
    let (protocol, record) = DatagramRecorder::silent();
    Ok((t.open(protocol)?, record))
}

/// Fails the case when a datagram cannot be sent.
pub(super) fn sent(result: Result<(), SendError>) -> Outcome {
    result.map_err(|error| Failed::new(error.to_string()))
}

fn there_and_back(t: &CaseContext) -> Outcome {
    let (protocol, asked) = echo();
    let server = t.open(protocol)?;
    let (client, answered) = silent(t)?;
    for (number, size) in [0, 1, 2, 1472, 8192, 60_000].into_iter().enumerate() {
        let data = pattern(number as u64, size);
        sent(client.send_to(&data, &server.host()))?;
        t.until("it is answered", || answered.received().len() == number + 1)?;
        ensure(asked.received()[number] == data, "the server got other bytes")?;
        ensure(answered.received()[number] == data, "the client got other bytes")?;
        same("the client's address", asked.senders()[number].clone(), client.host())?;
        same("the server's address", answered.senders()[number].clone(), server.host())?;
    }
    Ok(())
}

fn connected(t: &CaseContext) -> Outcome {
    let (server, record) = silent(t)?;
    let (protocol, answers) = DatagramRecorder::silent();
    let client = t.datagrams()?.open_connected(&server.host(), protocol)?;
    t.close_at_the_end(&client);
    same("the client's peer", client.peer(), Some(server.host()))?;
    sent(client.send(b"a"))?;
    sent(client.send_pieces_to(&[b"b"], &server.host()))?;
    sent(client.send_to(b"c", &server.host()))?;
    t.until("all came", || record.received().len() == 3)?;
    same("the datagrams", record.received(), ["a", "b", "c"].map(|it| it.as_bytes().to_vec()))?;
    let all_its = record.senders().iter().all(|sender| *sender == client.host());
    ensure(all_its, "another sender than the client")?;
    sent(server.send_to(b"back", &client.host()))?;
    t.until("it is answered", || answers.received().len() == 1)?;
    same("the sender of the answer", answers.senders(), [server.host()])
}

fn pieces(t: &CaseContext) -> Outcome {
    let (server, record) = silent(t)?;
    let (client, _) = silent(t)?;
    sent(client.send_pieces_to(&[b"some", b"bytes", b"to", b"", b"write"], &server.host()))?;
    t.until("it came", || !record.received().is_empty())?;
    same("the datagrams", record.received(), [b"somebytestowrite"])
}

fn runs(t: &CaseContext) -> Outcome {
    let (server, record) = silent(t)?;
    let (protocol, _) = DatagramRecorder::silent();
    let client = t.datagrams()?.open_connected(&server.host(), protocol)?;
    t.close_at_the_end(&client);
    let mut all = Vec::new();
    for (round, size) in [200, 1200, 7].into_iter().enumerate() {
        for number in 0..80_u64 {
            let size = if number == 79 { size / 2 } else { size };
            let data = pattern(number, size);
            sent(client.send(&data))?;
            all.push(data);
        }
        t.until("all came", || record.received().len() == 80 * (round + 1))?;
    }
    ensure(record.received() == all, "other datagrams, or in another order")?;
    same("the number of those that were sent", client.counts().sent, 240)
}

fn truncated(t: &CaseContext) -> Outcome {
    let (protocol, record) = DatagramRecorder::silent();
    let server = t.datagrams()?.open(5, protocol)?;
    t.close_at_the_end(&server);
    let (client, _) = silent(t)?;
    for data in [&b"12345"[..], b"123456", b"abc"] {
        sent(client.send_to(data, &server.host()))?;
    }
    t.until("all came", || record.seen().len() == 4)?;
    let sender = client.host();
    let want = [
        SeenDatagram::Started,
        SeenDatagram::Received(b"12345".to_vec(), sender.clone()),
        SeenDatagram::Truncated(b"12345".to_vec(), 6, sender.clone()),
        SeenDatagram::Received(b"abc".to_vec(), sender),
    ];
    same("the calls", record.seen(), want)?;
    same("the count of truncated ones", server.counts().truncated, 1)
}

fn wrong_kind(t: &CaseContext) -> Outcome {
    let (port, _) = silent(t)?;
    let host = port.host();
    let v4 = Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 9)));
    let v6 = Address::from(std::net::SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 9)));
    for receiver in [v4, v6] {
        if std::mem::discriminant(&receiver) == std::mem::discriminant(&host) {
            continue;
        }
        let want = Err(SendError::WrongFamily { receiver: receiver.clone(), host: host.clone() });
        same("the answer", port.send_to(b"x", &receiver), want)?;
    }
    same("without a peer", port.send(b"x"), Err(SendError::NotConnected { host: host.clone() }))?;
    let (peer, _) = silent(t)?;
    let (protocol, _) = DatagramRecorder::silent();
    let connected = t.datagrams()?.open_connected(&peer.host(), protocol)?;
    t.close_at_the_end(&connected);
    let (receiver, peer) = (host.clone(), peer.host());
    let want = Err(SendError::ConnectedElsewhere { receiver, peer });
    same("to another than the peer", connected.send_to(b"x", &host), want)
}

fn connect_once(t: &CaseContext) -> Outcome {
    let (one, _) = silent(t)?;
    let (two, _) = silent(t)?;
    let (protocol, _) = DatagramRecorder::silent();
    let port = t.datagrams()?.open_connected(&one.host(), protocol)?;
    t.close_at_the_end(&port);
    let udp = port.as_udp().ok_or_else(|| Failed::new("as_udp() is None"))?;
    let other = two.host().as_socket_addr().ok_or_else(|| Failed::new("no IP address"))?;
    ensure(udp.connect(other).is_err(), "it was connected twice")?;
    same("the peer", port.peer(), Some(one.host()))
}

fn refused(t: &CaseContext) -> Outcome {
    let (gone, _) = silent(t)?;
    let dead = gone.host();
    t.wait("closing a port", gone.stop_listening())??;
    let (protocol, connected) = DatagramRecorder::silent();
    let port = t.datagrams()?.open_connected(&dead, protocol)?;
    t.close_at_the_end(&port);
    let (other, unconnected) = silent(t)?;
    for times in 1..=3 {
        sent(port.send(b"anybody?"))?;
        sent(other.send_to(b"anybody?", &dead))?;
        t.until("it is refused", || connected.count(&SeenDatagram::Refused) == times)?;
    }
    let (protocol, _) = DatagramRecorder::silent();
    let back = t.datagrams()?.open_at(&dead, protocol).map_err(|it| Failed::new(it.to_string()))?;
    t.close_at_the_end(&back);
    sent(back.send_to(b"now", &port.host()))?;
    sent(back.send_to(b"now", &other.host()))?;
    t.until("both go on", || {
        connected.received() == [b"now"] && unconnected.received() == [b"now"]
    })?;
    same("the refusals", connected.count(&SeenDatagram::Refused), 3)?;
    let want = [SeenDatagram::Started, SeenDatagram::Received(b"now".to_vec(), dead)];
    same("the calls of the other", unconnected.seen(), want)
}

/// Sends datagrams that are not acknowledged again, every 20 ms.
struct Sender {
    me: Weak<Self>,
    time: Rc<dyn ReactorTime>,
    port: RefCell<Option<Rc<dyn DatagramTransport>>>,
    to: Address,
    left: RefCell<BTreeMap<u64, Vec<u8>>>,
}

impl Sender {
    fn send_all(&self) {
        let port = self.port.borrow().clone();
        let Some(port) = port else { return };
        let left = self.left.borrow().clone();
        for data in left.values() {
            // One that is not sent is lost, as others are.
            let _ = port.send_to(data, &self.to);
        }
        if let (false, Some(me)) = (left.is_empty(), self.me.upgrade()) {
            let again = Box::new(move || me.send_all());
            let _ = self.time.call_later(Duration::from_millis(20), again);
        }
    }
}

/// The number at the front of a datagram.
fn numbered(data: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*data.first_chunk::<8>()?))
}

fn unreliable(t: &CaseContext) -> Outcome {
    const COUNT: u64 = 100;
    t.datagrams()?.make_unreliable();
    let whole = |number: u64| [&number.to_be_bytes()[..], &pattern(number, 500)].concat();
    let (acknowledges, came) = DatagramRecorder::new(|seen, transport| {
        if let SeenDatagram::Received(data, sender) = seen {
            let _ = transport.send_to(&data[..data.len().min(8)], sender);
        }
    });
    let server = t.open(acknowledges)?;
    let sender = Rc::new_cyclic(|me| Sender {
        me: Weak::clone(me),
        time: t.time(),
        port: RefCell::default(),
        to: server.host(),
        left: RefCell::new((0..COUNT).map(|number| (number, whole(number))).collect()),
    });
    let acknowledged = sender.clone();
    let (protocol, _) = DatagramRecorder::new(move |seen, _| {
        if let SeenDatagram::Received(data, _) = seen
            && let Some(number) = numbered(data)
        {
            acknowledged.left.borrow_mut().remove(&number);
        }
    });
    let client = t.open(protocol)?;
    sender.port.replace(Some(client.clone()));
    sender.send_all();
    t.until("all are acknowledged", || sender.left.borrow().is_empty())?;
    sender.port.replace(None);
    let received = came.received();
    let numbers: Vec<u64> = received.iter().filter_map(|data| numbered(data)).collect();
    let intact = received.iter().zip(&numbers).all(|(data, number)| *data == whole(*number));
    ensure(intact && numbers.len() == received.len(), "what came is not what was sent")?;
    let all_its = came.senders().iter().all(|sender| *sender == client.host());
    ensure(all_its, "another sender than the client")?;
    same("the numbers", numbers.iter().collect::<BTreeSet<_>>().len() as u64, COUNT)?;
    ensure(!numbers.is_sorted(), "the wire kept the order")?;
    ensure(numbers.len() as u64 > COUNT, "the wire lost nothing and doubled nothing")
}

fn broadcast(t: &CaseContext) -> Outcome {
    let (port, _) = silent(t)?;
    let udp = port.as_udp().ok_or_else(|| Failed::new("as_udp() is None"))?;
    same("at first", udp.broadcast_allowed(), false)?;
    udp.set_broadcast_allowed(true);
    same("when set", udp.broadcast_allowed(), true)?;
    udp.set_broadcast_allowed(false);
    same("when cleared", udp.broadcast_allowed(), false)
}
