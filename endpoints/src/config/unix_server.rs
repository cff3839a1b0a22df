//! [`UnixServerConfig`]: the strings of servers of kind `unix`, as a value.
//!
//! Invariant: a name that the system cuts short or refuses is an error.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use interfaces::{BACKLOG_MAX, ListenUnix, LockFile, ReactorUnix};

use super::unix_name::ABSTRACT;
use super::{EndpointConfig, UnixName, checked, endpoint_config};
use crate::readers::lock_file_value;
use crate::{Argument, Arguments, ParseError, Side, UnixServerEndpoint, Value};

const NAMES: [&str; 4] = ["address", "mode", "backlog", "lockfile"];
const OPTIONS: [&str; 3] = [ABSTRACT, "owner", "group"];

/// Read and write for the owner.
const MODE: u32 = 0o600;

/// A string of a server of kind `unix`.
///
/// # Examples
///
/// ```
/// use ropewalk_endpoints::{UnixName, UnixServerConfig};
///
/// let mut listen = UnixServerConfig::new(UnixName::Path("/run/a:b".into()));
/// listen.mode = 0o660;
/// let text = listen.to_string();
/// assert_eq!(text, r"unix:address=/run/a\:b:mode=0660:backlog=max:lockfile=1");
/// assert_eq!(text.parse(), Ok(listen));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnixServerConfig {
    /// The name.
    pub address: UnixName,
    /// The permission bits of the file. Default 0600; an abstract name has no others.
    pub mode: u32,
    /// How many connections the kernel keeps before they are accepted. Default [`BACKLOG_MAX`], printed as `max`.
    pub backlog: u32,
    /// Whether `PATH.lock` is used. Default: for a path.
    pub lock_file: LockFile,
    /// The file's owner, by name or number. Default: this process's user.
    pub owner: Option<String>,
    /// The file's group, by name or number. Default: this process's.
    pub group: Option<String>,
}

impl UnixServerConfig {
    /// On this name, with the defaults of a string.
    pub fn new(address: UnixName) -> Self {
        let lock_file = if address.is_path() { LockFile::Used } else { LockFile::Ignored };
        let (owner, group) = (None, None);
        Self { address, mode: MODE, backlog: BACKLOG_MAX, lock_file, owner, group }
    }

    /// The endpoint.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for a value that no string means, at its place in the string that it prints.
    pub fn server(
        &self,
        reactor: impl ReactorUnix + 'static,
    ) -> Result<UnixServerEndpoint, ParseError> {
        Ok(checked(self)?.endpoint(Rc::new(reactor)))
    }

    pub(crate) fn endpoint(&self, reactor: Rc<dyn ReactorUnix>) -> UnixServerEndpoint {
        let shared = |text: &Option<String>| text.as_deref().map(Rc::from);
        let options = ListenUnix::new(self.address.address())
            .with_mode(self.mode)
            .with_backlog(self.backlog)
            .with_lock_file(self.lock_file)
            .with_owner(shared(&self.owner))
            .with_group(shared(&self.group));
        UnixServerEndpoint::shared(reactor, options)
    }
}

impl EndpointConfig for UnixServerConfig {
    const SIDE: Side = Side::Server;
    const KINDS: &'static [&'static str] = &["unix"];

    fn is_kind(kind: &str, given: &str) -> bool {
        given == kind
    }

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        let ([path, mode, backlog, lock_file], [name, owner, group]) =
            arguments.bind_keywords(NAMES, OPTIONS)?;
        let config = Self::new(UnixName::read(&path, &name)?);
        let is_path = config.address.is_path();
        let config = Self {
            mode: mode.octal_mode_or(MODE)?,
            backlog: backlog.backlog()?,
            lock_file: if lock_file.flag_or(true)? { config.lock_file } else { LockFile::Ignored },
            owner: owner_name(&owner)?,
            group: owner_name(&group)?,
            ..config
        };
        if !is_path {
            has_no_file([&mode, &owner, &group])?;
            mode.record(Value::Absent);
            lock_file.record(Value::Flag(false));
        }
        Ok(config)
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        let [path, name] = self.address.values();
        let has_mode = self.address.is_path() || self.mode != MODE;
        let mode = if has_mode { Value::Mode(self.mode) } else { Value::Absent };
        let values = [path, mode, Value::backlog(self.backlog), lock_file_value(self.lock_file)];
        let owners = [&self.owner, &self.group].map(|text| Value::text_or_absent(text.as_deref()));
        let [owner, group] = owners;
        core::iter::zip(NAMES, values)
            .chain(core::iter::zip(OPTIONS, [name, owner, group]))
            .collect()
    }
}

/// An error for the first of these that is given.
fn has_no_file(arguments: [&Argument<'_>; 3]) -> Result<(), ParseError> {
    match arguments.into_iter().find(|argument| argument.is_given()) {
        None => Ok(()),
        Some(given) => Err(given.refuse(format!(
            "an abstract name has no {}: everybody on the machine can connect",
            given.name()
        ))),
    }
}

/// The name or the number of a user or a group.
fn owner_name(argument: &Argument<'_>) -> Result<Option<String>, ParseError> {
    match argument.text()? {
        Some("") => Err(argument.error("a name or a number")),
        text => Ok(text.map(String::from)),
    }
}

endpoint_config!(UnixServerConfig, ServerString);
