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

/// Whether a program listens on the UNIX socket; found out without a connection to it.
///
/// The file is there from bind(2) on, and until listen(2) a client is refused. The kernel tells
/// them apart: `__SO_ACCEPTCON` among the flags of /proc/net/unix (unix(7), proc_net(5)).
pub(crate) fn is_listening(path: &Path) -> bool {
    let sockets = std::fs::read_to_string("/proc/net/unix").unwrap();
    sockets.lines().any(|line| {
        let mut columns = line.split_whitespace();
        let flags = columns.nth(3).and_then(|flags| u32::from_str_radix(flags, 16).ok());
        let bound = columns.nth(3);
        bound.map(Path::new) == Some(path) && flags.is_some_and(|flags| flags & 0x1_0000 != 0)
    })
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
