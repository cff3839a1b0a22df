//! Other programs' datagrams: socat both ways, byte for byte, and a small DNS server that dig asks.
//!
//! Invariant: each peer is ended with its test, and a peer that is missing is noted as a skip.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    Address, DatagramProtocol, DatagramTransport, ListenUdp, MulticastInterface, ReactorUdp as _,
};
use protocol::datagram_protocol;
use protocol::testing::{DatagramRecord, DatagramRecorder};
use ropewalk_reactor::Reactor;
use testkit::{find_peer, pattern};

use crate::support::datagrams::{PortKind, Ports, echo};
use crate::support::{run_with, turn_until};

const SIZES: [usize; 5] = [1, 2, 1400, 9000, 65_000];

/// The most bytes that socat reads or writes in one go.
const BLOCK: &str = "65536";

/// A socat that is killed when it is dropped.
struct Socat(Child);

impl Socat {
    /// `None`, and a note, where there is none.
    fn start<const N: usize>(addresses: [&str; N]) -> Option<Self> {
        let mut command = find_peer("socat")?;
        command.args(["-b", BLOCK]).args(addresses);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        Some(Self(command.spawn().unwrap()))
    }

    fn pipes(&mut self) -> (ChildStdin, ChildStdout) {
        (self.0.stdin.take().unwrap(), self.0.stdout.take().unwrap())
    }
}

impl Drop for Socat {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

/// The address of a port in socat's words, for one that sends to it.
fn to(ports: &Ports, host: &Address) -> String {
    match host {
        Address::Ipv4(address) => format!("UDP4:{address}"),
        Address::Ipv6(address) => format!("UDP6:{address}"),
        Address::Unix(interfaces::UnixAddress::Path(path)) => {
            let path = String::from_utf8_lossy(path);
            let own = Address::from(ports.new_name()).to_string();
            format!("UNIX-SENDTO:{path},bind={}", own.trim_start_matches("unix:"))
        }
        other => panic!("{other} is not one of socat's"),
    }
}

#[test]
fn socat_gets_back_each_datagram_that_it_sends_byte_for_byte() {
    for kind in [PortKind::UdpV4, PortKind::UdpV6, PortKind::UnixPath] {
        let ports = Ports::new(kind);
        let (protocol, record) = echo();
        let server = ports.open(protocol);
        let Some(mut socat) = Socat::start(["STDIO", &to(&ports, &server.host())]) else { return };
        let (mut input, mut output) = socat.pipes();
        let came = run_with(&ports.reactor, move || {
            SIZES.map(|size| {
                input.write_all(&pattern(1, size)).unwrap();
                let mut data = vec![0; size];
                output.read_exact(&mut data).unwrap();
                data
            })
        });
        assert!(came == SIZES.map(|size| pattern(1, size)), "{kind:?}");
        // A pipe may give socat a large one in pieces.
        assert!(record.received().concat() == came.concat(), "{kind:?}");
    }
}

/// Sends until it is answered, as a peer that starts is not there at first.
fn ask(
    reactor: &Reactor,
    port: &Rc<dyn DatagramTransport>,
    record: &DatagramRecord,
    data: &[u8],
    to: &Address,
) -> Vec<u8> {
    let before = record.received().len();
    let mut turns = 0;
    turn_until(reactor, "it is answered", || {
        if turns % 50 == 0 {
            port.send_to(data, to).unwrap();
        }
        turns += 1;
        record.received().len() > before
    });
    record.received()[before].clone()
}

#[test]
fn socat_gives_back_each_datagram_that_it_is_sent() {
    for kind in [PortKind::UdpV4, PortKind::UdpV6, PortKind::UnixPath] {
        let ports = Ports::new(kind);
        let name = ports.new_name();
        let free = UdpSocket::bind(kind.loopback()).unwrap().local_addr().unwrap();
        let (listening, to) = match kind {
            PortKind::UnixPath => {
                let to = Address::from(name);
                let path = to.to_string();
                (format!("UNIX-RECVFROM:{},fork", path.trim_start_matches("unix:")), to)
            }
            PortKind::UdpV6 => {
                (format!("UDP6-RECVFROM:{},bind=[::1],fork", free.port()), free.into())
            }
            _ => (format!("UDP4-RECVFROM:{},bind=127.0.0.1,fork", free.port()), free.into()),
        };
        let Some(_socat) = Socat::start([&listening, "PIPE"]) else { return };
        let (protocol, record) = DatagramRecorder::silent();
        let port = ports.open(protocol);
        for size in [1, 1400, 9000, 60_000] {
            let data = pattern(2, size);
            let answer = ask(&ports.reactor, &port, &record, &data, &to);
            assert!(answer == data, "{kind:?} {size}");
        }
    }
}

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 77, 0, 9);

