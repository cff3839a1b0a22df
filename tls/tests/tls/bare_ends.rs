//! Ends of the stream below that no `close_notify` came before, where the options are lenient.

use std::rc::Rc;
use std::sync::Arc;

use interfaces::{Event, Protocol, Reason, StreamServerEndpoint as _, Transport};
use protocol::factory_fn;
use protocol::testing::Recorder;
use rustls::pki_types::ServerName;

use crate::by_hand::{ByHand, ROLES, Role, Told};
use crate::certificates::{Authority, VERSIONS};
use crate::delivery::reset;
use crate::machine::{Files, Machine};
use crate::talk::{NAME, tls_error};
use crate::tls::{BareEnd, Outgoing, Session, TlsError, TlsOptions};

/// A connection after its handshake, whose peer has said "hello".
fn lenient(
    version: &'static rustls::SupportedProtocolVersion,
    role: Role,
    protocol: impl FnOnce(Recorder) -> Recorder,
) -> ByHand {
    let options = TlsOptions::default().with_bare_end(BareEnd::Lenient);
    let mut by_hand = ByHand::with_options(version, role, options, protocol);
    by_hand.establish();
    by_hand.peer.send(b"hello", &mut by_hand.records).unwrap();
    by_hand
}

/// Each version and role.
fn each(run: impl Fn(&'static rustls::SupportedProtocolVersion, Role)) {
    for version in VERSIONS {
        ROLES.into_iter().for_each(|role| run(version, role));
    }
}

#[test]
fn an_end_between_two_records_is_a_clean_end_told_once_behind_what_arrived() {
    each(|version, role| {
        let mut by_hand = lenient(version, role, |protocol| protocol);
        by_hand.send();
        assert!(!by_hand.layer().is_half_closeable(), "the transport below ends both ways");
        by_hand.lose(&Reason::Done);
        by_hand.turn();
        assert_eq!(by_hand.record.received(), b"hello");
        assert!(matches!(by_hand.record.lost(), Some(Reason::Done)), "{by_hand:?}");
        assert_eq!(by_hand.record.count("connection_lost"), 1);
    });
}

#[test]
fn an_end_inside_a_record_is_a_cut() {
    each(|version, role| {
        let mut by_hand = lenient(version, role, |protocol| protocol);
        let said = by_hand.said();
        for count in [1, 5, said.len() - 1] {
            let mut by_hand = lenient(version, role, |protocol| protocol);
            let mut said = by_hand.said();
            by_hand.deliver(&mut said[..count]);
            by_hand.lose(&Reason::Done);
            assert!(matches!(by_hand.record.lost(), Some(Reason::Truncated)), "{by_hand:?}");
        }
    });
}

#[test]
fn an_end_inside_the_handshake_is_a_failed_handshake() {
    each(|version, role| {
        let options = TlsOptions::default().with_bare_end(BareEnd::Lenient);
        let by_hand = ByHand::with_options(version, role, options, |protocol| protocol);
        by_hand.lose(&Reason::Done);
        let reason = by_hand.record.lost().unwrap();
        assert_eq!(tls_error(&reason), TlsError::ClosedInHandshake);
    });
}

#[test]
fn a_reset_is_no_end() {
    each(|version, role| {
        let mut by_hand = lenient(version, role, |protocol| protocol);
        by_hand.send();
        by_hand.lose(&reset());
        assert!(matches!(by_hand.record.lost(), Some(Reason::Lost(_))), "{by_hand:?}");
    });
}

#[test]
fn a_protocol_that_half_closes_answers_behind_the_end() {
    each(|version, role| {
        let mut by_hand = lenient(version, role, |protocol| {
            protocol.on_read_lost(|transport| {
                transport.write(b"answer");
                transport.lose_connection();
            })
        });
        by_hand.send();
        assert!(by_hand.layer().is_half_closeable());
        by_hand.layer().deliver(Event::ReadConnectionLost);
        by_hand.layer().deliver(Event::ReadConnectionLost);
        let _ = by_hand.take();
        assert_eq!(by_hand.heard, b"answer");
        assert!(by_hand.heard_the_end, "this side sends its close_notify all the same");
        assert_eq!(by_hand.wire.told(), [Told::Lose]);
        by_hand.lose(&Reason::Done);
        assert_eq!(by_hand.record.count("read_connection_lost"), 1);
        assert!(matches!(by_hand.record.lost(), Some(Reason::Done)), "{by_hand:?}");
    });
}

#[test]
fn a_protocol_that_has_paused_is_told_behind_what_arrived() {
    each(|version, role| {
        let mut by_hand = lenient(version, role, |protocol| {
            protocol.on_data(|transport, _| transport.pause_producing())
        });
        by_hand.send();
        by_hand.peer.send(b" world", &mut by_hand.records).unwrap();
        by_hand.send();
        by_hand.lose(&Reason::Done);
        by_hand.turn();
        assert_eq!(by_hand.record.received(), b"hello");
        assert!(by_hand.record.lost().is_none(), "{by_hand:?}");
        for _ in 0..2 {
            by_hand.record.transport().resume_producing();
            by_hand.turn();
        }
        assert_eq!(by_hand.record.received(), b"hello world");
        assert!(matches!(by_hand.record.lost(), Some(Reason::Done)), "{by_hand:?}");
    });
}

/// A peer that says "hello" over TLS after its handshake, and closes without `close_notify`.
struct Rude {
    session: Session,
    has_spoken: bool,
}

impl Rude {
    fn new(session: Session) -> Self {
        Self { session, has_spoken: false }
    }

    fn receive(&mut self, transport: &Rc<dyn Transport>, data: &mut [u8]) {
        let (mut plaintext, mut records) = (Vec::new(), Outgoing::new());
        let received = self.session.receive(data, &mut plaintext, &mut records);
        assert!(received.failure.is_none(), "{received:?}");
        let speaks = !self.session.is_handshaking() && !self.has_spoken;
        if speaks {
            self.has_spoken = true;
            self.session.send(b"hello", &mut records).unwrap();
        }
        transport.write(&records);
        if speaks {
            transport.lose_connection();
        }
    }
}

impl Protocol for Rude {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.receive(transport, &mut []);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.receive(transport, &mut data.to_vec());
    }
}

