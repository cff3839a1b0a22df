//! Certificates that change in their files while a server runs.
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

mod event;
mod handle;
mod renewal_error;
#[cfg(feature = "endpoints")]
mod timer;

pub use event::Renewal;
pub use handle::CertificateRenewal;
pub use renewal_error::{RenewalError, RenewalFault};
#[cfg(feature = "endpoints")]
pub(crate) use timer::{TellRenewal, renewing};