/// A port that sends to groups of the loopback interface, and receives from them when it has joined.
fn group_port(
    reactor: &Reactor,
) -> (Rc<dyn DatagramTransport>, DatagramRecord, MulticastInterface) {
    let (protocol, record) = DatagramRecorder::silent();
    let port = reactor.listen_udp(&ListenUdp::new(([0; 4], 0)), protocol).unwrap();
    let lo = MulticastInterface::Address(Ipv4Addr::LOCALHOST.into());
    port.as_multicast().unwrap().set_outgoing_interface(&lo).unwrap();
    (port, record, lo)
}

// Over IPv6 socat names no interface to send through, and the loopback one has no route to a group.
#[test]
fn a_member_receives_what_socat_sends_to_its_group_byte_for_byte() {
    let reactor = Reactor::new().unwrap();
    let (port, record, lo) = group_port(&reactor);
    port.as_multicast().unwrap().join_group(GROUP.into(), &lo).unwrap();
    let number = port.host().port().unwrap();
    let group = format!("UDP4-DATAGRAM:{GROUP}:{number},ip-multicast-if=127.0.0.1");
    let Some(mut socat) = Socat::start(["STDIO", &group]) else { return };
    let (mut input, _output) = socat.pipes();
    for size in [1, 1400, 9000, 60_000] {
        let before = record.received().concat().len();
        input.write_all(&pattern(3, size)).unwrap();
        // A pipe may give socat a large one in pieces.
        let came = || record.received().concat().split_off(before);
        turn_until(&reactor, "it came", || came().len() >= size);
        assert!(came() == pattern(3, size), "{size}");
    }
}

#[test]
fn socat_receives_what_is_sent_to_its_group_byte_for_byte() {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listening = format!("UDP4-RECV:{free},ip-add-membership={GROUP}:127.0.0.1");
    let Some(mut socat) = Socat::start(["-u", &listening, "STDOUT"]) else { return };
    let (_, mut output) = socat.pipes();
    let reactor = Reactor::new().unwrap();
    let (port, _, _) = group_port(&reactor);
    let data = pattern(4, 9000);
    let mut heard = vec![0; data.len()];
    let read = std::thread::spawn(move || {
        output.read_exact(&mut heard).unwrap();
        heard
    });
    let to = Address::from(SocketAddr::from((GROUP, free)));
    let mut turns = 0;
    turn_until(&reactor, "socat has it", || {
        // Datagrams from before socat has joined are gone, as wholes.
        if turns % 50 == 0 {
            port.send_to(&data, &to).unwrap();
        }
        turns += 1;
        read.is_finished()
    });
    assert!(read.join().unwrap() == data);
}

#[test]
fn socat_as_a_member_answers_what_is_sent_to_its_group() {
    let ports = Ports::new(PortKind::UdpV4);
    let number = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let membership = "ip-add-membership=239.77.0.10:127.0.0.1";
    let listening = format!("UDP4-RECVFROM:{number},{membership},fork");
    let Some(_socat) = Socat::start([&listening, "PIPE"]) else { return };
    let (protocol, record) = DatagramRecorder::silent();
    let port = ports.open(protocol);
    let lo = MulticastInterface::Name("lo".into());
    port.as_multicast().unwrap().set_outgoing_interface(&lo).unwrap();
    let to = Address::from(SocketAddr::from(([239, 77, 0, 10], number)));
    for size in [1, 1400, 9000] {
        let data = pattern(3, size);
        let answer = ask(&ports.reactor, &port, &record, &data, &to);
        assert!(answer == data, "{size}");
    }
}

