//! How peers' certificates are verified, and how a refusal is told.
//!
//! Invariant: rustls's own verifier decides; what is added here only accepts a certificate that is itself
//! trusted, or refuses one that it accepted.

mod any_certificate;
mod client_names;
mod client_verifier;
mod key_pin;
mod peer_identity;
mod refusal;
mod refusal_text;
mod server_verifier;

pub(crate) use any_certificate::AnyCertificate;
pub use client_names::ClientNames;
pub(crate) use client_verifier::ClientVerifier;
pub use key_pin::{KeyPin, KeyPinError};
pub(crate) use peer_identity::peer_identity;
pub use refusal::CertificateRefusal;
pub(crate) use refusal::{noted, took};
pub(crate) use server_verifier::ServerVerifier;
