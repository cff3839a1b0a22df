//! The options of a child process; the arguments of Twisted's `spawnProcess`.
//!
//! Invariant: pipes and a terminal exclude each other, and each descriptor of the child is given once.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use crate::{BufferLimits, WindowSize};

/// The options of a child process.
///
/// # Examples
///
/// ```
/// use ropewalk_interfaces::{ChildDescriptor, SpawnProcess};
///
/// // grep -c needle, with what it says about errors where this process says it.
/// let options = SpawnProcess::new("grep")
///     .with_arguments(["-c", "needle"])
///     .with_descriptor(2, ChildDescriptor::Inherited);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SpawnProcess {
    /// The program: a path, or a name that is looked up in `PATH`. No shell is involved.
    pub program: OsString,
    /// The arguments behind the program's own name.
    pub arguments: Vec<OsString>,
    /// The name that the program gets as its own, `argv[0]`. Default: `program`.
    pub own_name: Option<OsString>,
    /// The variables of its environment. Default [`Environment::Inherited`]; Twisted's is empty.
    pub environment: Environment,
    /// The directory that it runs in. Default: this process's.
    pub directory: Option<PathBuf>,
    /// The user that it runs as (setuid(2)); a process of root's alone may say so. The supplementary groups
    /// are given up, but the group stays this process's, so that of root's is root's: set
    /// [`group`](Self::group) too. No user is looked up by name or number.
    ///
    /// # Differences from Twisted
    ///
    /// Twisted keeps the group as well, and gives the process the supplementary groups of its user.
    pub user: Option<u32>,
    /// The group that it runs as (setgid(2)). Without a `user` the supplementary groups stay.
    pub group: Option<u32>,
    /// The process group that it is in. Default: this process's.
    pub process_group: ProcessGroup,
    /// Its descriptors: it has these and no other. Default: pipes for 0, 1 and 2.
    pub descriptors: ChildDescriptors,
    /// The limits of the pipes that it reads.
    pub buffer: BufferLimits,
}

/// The variables of a child's environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Environment {
    /// This process's, without what a service manager meant for it alone: `LISTEN_PID`,
    /// `LISTEN_FDS`, `LISTEN_FDNAMES`, `LISTEN_PIDFDID`, `NOTIFY_SOCKET`, `WATCHDOG_PID`,
    /// `WATCHDOG_USEC`.
    #[default]
    Inherited,
    /// All of this process's, what a service manager set included.
    InheritedWithService,
    /// Exactly these.
    Exactly(Vec<(OsString, OsString)>),
}

/// The process group of a child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessGroup {
    /// This process's, so that a terminal's Ctrl-C reaches both. One with a terminal of its own leads its
    /// own session and group in any case.
    #[default]
    Inherited,
    /// A new one, which the child leads.
    Own,
    /// The group of this number.
    Join(u32),
}

/// The descriptors of a child.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ChildDescriptors {
    /// These, by the child's numbers.
    Each(BTreeMap<i32, ChildDescriptor>),
    /// A new terminal as 0, 1 and 2: the child leads a session and the terminal controls it.
    Terminal(WindowSize),
}

/// One descriptor of a child.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ChildDescriptor {
    /// A pipe that the child reads and this process writes. Twisted's `"w"`.
    PipeToChild,
    /// A pipe that the child writes and this process reads. Twisted's `"r"`.
    PipeFromChild,
    /// This process's descriptor of the same number.
    Inherited,
    /// This descriptor, which stays open here too for as long as an `Rc` of it lives.
    Given(Rc<OwnedFd>),
}

impl Default for ChildDescriptors {
    fn default() -> Self {
        Self::Each(BTreeMap::from([
            (0, ChildDescriptor::PipeToChild),
            (1, ChildDescriptor::PipeFromChild),
            (2, ChildDescriptor::PipeFromChild),
        ]))
    }
}

impl SpawnProcess {
    /// Runs `program` without arguments, with the defaults.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            own_name: None,
            environment: Environment::default(),
            directory: None,
            user: None,
            group: None,
            process_group: ProcessGroup::default(),
            descriptors: ChildDescriptors::default(),
            buffer: BufferLimits::default(),
        }
    }

    /// With other [`arguments`](Self::arguments).
    #[must_use]
    pub fn with_arguments<A: Into<OsString>>(
        mut self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        self.arguments = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// With another [`own_name`](Self::own_name).
    #[must_use]
    pub fn with_own_name(mut self, own_name: impl Into<OsString>) -> Self {
        self.own_name = Some(own_name.into());
        self
    }

    /// With another [`environment`](Self::environment).
    #[must_use]
    pub fn with_environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// With a [`directory`](Self::directory).
    #[must_use]
    pub fn with_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// With a [`user`](Self::user), whose [`group`](Self::group) is to be set too.
    #[must_use]
    pub fn with_user(mut self, user: u32) -> Self {
        self.user = Some(user);
        self
    }

    /// With a [`group`](Self::group).
    #[must_use]
    pub fn with_group(mut self, group: u32) -> Self {
        self.group = Some(group);
        self
    }

    /// With another [`process_group`](Self::process_group).
    #[must_use]
    pub fn with_process_group(mut self, process_group: ProcessGroup) -> Self {
        self.process_group = process_group;
        self
    }

    /// With other [`descriptors`](Self::descriptors).
    #[must_use]
    pub fn with_descriptors(mut self, descriptors: ChildDescriptors) -> Self {
        self.descriptors = descriptors;
        self
    }

    /// With one descriptor more, or another one in the place of a default. A terminal is given up for it.
    #[must_use]
    pub fn with_descriptor(mut self, child_fd: i32, descriptor: ChildDescriptor) -> Self {
        if matches!(self.descriptors, ChildDescriptors::Terminal(_)) {
            self.descriptors = ChildDescriptors::default();
        }
        if let ChildDescriptors::Each(each) = &mut self.descriptors {
            each.insert(child_fd, descriptor);
        }
        self
    }

    /// With a terminal of this size as its only [`descriptors`](Self::descriptors).
    #[must_use]
    pub fn with_terminal(mut self, window: WindowSize) -> Self {
        self.descriptors = ChildDescriptors::Terminal(window);
        self
    }

    /// With other limits of the pipes that it reads.
    #[must_use]
    pub fn with_buffer(mut self, buffer: BufferLimits) -> Self {
        self.buffer = buffer;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_has_a_terminal_or_descriptors_of_its_own_and_never_both() {
        let terminal = SpawnProcess::new("sh").with_terminal(WindowSize::default());
        assert!(matches!(terminal.descriptors, ChildDescriptors::Terminal(_)));
        let pipes = terminal.with_descriptor(5, ChildDescriptor::PipeToChild);
        let ChildDescriptors::Each(each) = &pipes.descriptors else { panic!("{pipes:?}") };
        assert_eq!(each.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 5]);
        let terminal = pipes.with_terminal(WindowSize::new(1, 2));
        assert!(matches!(terminal.descriptors, ChildDescriptors::Terminal(_)));
    }
}
