//! The endpoint strings `ssl:` and `tls:`, for servers and clients.
//!
//! Invariant: parsing opens no file and no socket; `listen` and the first `connect` read the files.

mod client;
mod client_arguments;
mod client_authentication;
mod client_config;
mod client_strings;
mod key_pins;
mod paths;
mod server;
mod server_config;
mod server_strings;
mod session_strings;
mod shared_configs;
mod tls_strings;

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use endpoints::Registry;
use interfaces::{ReactorTcp, ReactorTime, Resolver};
use rustls::crypto::CryptoProvider;
use rustls::server::ProducesTickets;

use crate::credentials::CredentialsError;
use crate::renewal::{CertificateRenewal, TellRenewal};
pub use client_config::{CertificateFiles, TlsClientConfig, TlsClientKind, TlsConnect};
pub use server_config::{ServerCertificates, TlsListen, TlsServerConfig};
pub use shared_configs::SharedConfigs;
pub use tls_strings::TlsStrings;

/// In the [layers](endpoints::Description::layers) of a description: TLS that accepts any server, as
/// `verify=danger-none` has it, at whatever depth of the string.
pub const UNVERIFIED_LAYER: &str = "tls-unverified";

/// Adds the kinds `ssl` and `tls`, server and client, to a registry.
///
/// | kind | | by position or by name | by name only |
/// |---|---|---|---|
/// | `ssl` | server | `port`, `privateKey` (server.pem), `certKey` (as `privateKey`), `sslmethod` (TLS_METHOD), `interface` (0.0.0.0), `backlog` (max), `extraCertChain`, `dhParameters` | `endpoint` and those below |
/// | `tls` | server | `path`, `port` (443), `backlog` (max), `interface` (::) | `endpoint` and those below |
/// | `ssl` | client | `host`, `port` | `timeout` (30), `bindAddress`, `certKey`, `privateKey`, `caCertsDir`, `hostname`, `verify` and those below |
/// | `tls` | client | `host`, `port`, `timeout` (30), `bindAddress`, `certificate`, `privateKey`, `trustRoots`, `endpoint` | `verify`, `hostname` and those below |
///
/// | by name | side | meaning |
/// |---|---|---|
/// | `reload` | both | how long passes between two looks at the files of certificates and of trusted authorities (10 s), or at least passes, where a client connects; `0`: none |
/// | `ocsp` | `ssl` server | a file with the OCSP response for the certificate, in DER, which is stapled to it; a server of kind `tls` staples what is in `own.pem.ocsp` to the certificate in `own.pem` |
/// | `unknownName` | `tls` server | `refuse` (alert 112), or `default`: a name that no certificate is for gets the one for clients without a name |
/// | `clientCA` | server | file or directory: clients have to show a certificate that one of it vouches for |
/// | `clientAuth` | server | `required` (the default next to `clientCA`), or `wanted`: a client may show none |
/// | `clientCN`, `clientDNS`, `clientURI`, `clientPin` | server | takes only the clients that one of these is true of: common names, DNS names, URIs, keys |
/// | `roots` | client | `public` (webpki-roots, the default), or `system` with the feature `system-roots` |
/// | `pin` | client | takes only servers with one of these keys: `sha256/` and base64, or hexadecimal digits |
/// | `eof` | both | `strict` (the default), or `lenient`: an end without `close_notify` counts as one with it, for peers that send none and protocols that say themselves where a message ends |
/// | `alpn` | both | application protocols, the preferred one first: `h2,http/1.1` |
/// | `minVersion`, `maxVersion` | both | `1.2` or `1.3` |
/// | `groups` | both | key exchanges, the preferred one first: `x25519,secp256r1` leaves the large post-quantum hybrid out |
/// | `tickets` | both | `no`: sessions are not resumed |
/// | `keyLog` | both | a file for the keys of sessions, as Wireshark reads it |
///
/// `caCertsDir` and `trustRoots` are a file, or a directory of files whose names end in `.pem`, `.crt` or
/// `.cer`, or are as `openssl rehash` makes them. A server whose certificate is itself there is trusted, too,
/// for its dates and names. Lists have commas between their items.
///
/// A server of kind `ssl` has one certificate, one of kind `tls` has a directory of such files,
/// and shows each client the certificate for the name that it asks for, exact or wildcard. The value
/// of `endpoint` is an endpoint string of its own, of the same side: TLS runs over its connections. So
/// `ssl:endpoint=haproxy\:tcp\:443` has a PROXY header before TLS, and `haproxy:ssl:443` one inside it, as
/// in Twisted.
///
/// A server uses the first of the provider's cipher suites that the client has, too, and ignores the
/// client's order; a client offers them in the provider's order.
///
/// # Errors
///
/// A string is a [`ParseError`](endpoints::ParseError). Files fail `listen` and `connect` with
/// [`CredentialsError`](crate::CredentialsError).
///
/// # Examples
///
/// ```no_run
/// # fn example<R>(reactor: R, registry: endpoints::Registry) -> Result<(), endpoints::ParseError>
/// # where R: interfaces::ReactorTcp + interfaces::Resolver + interfaces::ReactorTime + 'static {
/// let registry = ropewalk_tls::register(registry, reactor);
/// let server = registry.server("ssl:443:privateKey=key.pem:certKey=chain.pem")?;
/// let client = registry.client("tls:example.com:443")?;
/// # let _ = (server, client);
/// # Ok(())
/// # }
/// ```
///
/// # Differences from Twisted
///
/// - Clients always verify the server: by the roots in `caCertsDir` or `trustRoots`, else by the
///   public ones of webpki-roots, and against `hostname`, else the host. In Twisted an `ssl` client
///   verifies nothing of that unless asked. `verify=danger-none` turns it off, and the description
///   then has the layer [`UNVERIFIED_LAYER`], so that a program can tell of it.
/// - Files are opened when they are needed, not when the string is parsed. They have to be regular ones,
///   of at most 16 MiB: a FIFO or a device could hold the program up for ever.
/// - A client's directory without a certificate, and a server's without a pair of certificate and
///   key, are errors.
/// - A private key without its certificate is an error, where Twisted ignores it.
/// - `dhParameters` is refused, as rustls has elliptic curves only.
/// - `sslmethod` takes `TLS_METHOD`, `SSLv23_METHOD`, `TLSv1_2_METHOD` and `TLSv1_3_METHOD`.
/// - `timeout` and `bindAddress` next to `endpoint` are errors, where Twisted ignores them.
/// - An empty `interface` of a `tls` server is every address, as one that is left out; Twisted then listens on IPv4.
/// - The cipher suites are the provider's, in its order; Twisted's list begins with AES-256.
/// - The certificate for a client without a name is that of the file `default.pem`, else of the first file
///   in the order of their paths. Upper and lower case in names do not matter, nor does a dot at their end.
/// - Files that change are looked at every ten seconds, not at each name that is unknown, which any client
///   can send; and are used once they have stopped changing and are right. Twisted reads a folder again at
///   each unknown name and then goes on with what it had at first.
pub fn register_with_provider<R>(
    registry: Registry,
    reactor: R,
    provider: Arc<CryptoProvider>,
) -> Registry
where
    R: ReactorTcp + Resolver + ReactorTime + 'static,
{
    TlsStrings::with_provider(provider).register(registry, reactor)
}

