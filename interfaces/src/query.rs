//! A question to a connection and the layers on it, by the type of the answer.
//!
//! A layer knows what it alone knows: the peer's certificates, the address that a proxy told, the
//! credentials of a process. Invariant: the outermost layer that answers is heard, and no other.

use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

use crate::{Transport, printable};

/// A question that goes from a connection's outermost layer to its wire: is there a `T`?
///
/// Made by [`query`](trait.Transport.html#method.query), which protocols call; a transport
/// [answers](Transport::answer) it.
pub struct Query<'a> {
    /// An `Option<T>`.
    answer: &'a mut dyn Any,
}

impl Query<'_> {
    /// Answers, if this is the type that was asked for and no layer above has answered. `value` is
    /// called only then. Called by implementers of [`Transport::answer`], once for each type they know.
    pub fn answer_with<T: 'static>(&mut self, value: impl FnOnce() -> T) -> &mut Self {
        if let Some(answer @ None) = self.answer.downcast_mut::<Option<T>>() {
            *answer = Some(value());
        }
        self
    }

    /// Whether this is the type that is asked for: for a layer that hides the answers below it.
    pub fn asks_for<T: 'static>(&self) -> bool {
        self.answer.is::<Option<T>>()
    }
}

impl fmt::Debug for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query").finish_non_exhaustive()
    }
}

impl dyn Transport {
    /// What the connection or one of its layers knows of this type, the outermost layer first; `None`
    /// where none of them does. May be called at any time; a layer that learns its answer by a
    /// handshake has none before. Twisted reaches through a wrapper by its attributes.
    ///
    /// Known in this workspace: [`PeerCertificates`], [`PeerIdentity`] and an `Rc` of
    /// [`TlsTransport`](crate::TlsTransport) over TLS, [`PeerCredentials`] over UNIX sockets,
    /// `endpoints::haproxy::ProxyHeader` behind a proxy, and what the policies of the crate `protocol` let their connections change.
    pub fn query<T: 'static>(&self) -> Option<T> {
        let mut answer = None::<T>;
        self.answer(&mut Query { answer: &mut answer });
        answer
    }
}

/// The certificates that the peer showed in its TLS handshake, in DER, its own first: an answer to
/// [`query`](trait.Transport.html#method.query) through any layers. Twisted's `getPeerCertificate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificates(pub Vec<Vec<u8>>);

/// The names in the certificate that the peer showed in its TLS handshake: an answer to
/// [`query`](trait.Transport.html#method.query) through any layers, when the handshake is done. They are as true
/// as this side's verification of the certificate: a server lets no client in whose certificate its authorities
/// do not vouch for, and a client that verifies nothing knows nothing.
///
/// It is shown on one line, with the peer's text escaped: ``CN `web`, DNS `web.example`, sha256:0a1b…``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The first common name of the subject.
    pub common_name: Option<String>,
    /// The DNS names, in lower case.
    pub dns_names: Vec<String>,
    /// The URIs, such as `spiffe://example.org/web`.
    pub uris: Vec<String>,
    /// The SHA-256 of the certificate in DER, as `openssl x509 -fingerprint -sha256` has it.
    pub fingerprint: [u8; 32],
}

/// How many names of each kind are shown.
const NAMES_SHOWN_MAX: usize = 4;

impl fmt::Display for PeerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let common_name = self.common_name.iter().map(|name| ("CN", name));
        let dns_names = self.dns_names.iter().map(|name| ("DNS", name)).take(NAMES_SHOWN_MAX);
        let uris = self.uris.iter().map(|uri| ("URI", uri)).take(NAMES_SHOWN_MAX);
        for (kind, name) in common_name.chain(dns_names).chain(uris) {
            write!(f, "{kind} `{}`, ", printable(name.as_bytes()))?;
        }
        f.write_str("sha256:")?;
        self.fingerprint.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The process at the other end of a UNIX socket when it connected (`SO_PEERCRED`, unix(7)): an answer
/// to [`query`](trait.Transport.html#method.query) through any layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCredentials {
    /// The number of the process.
    pub process: u32,
    /// The number of its user.
    pub user: u32,
    /// The number of its group.
    pub group: u32,
}
