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
        let number = |name: &str, look_up: &dyn Fn(&str) -> Option<u32>| {
            name.parse().ok().or_else(|| look_up(name))
        };
        let find = |name: &Option<_>, kind, look_up: &dyn Fn(&str) -> Option<u32>| {
            let Some(name) = name.as_deref() else { return Ok(None) };
            number(name, look_up).map(Some).ok_or_else(|| unknown(kind, name))
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
