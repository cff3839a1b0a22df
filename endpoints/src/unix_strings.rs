//! The strings of kind `unix`.
//!
//! | | by position | by name only |
//! |---|---|---|
//! | server | `address`, `mode` (0600), `backlog` (50), `lockfile` (1) | `abstract` |
//! | client | `path` | `lockfile` (0), `timeout` (30), `checkPID`, `abstract` |
//!
//! Invariant: a name that the system would cut short or refuse is refused here.

use alloc::rc::Rc;
use alloc::string::String;
use core::time::Duration;

use interfaces::{
    ConnectUnix, ListenUnix, LockFile, ReactorUnix, StreamClientEndpoint, StreamServerEndpoint,
    UnixAddress,
};

use crate::tcp_strings::BACKLOG_MAX;
use crate::{
    Argument, Arguments, ClientParser, Description, ParseError, Parsed, ServerParser,
    UnixClientEndpoint, UnixServerEndpoint, Value,
};

/// `unix` servers.
pub(crate) struct UnixServerParser(pub(crate) Rc<dyn ReactorUnix>);

/// `unix` clients.
pub(crate) struct UnixClientParser(pub(crate) Rc<dyn ReactorUnix>);

impl ServerParser for UnixServerParser {
    fn kind(&self) -> &'static str {
        "unix"
    }

    fn is_kind(&self, given: &str) -> bool {
        given == "unix"
    }

    fn parse(
        &self,
        arguments: &Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let ([path, mode, backlog, lock_file], [name]) =
            arguments.bind_keywords(["address", "mode", "backlog", "lockfile"], ["abstract"])?;
        let name = Name::read(&path, &name)?;
        let bits = mode.octal_mode_or(0o600)?;
        let backlog = backlog.number_or(0..=BACKLOG_MAX, 50)?;
        let locked = lock_file.flag_or(true)? && name.is_path();
        if mode.is_given() && !name.is_path() {
            return Err(
                mode.refuse("an abstract name has no mode: everybody on the machine can connect")
            );
        }
        let options = ListenUnix::new(name.address())
            .with_mode(bits)
            .with_backlog(backlog as u32)
            .with_lock_file(lock(locked));
        let mode = if name.is_path() { Value::Mode(bits) } else { Value::Absent };
        let [path, name] = name.values();
        let arguments = alloc::vec![
            ("address", path),
            ("mode", mode),
            ("backlog", Value::Number(backlog)),
            ("lockfile", Value::Flag(locked)),
            ("abstract", name),
        ];
        let endpoint = UnixServerEndpoint::shared(Rc::clone(&self.0), options);
        Ok(Parsed::new(Rc::new(endpoint), over_unix(arguments)))
    }
}

impl ClientParser for UnixClientParser {
    fn kind(&self) -> &'static str {
        "unix"
    }

    fn parse(
        &self,
        arguments: &Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let ([path], [lock_file, timeout, check_pid, name]) =
            arguments.bind_keywords(["path"], ["lockfile", "timeout", "checkPID", "abstract"])?;
        let name = Name::read(&path, &name)?;
        // With both, `lockfile` wins, as in Twisted.
        let checked = check_pid.flag_or(false)?;
        let locked = lock_file.flag_or(checked)?;
        let asked = if lock_file.is_given() { lock_file } else { check_pid };
        if locked && !name.is_path() {
            return Err(asked.refuse("an abstract name has no lock file to look at"));
        }
        let timeout = timeout.seconds_or(Duration::from_secs(30))?;
        let options =
            ConnectUnix::new(name.address()).with_timeout(timeout).with_lock_file(lock(locked));
        let [path, name] = name.values();
        let arguments = alloc::vec![
            ("path", path),
            ("lockfile", Value::Flag(locked)),
            ("timeout", Value::Seconds(timeout)),
            ("abstract", name),
        ];
        let endpoint = UnixClientEndpoint::shared(Rc::clone(&self.0), options);
        Ok(Parsed::new(Rc::new(endpoint), over_unix(arguments)))
    }
}

/// What a socket is called.
enum Name {
    Path(String),
    Abstract(String),
}

impl Name {
    /// From the two arguments that exclude each other; one is needed.
    fn read(path: &Argument<'_>, name: &Argument<'_>) -> Result<Self, ParseError> {
        if path.is_given() && name.is_given() {
            let (earlier, later) =
                if path.span().start < name.span().start { (path, name) } else { (name, path) };
            return Err(later.excluded_by(earlier));
        }
        if name.is_given() {
            return Self::abstract_name(name, name.required()?);
        }
        let text = path.required()?;
        if let Some(rest) = text.strip_prefix('\0') {
            return Self::abstract_name(path, rest);
        }
        match text {
            "" => Err(path.error("the path of a socket")),
            text if text.contains('\0') => Err(path.error("a path without a NUL byte")),
            text if text.len() > UnixAddress::NAME_BYTES_MAX => {
                Err(path.too_long(text.len(), UnixAddress::NAME_BYTES_MAX))
            }
            text => Ok(Self::Path(text.into())),
        }
    }

    fn abstract_name(argument: &Argument<'_>, name: &str) -> Result<Self, ParseError> {
        match name {
            "" => Err(argument.error("an abstract name of at least one byte")),
            name if name.len() > UnixAddress::NAME_BYTES_MAX => {
                Err(argument.too_long(name.len(), UnixAddress::NAME_BYTES_MAX))
            }
            name => Ok(Self::Abstract(name.into())),
        }
    }

    fn is_path(&self) -> bool {
        matches!(self, Self::Path(_))
    }

    fn address(&self) -> UnixAddress {
        match self {
            Self::Path(path) => UnixAddress::Path(Rc::from(path.as_bytes())),
            Self::Abstract(name) => UnixAddress::Abstract(Rc::from(name.as_bytes())),
        }
    }

    /// The effective values of both arguments.
    fn values(self) -> [Value; 2] {
        match self {
            Self::Path(path) => [Value::Text(path), Value::Absent],
            Self::Abstract(name) => [Value::Absent, Value::Text(name)],
        }
    }
}

fn lock(used: bool) -> LockFile {
    if used { LockFile::Used } else { LockFile::Ignored }
}

fn over_unix(arguments: alloc::vec::Vec<(&'static str, Value)>) -> Description {
    Description { kind: "unix", arguments, layers: alloc::vec!["unix".into()] }
}
