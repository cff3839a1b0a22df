//! The user and group that a program goes on as, and its name; Twisted's `IProcess` component.
//!
//! Invariant: groups go first and the user last, as after the user nothing else can be changed; and the result
//! is looked at, not believed.

use std::error::Error;
use std::fmt;
use std::io;

use nix::unistd::{Gid, Uid, getegid, geteuid, getgid, getuid, setgid, setgroups, setuid};

/// The user, group and name of a program from the time on when its ports are open. Twisted's `Process`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessSettings {
    /// The user; `None` is the one that started it.
    pub uid: Option<u32>,
    /// The group; `None` is the one that started it. With a user or a group, the process has no further
    /// groups.
    pub gid: Option<u32>,
    /// The name that the log's lines about the run have; `None` is `runner`.
    pub name: Option<String>,
}

impl ProcessSettings {
    /// Without a user, a group and a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a [`uid`](Self::uid).
    #[must_use]
    pub fn with_uid(mut self, uid: u32) -> Self {
        self.uid = Some(uid);
        self
    }

    /// With a [`gid`](Self::gid).
    #[must_use]
    pub fn with_gid(mut self, gid: u32) -> Self {
        self.gid = Some(gid);
        self
    }

    /// With a [`name`](Self::name).
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Becomes the user and the group, for good.
    ///
    /// # Errors
    ///
    /// [`PrivilegeError`]; the process may have changed in part then, and has to end.
    pub fn drop_privileges(&self, calls: &dyn PrivilegeCalls) -> Result<(), PrivilegeError> {
        let (uid, gid) = (self.uid.unwrap_or(calls.user()), self.gid.unwrap_or(calls.group()));
        let is_there = (calls.user(), calls.group()) == (uid, gid);
        if (self.uid, self.gid) == (None, None) || (is_there && uid != 0) {
            return Ok(());
        }
        let failed = |attempt| move |source| PrivilegeError::Refused { attempt, source };
        calls.set_groups(&[]).map_err(failed("leave the further groups"))?;
        calls.set_group(gid).map_err(failed("change the group"))?;
        calls.set_user(uid).map_err(failed("change the user"))?;
        let is_now = (calls.user(), calls.group());
        if is_now != (uid, gid) {
            return Err(PrivilegeError::NotChanged { uid: is_now.0, gid: is_now.1 });
        }
        if uid != 0 && calls.set_user(0).is_ok() {
            return Err(PrivilegeError::NotForGood);
        }
        Ok(())
    }
}

/// The system calls that change what a process may do. The program's are [`KernelPrivileges`]; tests have
/// their own.
pub trait PrivilegeCalls {
    /// The user that this process is, in effect and by origin: `u32::MAX` where these differ.
    fn user(&self) -> u32;
    /// The group, likewise.
    fn group(&self) -> u32;
    /// setgroups(2).
    ///
    /// # Errors
    ///
    /// The system's.
    fn set_groups(&self, groups: &[u32]) -> io::Result<()>;
    /// setgid(2), of all threads.
    ///
    /// # Errors
    ///
    /// The system's.
    fn set_group(&self, gid: u32) -> io::Result<()>;
    /// setuid(2), of all threads.
    ///
    /// # Errors
    ///
    /// The system's.
    fn set_user(&self, uid: u32) -> io::Result<()>;
}

/// The kernel's calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelPrivileges;

impl PrivilegeCalls for KernelPrivileges {
    fn user(&self) -> u32 {
        if getuid() == geteuid() { getuid().as_raw() } else { u32::MAX }
    }

    fn group(&self) -> u32 {
        if getgid() == getegid() { getgid().as_raw() } else { u32::MAX }
    }

    fn set_groups(&self, groups: &[u32]) -> io::Result<()> {
        let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
        Ok(setgroups(&groups)?)
    }

    fn set_group(&self, gid: u32) -> io::Result<()> {
        Ok(setgid(Gid::from_raw(gid))?)
    }

    fn set_user(&self, uid: u32) -> io::Result<()> {
        Ok(setuid(Uid::from_raw(uid))?)
    }
}

/// Why privileges could not be dropped.
#[derive(Debug)]
#[non_exhaustive]
pub enum PrivilegeError {
    /// The system refused.
    Refused {
        /// The attempt.
        attempt: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The system said yes, and the process is another user or group.
    NotChanged {
        /// Its user.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// The process could become root again.
    NotForGood,
}

impl fmt::Display for PrivilegeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot drop privileges: ")?;
        match self {
            Self::Refused { attempt, .. } => {
                write!(f, "cannot {attempt}; only root can, start the program as root")
            }
            Self::NotChanged { uid, gid } => {
                write!(f, "the process is still of user {uid} and group {gid}")
            }
            Self::NotForGood => f.write_str("the process could take them back"),
        }
    }
}

impl Error for PrivilegeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused { source, .. } => Some(source),
            Self::NotChanged { .. } | Self::NotForGood => None,
        }
    }
}
