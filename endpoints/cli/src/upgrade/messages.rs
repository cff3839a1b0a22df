//! The lines that two versions exchange, and who may exchange them.
//!
//! ```text
//!   old ▶ new   ⟨descriptor⟩ socket ADDRESS       for each socket
//!               end
//!   new ▶ old   ready
//!   old ▶ new   gone
//! ```
//!
//! Invariant: no line is longer than its limit, whatever a peer sends.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::rc::Rc;

use interfaces::Transport;

/// The line before which a descriptor comes.
pub(super) const SOCKET: &str = "socket ";
/// Behind the last socket.
pub(super) const END: &str = "end";
/// The new version accepts.
pub(super) const READY: &str = "ready";
/// The old version has released its ports, and the path of the upgrade.
pub(super) const GONE: &str = "gone";

/// The most bytes of a line: an address, be it a path, is shorter.
const LINE_BYTES_MAX: usize = 1024;

/// The lines of what has come.
#[derive(Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// The whole lines that end in these bytes; `None` of a line that is too long, or no text.
    pub(super) fn take(&mut self, data: &[u8]) -> Option<Vec<String>> {
        let mut lines = Vec::new();
        for byte in data {
            match byte {
                b'\n' => lines.push(String::from_utf8(std::mem::take(&mut self.0)).ok()?),
                _ if self.0.len() == LINE_BYTES_MAX => return None,
                byte => self.0.push(*byte),
            }
        }
        Some(lines)
    }
}

/// Whether the other end is a process of this user, or of root.
pub(super) fn is_trusted(transport: &Rc<dyn Transport>) -> bool {
    let Some((_, user, _)) = transport.as_unix().and_then(|unix| unix.peer_credentials()) else {
        return false;
    };
    // The owner of its folder is the user that a process runs as (proc(5)).
    user == 0 || fs::metadata("/proc/self").is_ok_and(|own| own.uid() == user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_are_cut_and_a_long_one_is_refused() {
        let text = b"socket tcp 127.0.0.1:80\nend\nready";
        for cut in 0..text.len() {
            let mut lines = Lines::default();
            let mut found = lines.take(&text[..cut]).unwrap();
            found.extend(lines.take(&text[cut..]).unwrap());
            assert_eq!(found, ["socket tcp 127.0.0.1:80", "end"]);
        }
        assert!(Lines::default().take(&[b'x'; LINE_BYTES_MAX + 1]).is_none());
        assert!(Lines::default().take(b"\xff\n").is_none());
    }
}
