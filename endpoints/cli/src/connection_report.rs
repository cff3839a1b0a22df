//! Reports the TLS handshakes that fail, the clients that showed a certificate, and the time limits that pass,
//! with the peer.
//!
//! Invariant: one line for each connection that ends by a time limit, or over TLS before its handshake is
//! done unless this side ended it; one for each client with a certificate; none for any other.
//!
//! ```text
//!           made over TLS            HandshakeCompleted
//!  nothing ───────────────▶ running ─────────────────────▶ its certificate reported, if it has one
//!                              └──lost──▶ reported
//! ```

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use deferred::Chain;
use interfaces::{Address, Deliver, Event, Factory, PeerIdentity, ReactorTime, Reason};
use protocol::layer::{Layer, LayerTransport, WrappingFactory};

use crate::app::App;
use crate::arguments::Reporting;
use crate::dump::Dump;
use crate::log::Kind;
use crate::report;
use crate::status::{Board, Metering, metered};

impl Reporting {
    /// A factory whose accepted connections are reported as these options say.
    pub(crate) fn around(
        &self,
        factory: Rc<dyn Factory>,
        app: &App,
        dump: Option<&Arc<Dump>>,
    ) -> Rc<dyn Factory> {
        let (board, clock) = (app.worker.board(), &app.reactor);
        let metering = Metering { is_told: self.log_connections, dump: dump.cloned() };
        let factory = if self.status.is_some() || metering.is_wanted() {
            metered(factory, board, clock, metering)
        } else {
            factory
        };
        around(factory, board, clock.clone())
    }
}

/// A factory whose accepted connections are reported. Bytes pass through untouched.
fn around(
    factory: Rc<dyn Factory>,
    board: &Arc<Board>,
    clock: impl ReactorTime + Clone + 'static,
) -> Rc<dyn Factory> {
    let (board, clock): (_, Rc<dyn ReactorTime>) = (board.clone(), Rc::new(clock));
    let report = move |peer: &Address| ConnectionReport {
        peer: peer.clone(),
        handshake_began: Cell::new(None),
        board: board.clone(),
        clock: clock.clone(),
    };
    WrappingFactory::new(factory, report).into_rc()
}

/// The report on one connection, if it ends so.
struct ConnectionReport {
    peer: Address,
    /// When the TLS handshake began that is not over.
    handshake_began: Cell<Option<Duration>>,
    board: Arc<Board>,
    clock: Rc<dyn ReactorTime>,
}

impl Layer for ConnectionReport {
    const WRAPS_TRANSPORT: bool = false;

    fn deliver(&self, layer: &LayerTransport<Self>, above: &dyn Deliver, event: Event<'_>) {
        match &event {
            Event::ConnectionMade(transport) => {
                self.handshake_began.set(transport.as_tls().map(|_| self.clock.now()));
            }
            Event::HandshakeCompleted => {
                self.handshake_completed();
                if let Some(identity) = layer.below().and_then(|wire| wire.query()) {
                    self.identified(&identity);
                }
            }
            Event::ConnectionLost(reason) => self.lost(reason),
            _ => {}
        }
        above.deliver(event);
    }
}

impl ConnectionReport {
    fn handshake_completed(&self) {
        if let Some(began) = self.handshake_began.take() {
            self.board.metrics.handshake_took(self.clock.now().saturating_sub(began));
        }
    }

    fn identified(&self, identity: &PeerIdentity) {
        report::repeated(Kind::Client, format_args!("client {} is {identity}", self.peer));
    }

    fn lost(&self, reason: &Reason) {
        let peer = &self.peer;
        if self.handshake_began.get().is_some() {
            self.board.metrics.handshake_failed(reason);
            failed(peer, reason);
        } else if let Reason::TimedOut(deadline) = reason {
            let text =
                format_args!("warning: ended the connection of {peer}: {deadline} timed out");
            report::repeated(Kind::TimeLimit, text);
        }
    }
}

