//! Certificates that change in their files while a program runs.
//!
//! ```text
//!   files ─▶ stamps ─ as before ──────────────────────────────▶ nothing
//!              │ changed, and the same at the next look
//!              ▼
//!            loaded ─ checked ─ wrong ─▶ refused: told, the old ones stay
//!                        │ right
//!                        ▼
//!                     shown in the next handshake
//! ```
//!
//! Invariant: what a handshake shows was read whole and checked, and is one pair of one reading.

mod authorities;
mod client_authorities;
mod event;
mod handle;
mod own_certificates;
mod renewal_error;
mod server_authorities;
mod sessions;
#[cfg(feature = "endpoints")]
mod timer;
mod watched;

pub use event::Renewal;
pub use handle::CertificateRenewal;
pub(crate) use handle::{ClientParts, ServerParts};
pub use renewal_error::{RenewalError, RenewalFault};
#[cfg(feature = "endpoints")]
pub(crate) use timer::{TellRenewal, renewing};
