//! Fuzzes the TLS layer: records of a real peer, whole, cut, changed and with other bytes between them, come from
//! below, and the protocol above writes, pauses and ends meanwhile.
//!
//! Invariant: each life ends with one `connection_lost`, nothing is delivered after it or during a pause, what was
//! received is the beginning of what the peer sent, and no timer is left.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use deferred::Failure;
use interfaces::{Deliver, Event, OsError, Producer, PushProducer, Reason};
use protocol::factory_fn;
use protocol::testing::{Clock, Record, Recorder, StringTransport};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tls::{Outgoing, Session};

const NAME: &str = "fuzzed.example";

/// The configurations of both versions.
static CONFIGS: LazyLock<[(Arc<ClientConfig>, Arc<ServerConfig>); 2]> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("an anchor");
    let provider = Arc::new(default_provider());
    [&TLS12, &TLS13].map(|version| {
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a pair");
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        (Arc::new(client), Arc::new(server))
    })
});

/// The protocol's producer, which does nothing by itself.
struct Quiet;

impl PushProducer for Quiet {
    fn pause_producing(&self) {}
    fn resume_producing(&self) {}
    fn stop_producing(&self) {}
}

/// One life: the layer between a wire and a protocol, and its peer.
struct Life {
    layer: Rc<dyn Deliver>,
    wire: Rc<StringTransport>,
    record: Record,
    paused: Rc<Cell<bool>>,
    clock: Clock,
    peer: Session,
    records: Outgoing,
    heard: Vec<u8>,
    /// How many bytes the peer has sent; each is the low byte of its position.
    sent: usize,
    /// The peer's records were changed, or have other bytes between them.
    is_meddled: bool,
    is_over: bool,
}

impl Life {
    fn new(choice: u8) -> Self {
        let (client, server) = CONFIGS[usize::from(choice & 1)].clone();
        let (record, clock) = (Record::new(), Clock::new());
        let paused = Rc::new(Cell::new(false));
        let is_paused = paused.clone();
        let recorder = Cell::new(Some(Recorder::new(&record).on_data(move |_, _| {
            assert!(!is_paused.get(), "data during a pause");
        })));
        let half_closeable = choice & 4 != 0;
        let factory = factory_fn(move |_| {
            let recorder = recorder.take().expect("built once");
            if half_closeable { recorder.half_closeable() } else { recorder }
        });
        let name = || ServerName::try_from(NAME).expect("a name");
        let started = choice & 8 != 0;
        let is_client = choice & 2 != 0;
        let factory = match (started, is_client) {
            (true, _) => tls::wrap_start_tls(factory, clock.clone()),
            (false, true) => tls::wrap_client(client.clone(), name(), factory, clock.clone()),
            (false, false) => tls::wrap_server(server.clone(), factory, clock.clone()),
        };
        let wire = StringTransport::new();
        let below = wire.as_transport();
        let layer = factory.build_protocol(&below.peer()).expect("one is built");
        layer.deliver(Event::ConnectionMade(&below));
        if started {
            let transport = record.transport();
            match is_client {
                true => tls::start_tls_client(&transport, client.clone(), name(), &[]),
                false => tls::start_tls_server(&transport, server.clone(), &[]),
            }
            .expect("it is open");
        }
        let peer = match is_client {
            true => Session::server(server),
            false => Session::client(client, name()),
        };
        let peer = peer.expect("a session");
        let (records, heard) = (Outgoing::new(), Vec::new());
        let (sent, is_meddled, is_over) = (0, false, false);
        Self { layer, wire, record, paused, clock, peer, records, heard, sent, is_meddled, is_over }
    }

    /// The peer reads what the layer has sent, and what it answers arrives, but for the last bytes.
    fn exchange(&mut self, kept: usize) {
        let mut said = self.wire.value();
        self.wire.clear();
        let _ = self.peer.receive(&mut said, &mut self.heard, &mut self.records);
        let mut said = self.records.to_vec();
        self.records.clear();
        let length = said.len().saturating_sub(kept);
        self.is_meddled |= length < said.len();
        self.arrive(&mut said[..length]);
    }