fn failed(peer: &Address, reason: &Reason) {
    let line = |cause: &dyn std::fmt::Display| {
        report::repeated(
            Kind::Handshake,
            format_args!("warning: TLS handshake with {peer} failed: {cause}"),
        );
    };
    match reason {
        // A shutdown, or the relay's other side: that has a line of its own.
        Reason::Aborted | Reason::Stopped => {}
        Reason::Done => line(&"the peer closed the connection"),
        Reason::Tls(cause) => line(&Chain(cause.as_error())),
        Reason::Lost(_)
        | Reason::TimedOut(_)
        | Reason::Truncated
        | Reason::WriteBufferExceeded { .. }
        | Reason::ReactorBufferExceeded { .. }
        | Reason::Panicked(_) => line(&Chain(reason)),
        _ => line(&Chain(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    use endpoints::Registry;
    use interfaces::{Protocol, ReactorCore as _, Transport};
    use reactor::Reactor;
    use reactor::simulated::Simulated;
    use tempfile::TempDir;

    use crate::log::Limiter;
    use protocol::wire::{Discard, Echo};

    /// A client that sends these bytes and, perhaps, closes.
    struct Client {
        sends: Vec<u8>,
        closes: bool,
    }

    impl Protocol for Client {
        fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
            transport.write(&self.sends);
            if self.closes {
                transport.lose_connection();
            }
        }

        fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
    }

    /// An echo in a simulated network that reports, and what it reported.
    struct Scene {
        reactor: Reactor<Simulated>,
        registry: Registry,
        told: Rc<RefCell<Vec<String>>>,
        directory: TempDir,
        runs: Duration,
    }

    impl Scene {
        fn new(layer: &str) -> Self {
            let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
            let directory = TempDir::new().unwrap();
            let (key, certificate) =
                (directory.path().join("key"), directory.path().join("cert.pem"));
            std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
            std::fs::write(&certificate, made.cert.pem()).unwrap();
            let reactor = Reactor::simulated(1);
            let standard = Registry::standard(reactor.clone());
            let registry = ropewalk::tls::register(standard, Rc::new(reactor.clone()));
            let text = match layer {
                "tls" => format!(
                    "ssl:443:privateKey={}:certKey={}",
                    key.display(),
                    certificate.display()
                ),
                _ => "tcp:443".into(),
            };
            let board = Arc::new(Board::new(
                protocol::policies::ConnectionTotal::new(),
                ropewalk::tls::SharedConfigs::new(),
            ));
            let factory = around(protocol::factory_fn(|_| Echo), &board, reactor.clone());
            let server = registry.server(&text).unwrap();
            reactor.call_when_running(Box::new(move || drop(server.listen(factory))));
            let told = Rc::new(RefCell::new(Vec::new()));
            let lines = told.clone();
            report::limit_with(Limiter::new(reactor.clone(), move |_, line| {
                lines.borrow_mut().push(line);
            }));
            Self { reactor, registry, told, directory, runs: Duration::from_secs(30) }
        }

        /// A second after the port opened a client comes; the causes that are told until the stop.
        fn told(self, client: &str, protocol: impl Protocol) -> Vec<String> {
            let endpoint = self.registry.client(client).unwrap();
            let connect = move || drop(protocol::connect_protocol(&*endpoint, protocol));
            self.reactor.call_later(Duration::from_secs(1), Box::new(connect));
            let reactor = self.reactor.clone();
            let stop = Box::new(move || reactor.stop().unwrap());
            self.reactor.call_later(self.runs, stop);
            self.reactor.run().unwrap();
            let told = self.told.take();
            let begin = "warning: TLS handshake with 127.0.0.1:";
            assert!(told.iter().all(|line| line.starts_with(begin)), "{told:?}");
            let cause = |line: &String| line.split_once(" failed: ").unwrap().1.to_owned();
            told.iter().map(cause).collect()
        }
    }

    fn client(sends: &[u8], closes: bool) -> Client {
        Client { sends: sends.to_owned(), closes }
    }

    #[test]
    fn plain_http_is_told() {
        let told =
            Scene::new("tls").told("tcp:127.0.0.1:443", client(b"GET / HTTP/1.1\r\n\r\n", false));
        assert!(told.len() == 1 && told[0].contains("it began with \"G"), "{told:?}");
    }

    #[test]
    fn silence_is_told_when_its_time_is_over() {
        let told = Scene::new("tls").told("tcp:127.0.0.1:443", client(b"", false));
        assert_eq!(told, ["tls handshake timed out"]);
    }

    #[test]
    fn a_port_scan_is_told() {
        let told = Scene::new("tls").told("tcp:127.0.0.1:443", client(b"", true));
        assert_eq!(told.len(), 1, "{told:?}");
    }

    #[test]
    fn a_client_that_does_not_trust_the_server_is_told() {
        let told =
            Scene::new("tls").told("tls:localhost:443:endpoint=tcp\\:127.0.0.1\\:443", Discard);
        assert!(told.len() == 1 && told[0].contains("alert"), "{told:?}");
    }

    #[test]
    fn a_handshake_that_is_done_is_not_told() {
        let scene = Scene::new("tls");
        let trust = scene.directory.path().display().to_string();
        let text = format!("tls:localhost:443:endpoint=tcp\\:127.0.0.1\\:443:trustRoots={trust}");
        assert_eq!(scene.told(&text, client(b"hello", true)), [""; 0]);
    }

    #[test]
    fn a_handshake_that_a_stop_ends_is_not_told() {
        let mut scene = Scene::new("tls");
        scene.runs = Duration::from_secs(5);
        assert_eq!(scene.told("tcp:127.0.0.1:443", client(b"", false)), [""; 0]);
    }

    #[test]
    fn a_connection_without_tls_is_not_told() {
        for closes in [false, true] {
            let told = Scene::new("tcp").told("tcp:127.0.0.1:443", client(b"x", closes));
            assert_eq!(told, [""; 0]);
        }
    }
}
