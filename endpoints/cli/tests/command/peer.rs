//! Programs of others that a test talks with.

use std::env;
use std::path::Path;
use std::process::Command;

/// The program, or none where it is not installed.
///
/// # Panics
///
/// When it is not installed and `ROPEWALK_PEERS=required`.
pub(crate) fn find(program: &str) -> Option<Command> {
    let path = env::var_os("PATH").unwrap_or_default();
    if env::split_paths(&path).any(|directory| directory.join(program).is_file()) {
        return Some(Command::new(program));
    }
    skip(&format!("{program} is not installed"));
    None
}

/// Says why a test proves nothing here.
///
/// # Panics
///
/// When `ROPEWALK_PEERS=required`.
pub(crate) fn skip(reason: &str) {
    let required = env::var_os("ROPEWALK_PEERS").is_some_and(|value| value == "required");
    assert!(!required, "ROPEWALK_PEERS=required, but {reason}");
    eprintln!("skipped: {reason}");
}

/// Whether this machine has IPv6 on its loopback interface.
pub(crate) fn has_ipv6() -> bool {
    let has =
        Path::new("/proc/net/if_inet6").exists() && std::net::TcpListener::bind("[::1]:0").is_ok();
    if !has {
        skip("there is no IPv6 here");
    }
    has
}
