//! Reports the TLS handshakes that fail, with peer and cause.
//!
//! Invariant: one line for each connection over TLS that ends before its handshake is done, unless
//! this side ended it; none for any other.
//!
//! ```text
//!                      made over TLS            handshake_completed
//!  NoHandshake ───────────────────────▶ Running ───────────────────▶ NoHandshake
//!                                          └──lost──▶ reported
//! ```

use std::rc::Rc;

use deferred::Chain;
use interfaces::{HalfCloseableProtocol, HandshakeListener, Protocol, Reason, Transport};

use crate::log::Kind;
use crate::report;

/// A protocol of accepted connections whose failed handshakes are reported. Bytes pass through it untouched.
pub(crate) struct HandshakeReport<P> {
    protocol: P,
    handshake: Handshake,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Handshake {
    /// There is none, or it is done.
    NoHandshake,
    Running,
}

impl<P: Protocol> HandshakeReport<P> {
    /// Reports for the connection that `protocol` will run on.
    pub(crate) fn new(protocol: P) -> Self {
        Self { protocol, handshake: Handshake::NoHandshake }
    }
}

impl<P: Protocol> Protocol for HandshakeReport<P> {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        if transport.as_tls().is_some() {
            self.handshake = Handshake::Running;
        }
        self.protocol.connection_made(transport);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.protocol.data_received(transport, data);
    }

    fn connection_lost(&mut self, transport: &Rc<dyn Transport>, reason: &Reason) {
        if self.handshake == Handshake::Running {
            failed(transport, reason);
        }
        self.protocol.connection_lost(transport, reason);
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        self.protocol.as_half_closeable()
    }

    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        Some(self)
    }
}

impl<P: Protocol> HandshakeListener for HandshakeReport<P> {
    fn handshake_completed(&mut self, transport: &Rc<dyn Transport>) {
        self.handshake = Handshake::NoHandshake;
        if let Some(role) = self.protocol.as_handshake_listener() {
            role.handshake_completed(transport);
        }
    }
}

fn failed(transport: &Rc<dyn Transport>, reason: &Reason) {
    let peer = transport.peer();
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
        | Reason::Panicked(_) => line(&Chain(reason)),
        _ => line(&Chain(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::time::Duration;

    use endpoints::Registry;
    use interfaces::ReactorCore as _;
    use reactor::Reactor;
    use reactor::simulated::Simulated;
    use tempfile::TempDir;

    use crate::log::Limiter;
    use crate::protocols::{Discard, Echo};

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
            let factory = protocol::factory_fn(|_| HandshakeReport::new(Echo));
            let server = registry.server(&text).unwrap();
            reactor.call_when_running(Box::new(move || drop(server.listen(factory))));
            let told = Rc::new(RefCell::new(Vec::new()));
            let lines = told.clone();
            report::limit_with(Limiter::new(reactor.clone(), move |line| {
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
