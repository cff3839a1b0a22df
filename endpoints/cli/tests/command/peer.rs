//! Programs of others that a test talks with.

use std::path::Path;

use testkit::skip_without_peer;

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
        skip_without_peer("there is no IPv6 on the loopback interface");
    }
    has
}