/// Knows one host, `ropewalk.test`, at 192.0.2.7 (RFC 1035).
struct SmallDns;

const HOST: &[u8] = b"\x08ropewalk\x04test\0";

impl SmallDns {
    /// The answer to a query of one question; `None` for what is no query.
    fn answer(query: &[u8]) -> Option<Vec<u8>> {
        let (header, rest) = query.split_first_chunk::<12>()?;
        let [id, id_low, flags, ..] = *header;
        let is_query = flags & 0xf8 == 0 && header[4..6] == [0, 1];
        if !is_query {
            return None;
        }
        let end = rest.iter().position(|byte| *byte == 0)? + 1;
        let question = rest.get(..end + 4)?;
        let (name, kind) = (question[..end].to_ascii_lowercase(), &question[end..]);
        let is_known = name == HOST;
        let has_address = is_known && kind == [0, 1, 0, 1];
        let code = if is_known { 0 } else { 3 };
        // An answer with authority to the question that was asked.
        let mut answer = vec![id, id_low, 0x84 | flags & 1, code, 0, 1, 0, u8::from(has_address)];
        answer.extend([0; 4]);
        answer.extend(question);
        if has_address {
            // The name of the question, an address of the Internet, a minute, four bytes.
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
        }
        Some(answer)
    }
}

impl DatagramProtocol for SmallDns {
    fn datagram_received(
        &mut self,
        transport: &Rc<dyn DatagramTransport>,
        data: &[u8],
        sender: &Address,
    ) {
        if let Some(answer) = Self::answer(data) {
            transport.send_to(&answer, sender).unwrap();
        }
    }
}

fn dns() -> (Reactor, SocketAddr) {
    let reactor = Reactor::new().unwrap();
    let options = ListenUdp::new(([127, 0, 0, 1], 0));
    let port = reactor.listen_udp(&options, datagram_protocol(SmallDns)).unwrap();
    (reactor, port.host().as_socket_addr().unwrap())
}

#[test]
fn a_dns_server_answers_a_query_written_by_hand() {
    let (reactor, server) = dns();
    let answers = run_with(&reactor, move || {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(server).unwrap();
        client.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
        let ask = |query: &[u8]| {
            client.send(query).unwrap();
            let mut buffer = [0; 512];
            let length = client.recv(&mut buffer).unwrap();
            buffer[..length].to_vec()
        };
        client.send(b"no query").unwrap();
        let known = ask(b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x08RopeWalk\x04test\0\0\x01\0\x01");
        [known, ask(b"\x56\x78\0\0\0\x01\0\0\0\0\0\0\x05other\x04test\0\0\x01\0\x01")]
    });
    let known = b"\x12\x34\x85\0\0\x01\0\x01\0\0\0\0\x08RopeWalk\x04test\0\0\x01\0\x01\
                  \xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x07";
    let unknown = b"\x56\x78\x84\x03\0\x01\0\0\0\0\0\0\x05other\x04test\0\0\x01\0\x01";
    assert_eq!(answers, [known.to_vec(), unknown.to_vec()]);
}

#[test]
fn dig_finds_the_host_that_a_dns_server_knows() {
    let Some(mut dig) = find_peer("dig") else { return };
    let (reactor, server) = dns();
    dig.args(["@127.0.0.1", "-p", &server.port().to_string()]);
    dig.args(["+short", "+tries=3", "+time=5", "+noedns", "ropewalk.test"]);
    let output = run_with(&reactor, move || dig.output().unwrap());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "192.0.2.7\n");
    reactor.turn(Some(Duration::ZERO)).unwrap();
}
