//! [`RunProcess`]: which program is run, and within which limits.
//!
//! Invariant: without a limit of one's own there is one.

use alloc::vec::Vec;
use core::time::Duration;
use std::ffi::OsString;

use interfaces::SpawnProcess;

/// A program to be run to its end.
///
/// # Differences from Twisted
///
/// The environment is this process's by default, not an empty one, and there are limits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunProcess {
    /// The program, its arguments, environment and directory. Its descriptors are pipes for 0, 1 and 2, and
    /// the cap of its buffer does not limit the input.
    pub spawn: SpawnProcess,
    /// The bytes for its standard input, of any number; it is closed behind them. Default: none.
    pub input: Vec<u8>,
    /// What its standard error means to [`get_process_output`](super::get_process_output). Default
    /// [`ErrorOutput::Fails`].
    pub error_output: ErrorOutput,
    /// How long it may run before it is killed. Default 60 s. Twisted waits without a limit.
    pub time_limit: Duration,
    /// How many bytes of output and errors together are kept; a program that writes more is killed. Default
    /// 16 MiB.
    pub output_bytes_max: usize,
}

/// What bytes on the standard error mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorOutput {
    /// The program has failed.
    #[default]
    Fails,
    /// They are output, in the order of their arrival. Twisted's `errortoo`.
    Collected,
}

impl RunProcess {
    /// Runs `program` without arguments, with the defaults.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self::from(SpawnProcess::new(program))
    }

    /// With an [`input`](Self::input).
    #[must_use]
    pub fn with_input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// With another meaning of its [`error_output`](Self::error_output).
    #[must_use]
    pub fn with_error_output(mut self, error_output: ErrorOutput) -> Self {
        self.error_output = error_output;
        self
    }

    /// With another [`time_limit`](Self::time_limit).
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// With another [`output_bytes_max`](Self::output_bytes_max).
    #[must_use]
    pub fn with_output_bytes_max(mut self, output_bytes_max: usize) -> Self {
        self.output_bytes_max = output_bytes_max;
        self
    }
}

impl From<SpawnProcess> for RunProcess {
    fn from(spawn: SpawnProcess) -> Self {
        Self {
            spawn,
            input: Vec::new(),
            error_output: ErrorOutput::default(),
            time_limit: Duration::from_secs(60),
            output_bytes_max: 16 * 1024 * 1024,
        }
    }
}
