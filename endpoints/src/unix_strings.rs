//! The strings of kind `unix`.
//!
//! | | by position | by name only |
//! |---|---|---|
//! | server | `address`, `mode` (0600), `backlog` (max), `lockfile` (1) | `abstract`, `owner`, `group` |
//! | client | `path` | `lockfile` (0), `timeout` (30), `checkPID`, `abstract`, `retry` (0) |
//!
//! Invariant: a name that the system cuts short or refuses is an error when it is parsed.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use core::time::Duration;

use interfaces::{
    ConnectUnix, ListenUnix, LockFile, ReactorTime, ReactorUnix, StreamClientEndpoint,
    StreamServerEndpoint, UnixAddress,
};

use crate::retry::retried;
use crate::{
    Argument, Arguments, ClientParser, ParseError, Parsed, ServerParser, UnixClientEndpoint,
    UnixServerEndpoint, Value,
};

/// `unix` servers.
pub(crate) struct UnixServerParser(pub(crate) Rc<dyn ReactorUnix>);

/// `unix` clients.
pub(crate) struct UnixClientParser {
    pub(crate) reactor: Rc<dyn ReactorUnix>,
    pub(crate) time: Rc<dyn ReactorTime>,
}

impl ServerParser for UnixServerParser {
    fn kind(&self) -> &'static str {
        "unix"
    }

    fn is_kind(&self, given: &str) -> bool {
        given == "unix"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let ([path, mode, backlog, lock_file], [name, owner, group]) = arguments.bind_keywords(
            ["address", "mode", "backlog", "lockfile"],
            ["abstract", "owner", "group"],
        )?;
        let address = address(&path, &name)?;
        let is_path = is_path(&address);
        let options = ListenUnix::new(address)
            .with_mode(mode.octal_mode_or(0o600)?)
            .with_backlog(backlog.backlog()?)
            .with_lock_file(lock(lock_file.flag_or(true)? && is_path))
            .with_owner(owner_name(&owner)?)
            .with_group(owner_name(&group)?);
        if !is_path {
            for given in [&mode, &owner, &group] {
                if given.is_given() {
                    return Err(given.refuse(format!(
                        "an abstract name has no {}: everybody on the machine can connect",
                        given.name()
                    )));
                }
            }
            mode.record(Value::Absent);
            lock_file.record(Value::Flag(false));
        }
        let endpoint = UnixServerEndpoint::shared(Rc::clone(&self.0), options);
        Ok(arguments.parsed(Rc::new(endpoint), ["unix"]))
    }
}

impl ClientParser for UnixClientParser {
    fn kind(&self) -> &'static str {
        "unix"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let ([path], [lock_file, timeout, check_pid, name], [retry]) = arguments
            .bind_with_options(
                ["path"],
                ["lockfile", "timeout", "checkPID", "abstract"],
                ["retry"],
            )?;
        let address = address(&path, &name)?;
        // With both, `lockfile` wins, as in Twisted.
        let locked = lock_file.flag_or(check_pid.unlisted().flag_or(false)?)?;
        if locked && !is_path(&address) {
            let asked = if lock_file.is_given() { lock_file } else { check_pid };
            return Err(asked.refuse("an abstract name has no lock file to look at"));
        }
        let options = ConnectUnix::new(address)
            .with_timeout(timeout.seconds_or(Duration::from_secs(30))?)
            .with_lock_file(lock(locked));
        let endpoint = UnixClientEndpoint::shared(Rc::clone(&self.reactor), options);
        let endpoint = retried(endpoint, Rc::clone(&self.time), retry)?;
        Ok(arguments.parsed(endpoint, ["unix"]))
    }
}

/// Reads the two arguments that exclude each other. One of them is needed.
fn address(path: &Argument<'_>, name: &Argument<'_>) -> Result<UnixAddress, ParseError> {
    if path.is_given() && name.is_given() {
        let (earlier, later) =
            if path.span().start < name.span().start { (path, name) } else { (name, path) };
        return Err(later.excluded_by(earlier));
    }
    if name.is_given() {
        return abstract_name(name, name.required()?);
    }
    let text = path.required()?;
    if let Some(rest) = text.strip_prefix('\0') {
        path.record(Value::Absent);
        name.record(Value::Text(String::from(rest).into()));
        return abstract_name(path, rest);
    }
    match text {
        "" => Err(path.error("the path of a socket")),
        text if text.contains('\0') => Err(path.error("a path without a NUL byte")),
        text => fitting(path, UnixAddress::Path(Rc::from(text.as_bytes()))),
    }
}

/// The name or the number of a user or a group.
fn owner_name(argument: &Argument<'_>) -> Result<Option<Rc<str>>, ParseError> {
    match argument.text()? {
        Some("") => Err(argument.error("the name or the number of one")),
        text => Ok(text.map(Rc::from)),
    }
}

fn abstract_name(argument: &Argument<'_>, name: &str) -> Result<UnixAddress, ParseError> {
    match name {
        "" => Err(argument.error("an abstract name of at least one byte")),
        name => fitting(argument, UnixAddress::Abstract(Rc::from(name.as_bytes()))),
    }
}

fn fitting(argument: &Argument<'_>, address: UnixAddress) -> Result<UnixAddress, ParseError> {
    match address.excess_length() {
        Some(length) => Err(argument.too_long(length, UnixAddress::NAME_BYTES_MAX)),
        None => Ok(address),
    }
}

fn is_path(address: &UnixAddress) -> bool {
    matches!(address, UnixAddress::Path(_))
}

fn lock(used: bool) -> LockFile {
    if used { LockFile::Used } else { LockFile::Ignored }
}