fn is_clean(reason: Option<Reason>) -> bool {
    match reason {
        Some(Reason::Done) => true,
        Some(Reason::Truncated) => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn strings_of_servers_say_so() {
    for (option, clean) in [("", false), (":eof=strict", false), (":eof=lenient", true)] {
        let (machine, files, authority) = (Machine::new(), Files::new(), Authority::new());
        let own = authority.identity(NAME);
        let pem = files.write("own.pem", &(own.key_pem() + &own.certificate_pem));
        let record = machine.serve_recorded(&format!("ssl:443:{pem}{option}")).unwrap();
        let config = Arc::new(authority.client(VERSIONS[0]));
        let name = ServerName::try_from(NAME).unwrap();
        let client = Rude::new(Session::client(config, name).unwrap());
        let endpoint = machine.network.client("443");
        drop(protocol::connect_protocol(&endpoint, client));
        machine.network.flush();
        assert_eq!(record.received(), b"hello");
        assert_eq!(is_clean(record.lost()), clean, "`{option}`");
    }
}

#[test]
fn strings_of_clients_say_so() {
    for (kind, option, clean) in [
        ("tls", "", false),
        ("tls", ":eof=strict", false),
        ("tls", ":eof=lenient", true),
        ("ssl", ":eof=lenient", true),
    ] {
        let (machine, files, authority) = (Machine::new(), Files::new(), Authority::new());
        let config = Arc::new(authority.identity("a.example").server());
        let server = factory_fn(move |_| Rude::new(Session::server(config.clone()).unwrap()));
        drop(machine.network.server("443").listen(server));
        let trusted = files.write("authority.pem", authority.pem());
        let roots = if kind == "tls" { "trustRoots" } else { "caCertsDir" };
        let text = format!("{kind}:a.example:443:{roots}={trusted}{option}");
        let record = machine.call(&text).unwrap();
        assert_eq!(record.received(), b"hello");
        assert_eq!(is_clean(record.lost()), clean, "{text}");
    }
}

#[test]
fn another_word_is_a_mistake() {
    let registry = Machine::new().registry();
    let error = registry.parse_client("tls:a.example:443:eof=maybe").unwrap_err().to_string();
    assert!(error.contains("`strict` or `lenient`"), "{error}");
}
