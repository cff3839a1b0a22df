//! The connection of a probe.
//!
//! Invariant: it is closed as soon as it stands: over TLS, when the handshake is done.

use std::rc::Rc;

use deferred::{Chain, Deferred, Failure, Promise};
use interfaces::{
    HandshakeListener, Protocol, Reason, StreamClientEndpoint, TlsTransport, Transport,
};

use super::chain::chain;
use super::findings::TlsFindings;
use super::trace::between;
use super::{Findings, Trace};

/// Connects, and fills in what came of it.
pub(crate) async fn visit(
    endpoint: Rc<dyn StreamClientEndpoint>,
    trace: Rc<Trace>,
    mut findings: Findings,
) -> Findings {
    let (stood, promise) = Deferred::<Standing>::new();
    let visitor = Visitor { trace: trace.clone(), promise: Some(promise), began: 0.0 };
    let stands = match protocol::connect_protocol(&*endpoint, visitor).await {
        Ok(_protocol) => stood.await,
        Err(failure) => {
            // The visitor was dropped with its promise, or never ran.
            drop(stood.add_errback(|_| Ok(Standing::default())));
            Err(failure)
        }
    };
    match stands {
        Ok(Standing { peer, tls }) => {
            findings.ok = true;
            findings.peer = Some(peer);
            findings.tls = tls;
        }
        Err(failure) => findings.error = Some(Chain(failure.as_error()).to_string()),
    }
    findings.look_ups = trace.look_ups();
    findings.attempts = trace.attempts();
    findings.seconds = trace.seconds();
    findings
}

/// A connection that stands.
#[derive(Default)]
struct Standing {
    peer: String,
    tls: Option<TlsFindings>,
}

struct Visitor {
    trace: Rc<Trace>,
    promise: Option<Promise<Standing>>,
    /// When the connection was made.
    began: f64,
}

impl Visitor {
    fn stands(&mut self, transport: &Rc<dyn Transport>, tls: Option<TlsFindings>) {
        let peer = transport.peer().to_string();
        transport.lose_connection();
        if let Some(promise) = self.promise.take() {
            promise.callback(Standing { peer, tls });
        }
    }

    fn tls(&self, tls: &dyn TlsTransport) -> TlsFindings {
        let text = |text: Option<Rc<str>>| text.map(|text| text.to_string());
        let alpn = tls.negotiated_protocol();
        TlsFindings {
            version: text(tls.version()),
            cipher_suite: text(tls.cipher_suite()),
            alpn: alpn.map(|name| name.escape_ascii().to_string()),
            seconds: between(self.began, self.trace.seconds()),
            chain: chain(&tls.peer_certificates()),
        }
    }
}

impl Protocol for Visitor {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.began = self.trace.seconds();
        if transport.as_tls().is_none() {
            self.stands(transport, None);
        }
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        if let Some(promise) = self.promise.take() {
            promise.errback(Failure::new(reason.clone()));
        }
    }

    fn as_handshake_listener(&mut self) -> Option<&mut dyn HandshakeListener> {
        Some(self)
    }
}

impl HandshakeListener for Visitor {
    fn handshake_completed(&mut self, transport: &Rc<dyn Transport>) {
        let tls = transport.as_tls().map(|tls| self.tls(tls));
        self.stands(transport, tls);
    }
}