/// [`register_with_provider`], with [`default_provider`](crate::default_provider): aws-lc-rs, or ring
/// where that feature is off, and AES-128 before AES-256.
///
/// Here a server stores no sessions: it seals them into tickets that the clients keep, for any number of
/// clients, with keys that change every six hours and are never written anywhere. With TLS 1.2, an
/// attacker who reads the server's memory before the second change can decrypt recordings of these
/// sessions. With `register_with_provider` a server stores the last 256 sessions instead.
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub fn register<R>(registry: Registry, reactor: R) -> Registry
where
    R: ReactorTcp + Resolver + ReactorTime + 'static,
{
    TlsStrings::new().register(registry, reactor)
}

/// The reactor and provider that every endpoint from a string uses.
#[derive(Clone)]
struct Context {
    reactor: Rc<dyn Network>,
    time: Rc<dyn ReactorTime>,
    provider: Arc<CryptoProvider>,
    ticketer: Ticketer,
    shared: Option<SharedConfigs>,
    tell: Tell,
    tell_renewal: TellRenewal,
}

/// A configuration whose certificates are renewed.
struct RenewableConfig<C> {
    config: Arc<C>,
    renewal: CertificateRenewal,
}

impl<C> RenewableConfig<C> {
    fn of((config, renewal): (C, CertificateRenewal)) -> Arc<Self> {
        Arc::new(Self { config: Arc::new(config), renewal })
    }
}

/// Makes the ticketer that seals a server's sessions, where sessions are sealed.
type Ticketer = fn() -> Option<Arc<dyn ProducesTickets>>;

/// Takes what an operator should know of the files.
type Tell = Rc<dyn Fn(&CredentialsError)>;

/// The abilities that TCP endpoints need, of one reactor.
trait Network: ReactorTcp + Resolver + ReactorTime {}

impl<R: ReactorTcp + Resolver + ReactorTime> Network for R {}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context")
    }
}
