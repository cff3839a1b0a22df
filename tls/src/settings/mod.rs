//! The settings of TLS clients and servers as types, which rustls's configurations are made of.
//!
//! Invariant: settings hold paths and choices; files are read when a configuration is made.

mod client_settings;
mod key_log;
mod server_settings;
mod session_settings;
mod version_range;

pub use client_settings::{ClientSettings, Trust};
pub use server_settings::{ClientAuthentication, ServerSettings};
pub use session_settings::SessionSettings;
pub use version_range::{EmptyVersionRange, TlsVersion, VersionRange};