    fn arrive(&self, data: &mut [u8]) {
        if !self.is_over && !data.is_empty() {
            self.layer.deliver(Event::DataReceived(data));
        }
    }

    /// The peer sends `count` bytes, and closes if it is asked to.
    fn send(&mut self, count: usize, closes: bool) {
        if !self.peer.is_handshaking() {
            let data: Vec<u8> = (self.sent..self.sent + count).map(|at| at as u8).collect();
            if self.peer.send(&data, &mut self.records).is_ok() {
                self.sent += count;
            }
            if closes {
                self.peer.close(&mut self.records);
            }
        }
    }

    /// A byte of what the peer will send next is another.
    fn flip(&mut self, at: usize) {
        let mut said = self.records.to_vec();
        self.records.clear();
        if let Some(byte) = said.get_mut(at) {
            *byte ^= 1 << (at % 8);
            self.is_meddled = true;
        }
        self.arrive(&mut said);
    }

    fn lose(&mut self, reason: &Reason) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.layer.deliver(Event::ConnectionLost(reason));
        }
    }

    /// The stream below ends.
    fn end_of_file(&mut self) {
        if self.is_over {
        } else if self.layer.is_half_closeable() {
            self.layer.deliver(Event::ReadConnectionLost);
        } else {
            self.lose(&Reason::Done);
        }
    }

    /// One step, of two bytes; `rest` are those behind.
    fn step(&mut self, step: u8, number: u8, rest: &[u8]) {
        let (transport, number) = (self.record.transport(), usize::from(number));
        match step % 18 {
            0..=2 => self.exchange(0),
            3 => self.exchange(number),
            4 => self.flip(number),
            5 => {
                self.is_meddled = true;
                self.arrive(&mut rest[..number.min(rest.len())].to_vec());
            }
            6 => self.send(number * 70, false),
            7 => self.send(number, true),
            8 => transport.write(&vec![b'w'; number * 70]),
            9 => transport.lose_connection(),
            10 => transport.abort_connection(),
            11 => transport.lose_connection_with_reset(),
            12 => transport.as_half_closeable().expect("it is").lose_write_connection(),
            13 => {
                let pauses = number % 2 == 0;
                self.paused.set(pauses);
                if pauses { transport.pause_producing() } else { transport.resume_producing() }
            }
            14 => drop(transport.register_producer(Producer::Push(Rc::new(Quiet)))),
            15 => transport.unregister_producer(),
            16 => self.end_of_file(),
            _ => self.clock.advance(Duration::from_millis(number as u64 * 20)),
        }
    }

    fn finish(mut self, reason: &Reason) {
        self.lose(reason);
        self.paused.set(false);
        self.record.transport().resume_producing();
        self.clock.advance(Duration::from_secs(3600));
        let calls = self.record.calls();
        assert_eq!(calls.iter().filter(|call| **call == "connection_lost").count(), 1, "{calls:?}");
        assert_eq!(calls.last(), Some(&"connection_lost"), "{calls:?}");
        let received = self.record.received();
        assert!(received.len() <= self.sent);
        assert!(received.iter().enumerate().all(|(at, byte)| *byte == at as u8));
        assert!(self.heard.iter().all(|byte| *byte == b'w'));
        if let (false, Some(Reason::Tls(failure))) = (self.is_meddled, self.record.lost()) {
            let error = failure.downcast_ref::<tls::TlsError>().expect("no record was wrong");
            assert!(error.is_in_handshake(), "{error}");
        }
        assert_eq!(self.clock.pending(), 0);
    }
}

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    let Some((choice, mut steps)) = data.split_first() else { return };
    let mut life = Life::new(*choice);
    while let Some((&[step, number], rest)) = steps.split_first_chunk() {
        life.step(step, number, rest);
        steps = rest;
    }
    life.finish(&match choice & 16 {
        0 => Reason::Done,
        _ => Reason::Lost(Failure::new(OsError::from_raw_os_error(104))),
    });
}
