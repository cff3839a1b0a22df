//! The owner of a socket's file: the names of a user and of a group, looked up, and given to the file.
//!
//! Invariant: both names are known before anything is opened.

use std::io;
use std::os::unix::fs::lchown;
use std::path::Path;

use interfaces::{Address, ListenError, ListenUnix, OwnerKind};
use nix::unistd::{Group, User};

/// The numbers of a user and a group; `None` leaves what the file has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FileOwner {
    user: Option<u32>,
    group: Option<u32>,
}

impl FileOwner {
    /// Looks the names up, in files or wherever the system's switch says (nsswitch.conf(5)), which may block.
    pub(super) fn of(options: &ListenUnix) -> Result<Self, ListenError> {
        let unknown = |kind, name: &str| ListenError::UnknownOwner {
            address: Address::Unix(options.address.clone()),
            kind,
            name: name.into(),
        };
        let user = |name: &str| User::from_name(name).ok().flatten().map(|user| user.uid.as_raw());
        let group = |name: &str| Group::from_name(name).ok().flatten().map(|it| it.gid.as_raw());
        let find = |name: &Option<_>, kind, look_up: &dyn Fn(&str) -> Option<u32>| {
            let Some(name) = name.as_deref() else { return Ok(None) };
            numbered(name, look_up).map(Some).ok_or_else(|| unknown(kind, name))
        };
        Ok(Self {
            user: find(&options.owner, OwnerKind::User, &user)?,
            group: find(&options.group, OwnerKind::Group, &group)?,
        })
    }

    /// Gives the file to them.
    pub(super) fn give(self, path: &Path) -> io::Result<()> {
        match (self.user, self.group) {
            (None, None) => Ok(()),
            (user, group) => lchown(path, user, group),
        }
    }
}

/// The number of a name; else digits are the number itself, which a `+` before them says in any case, as to
/// chown(1).
fn numbered(name: &str, look_up: &dyn Fn(&str) -> Option<u32>) -> Option<u32> {
    let digits = name.strip_prefix('+').unwrap_or(name);
    // chown(2) takes the highest number for none.
    let number = || {
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|number| is_number && *number != u32::MAX)
    };
    let named = if name.starts_with('+') { None } else { look_up(name) };
    named.or_else(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_before_digits_as_for_chown() {
        let look_up = |name: &str| (name == "1000" || name == "web").then_some(7);
        for (name, number) in [
            ("web", Some(7)),
            ("1000", Some(7)),
            ("+1000", Some(1000)),
            ("33", Some(33)),
            ("0", Some(0)),
            ("+web", None),
            ("++1", None),
            ("-1", None),
            ("4294967294", Some(4_294_967_294)),
            ("4294967295", None),
            ("4294967296", None),
            ("", None),
            ("+", None),
            ("1 ", None),
            ("no-such-user", None),
        ] {
            assert_eq!(numbered(name, &look_up), number, "{name}");
        }
    }
}
