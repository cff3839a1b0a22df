//! A name server of the test's, over UDP and TCP, and how it misbehaves.
//!
//! Invariant: it answers questions for SRV records alone.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

use interfaces::{
    Address, DatagramProtocol, DatagramTransport, ListenTcp, ListenUdp, ListeningPort, Protocol,
    ReactorTcp as _, ReactorUdp as _, Transport,
};
use reactor::Reactor;
use reactor::simulated::Simulated;
use ropewalk_endpoints::ServiceRecord;

/// The answer to a question over UDP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Manner {
    #[default]
    Answers,
    /// It says that the answer is longer than a datagram.
    Truncates,
    /// It answers with the error SERVFAIL.
    Fails,
    Silent,
    /// It sends answers to other questions before the right one.
    Confuses,
}

/// A clone is the same server.
#[derive(Clone, Default)]
pub(crate) struct NameServer {
    services: Rc<RefCell<BTreeMap<String, Vec<ServiceRecord>>>>,
    pub(crate) manner: Rc<Cell<Manner>>,
    /// The questions so far, with the way on which they came.
    pub(crate) asked: Rc<RefCell<Vec<&'static str>>>,
    tcp: Rc<RefCell<Option<Rc<dyn ListeningPort>>>>,
}

impl NameServer {
    pub(crate) fn start(reactor: &Reactor<Simulated>, address: SocketAddr) -> Self {
        let server = Self::default();
        let udp = protocol::datagram_protocol(server.clone());
        reactor.listen_udp(&ListenUdp::new(address), udp).unwrap();
        let tcp = server.clone();
        let factory = protocol::factory_fn(move |_| Stream(tcp.clone(), Vec::new()));
        let port = reactor.listen_tcp(&ListenTcp::new(address), factory).unwrap();
        server.tcp.replace(Some(port));
        server
    }

    pub(crate) fn set(&self, service: &str, records: &[ServiceRecord]) {
        self.services.borrow_mut().insert(service.into(), records.to_vec());
    }

    pub(crate) fn questions(&self) -> Vec<&'static str> {
        self.asked.take()
    }

    /// The answer to a question: its header and its name come back as they are.
    fn answer(&self, question: &[u8]) -> Vec<u8> {
        let end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
        let name = labels(&question[12..end - 5]);
        let found = self.services.borrow().get(&name).cloned();
        let flags: u16 = if found.is_some() { 0x8180 } else { 0x8183 };
        let mut answer = question[..end].to_vec();
        answer[2..4].copy_from_slice(&flags.to_be_bytes());
        answer[6..12].copy_from_slice(&[0, 0, 0, 0, 0, 0]);
        let records = found.unwrap_or_default();
        answer[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
        for record in records {
            let mut data = Vec::new();
            for word in [record.priority, record.weight, record.port] {
                data.extend(word.to_be_bytes());
            }
            for label in record.target.split('.').filter(|label| !label.is_empty()) {
                data.push(label.len() as u8);
                data.extend(label.as_bytes());
            }
            data.push(0);
            answer.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60]);
            answer.extend((data.len() as u16).to_be_bytes());
            answer.extend(data);
        }
        answer
    }
}

fn labels(mut bytes: &[u8]) -> String {
    let mut name = Vec::new();
    while let Some((length, rest)) = bytes.split_first() {
        let (label, rest) = rest.split_at((*length).into());
        name.push(String::from_utf8_lossy(label).into_owned());
        bytes = rest;
    }
    name.join(".")
}

impl DatagramProtocol for NameServer {
    fn datagram_received(
        &mut self,
        transport: &Rc<dyn DatagramTransport>,
        data: &[u8],
        sender: &Address,
    ) {
        self.asked.borrow_mut().push("udp");
        let answer = self.answer(data);
        let send = |answer: &[u8]| transport.send_to(answer, sender).unwrap();
        match self.manner.get() {
            Manner::Answers => send(&answer),
            Manner::Truncates => {
                let mut cut = answer[..12].to_vec();
                cut[2] |= 2;
                cut[6..12].copy_from_slice(&[0; 6]);
                cut.extend(&data[12..data.len() - 11]);
                send(&cut);
            }
            Manner::Fails => {
                let mut failed = answer;
                failed[3] = 0x82;
                failed[6..8].copy_from_slice(&[0, 0]);
                failed.truncate(data.len() - 11);
                send(&failed);
            }
            Manner::Silent => {}
            Manner::Confuses => {
                let mut other = answer.clone();
                other[1] ^= 1;
                send(&other);
                let mut other = answer.clone();
                other[14] ^= 1;
                send(&other);
                send(b"nonsense");
                send(&answer);
            }
        }
    }
}

struct Stream(NameServer, Vec<u8>);

impl Protocol for Stream {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.1.extend_from_slice(data);
        let Some((length, rest)) = self.1.split_first_chunk::<2>() else { return };
        let Some(question) = rest.get(..u16::from_be_bytes(*length).into()) else { return };
        self.0.asked.borrow_mut().push("tcp");
        let answer = self.0.answer(question);
        transport.write(&(answer.len() as u16).to_be_bytes());
        transport.write(&answer);
    }
}
