//! [`UnixClientConfig`]: the strings of clients of kind `unix`, as a value.
//!
//! Invariant: a name that the system cuts short or refuses is an error.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::time::Duration;

use interfaces::{ConnectUnix, LockFile, ReactorTime, ReactorUnix, StreamClientEndpoint};

use super::unix_name::ABSTRACT;
use super::{EndpointConfig, UnixName, checked, endpoint_config};
use crate::readers::{lock_file, lock_file_value};
use crate::retry::{RETRY, retried, retry_period};
use crate::{Arguments, ParseError, Side, UnixClientEndpoint, Value};

const PATH: &str = "path";
const OPTIONS: [&str; 4] = ["lockfile", "timeout", "checkPID", ABSTRACT];

/// The time that an attempt has.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A string of a client of kind `unix`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnixClientConfig {
    /// The name.
    pub path: UnixName,
    /// Whether `PATH.lock` has to be a server's. Default: it is not looked at.
    pub lock_file: LockFile,
    /// How long the attempt may take. Default 30 s.
    pub timeout: Duration,
    /// How long a server that is not there yet is tried again. Default: not at all.
    pub retry: Duration,
}

impl UnixClientConfig {
    /// To this name, with the defaults of a string.
    pub fn new(path: UnixName) -> Self {
        let (lock_file, retry) = (LockFile::Ignored, Duration::ZERO);
        Self { path, lock_file, timeout: TIMEOUT, retry }
    }

    /// The endpoint.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for a value that no string means, at its place in the string that it prints.
    pub fn client(
        &self,
        reactor: impl ReactorUnix + ReactorTime + 'static,
    ) -> Result<Rc<dyn StreamClientEndpoint>, ParseError> {
        let reactor = Rc::new(reactor);
        Ok(checked(self)?.endpoint(Rc::clone(&reactor) as _, reactor))
    }

    pub(crate) fn endpoint(
        &self,
        reactor: Rc<dyn ReactorUnix>,
        time: Rc<dyn ReactorTime>,
    ) -> Rc<dyn StreamClientEndpoint> {
        let options = ConnectUnix::new(self.path.address())
            .with_timeout(self.timeout)
            .with_lock_file(self.lock_file);
        retried(UnixClientEndpoint::shared(reactor, options), time, self.retry)
    }
}

impl EndpointConfig for UnixClientConfig {
    const SIDE: Side = Side::Client;
    const KINDS: &'static [&'static str] = &["unix"];

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        let ([path], [lock, timeout, check_pid, name], [retry]) =
            arguments.bind_with_options([PATH], OPTIONS, [RETRY])?;
        let address = UnixName::read(&path, &name)?;
        // With both, `lockfile` wins, as in Twisted.
        let locked = lock.flag_or(check_pid.unlisted().flag_or(false)?)?;
        if locked && !address.is_path() {
            let asked = if lock.is_given() { lock } else { check_pid };
            return Err(asked.refuse("an abstract name has no lock file to look at"));
        }
        let (timeout, retry) = (timeout.seconds_or(TIMEOUT)?, retry_period(&retry)?);
        Ok(Self { path: address, lock_file: lock_file(locked), timeout, retry })
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        let [path, name] = self.path.values();
        let (lock, timeout) = (lock_file_value(self.lock_file), Value::Seconds(self.timeout));
        let listed = core::iter::zip(OPTIONS, [lock, timeout, Value::Absent, name]);
        let retry = if self.retry.is_zero() { Value::Absent } else { Value::Seconds(self.retry) };
        core::iter::once((PATH, path)).chain(listed).chain([(RETRY, retry)]).collect()
    }
}

endpoint_config!(UnixClientConfig, ClientString);
