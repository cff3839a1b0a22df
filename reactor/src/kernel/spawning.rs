//! Starting a program: pipes or a terminal, then fork(2) and exec(2) through std's `Command`, which tells
//! at once, through a pipe of its own, whether the program could be executed.
//!
//! Invariant: of the descriptors that are made here, the child's ends are closed on every way out.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::rc::Rc;

use interfaces::{
    ChildDescriptor, ChildDescriptors, Environment, ProcessGroup, SpawnError, SpawnProcess,
    WindowSize,
};

use super::KernelDescriptor;
use super::processes::KernelChild;
use super::raw_process_calls::{self, ChildSetup};
use crate::sys::os_error::os_error;
use crate::sys::{ChildEnd, Spawned, Way};

/// The variables by which a service manager speaks to the one process that it started (sd_listen_fds(3),
/// sd_notify(3), sd_watchdog_enabled(3)).
const OF_SERVICE_MANAGER: [&str; 7] = [
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PIDFDID",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// How many numbers behind the highest other threads may take while a child is started.
const OPENED_MEANWHILE: RawFd = 1024;

/// The highest number where the open ones cannot be listed.
const LISTED_MAX: RawFd = 65_535;

/// The descriptors of a child that is to be spawned.
#[derive(Default)]
struct Prepared {
    /// This side's ends.
    ours: Vec<ChildEnd<KernelDescriptor>>,
    /// The child's numbers, and what it gets there.
    childs: Vec<(RawFd, ChildSource)>,
}

/// What a child gets as one of its descriptors.
enum ChildSource {
    /// Made for the child: closed here when it runs.
    Made(OwnedFd),
    Given(Rc<OwnedFd>),
    /// A number that is open in this process.
    Number(RawFd),
}

impl ChildSource {
    fn number(&self) -> RawFd {
        match self {
            Self::Made(descriptor) => descriptor.as_raw_fd(),
            Self::Given(descriptor) => descriptor.as_raw_fd(),
            Self::Number(number) => *number,
        }
    }
}

pub(super) fn spawn(
    options: &SpawnProcess,
) -> Result<Spawned<KernelChild, KernelDescriptor>, SpawnError> {
    let prepared = prepare(options)?;
    let given: Vec<_> = prepared.childs.iter().map(|(to, from)| (*to, from.number())).collect();
    let has_terminal = matches!(options.descriptors, ChildDescriptors::Terminal(_));
    let mut command = command(options, has_terminal);
    let kept_free = keep_free(options, &given)?;
    ChildSetup::new(&given, has_terminal, highest_to_mark()).attach(&mut command);
    let process = command.spawn().map_err(|error| not_executed(options, &error))?;
    drop(kept_free);
    Ok(Spawned { child: KernelChild::new(process), ends: prepared.ours })
}

fn prepare(options: &SpawnProcess) -> Result<Prepared, SpawnError> {
    match &options.descriptors {
        ChildDescriptors::Each(each) => prepare_each(options, each),
        ChildDescriptors::Terminal(window) => {
            prepare_terminal(*window).map_err(|error| not_prepared(options, "a terminal", &error))
        }
        _ => Err(bad_descriptor(options, 0, "is of a kind that is not known here")),
    }
}

fn prepare_each(
    options: &SpawnProcess,
    each: &BTreeMap<i32, ChildDescriptor>,
) -> Result<Prepared, SpawnError> {
    let mut prepared = Prepared::default();
    for (&child_fd, descriptor) in each {
        if child_fd < 0 {
            return Err(bad_descriptor(options, child_fd, "is less than 0"));
        }
        let source = match descriptor {
            ChildDescriptor::PipeToChild => prepared.add_pipe(child_fd, Way::ToChild),
            ChildDescriptor::PipeFromChild => prepared.add_pipe(child_fd, Way::FromChild),
            ChildDescriptor::Given(descriptor) => Ok(ChildSource::Given(Rc::clone(descriptor))),
            ChildDescriptor::Inherited if raw_process_calls::is_open(child_fd) => {
                Ok(ChildSource::Number(child_fd))
            }
            ChildDescriptor::Inherited => {
                return Err(bad_descriptor(options, child_fd, "is not open here to be inherited"));
            }
            _ => {
                let reason = "is of a kind that is not known here";
                return Err(bad_descriptor(options, child_fd, reason));
            }
        };
        let source = source.map_err(|error| not_prepared(options, "a pipe", &error))?;
        prepared.childs.push((child_fd, source));
    }
    Ok(prepared)
}

impl Prepared {
    /// Makes a pipe; returns the child's end.
    fn add_pipe(&mut self, child_fd: i32, way: Way) -> io::Result<ChildSource> {
        let (reader, writer) = io::pipe()?;
        let (ours, childs): (OwnedFd, OwnedFd) = match way {
            Way::ToChild => (writer.into(), reader.into()),
            Way::FromChild | Way::Both => (reader.into(), writer.into()),
        };
        let descriptor = KernelDescriptor::own(ours)?;
        self.ours.push(ChildEnd { child_fd, way, descriptor });
        Ok(ChildSource::Made(childs))
    }
}

fn prepare_terminal(window: WindowSize) -> io::Result<Prepared> {
    let (ours, childs) = raw_process_calls::open_terminal(window)?;
    let descriptor = KernelDescriptor::own(ours)?;
    let childs = Rc::new(childs);
    Ok(Prepared {
        ours: vec![ChildEnd { child_fd: 1, way: Way::Both, descriptor }],
        childs: (0..=2)
            .map(|child_fd| (child_fd, ChildSource::Given(Rc::clone(&childs))))
            .collect(),
    })
}

fn command(options: &SpawnProcess, has_terminal: bool) -> Command {
    let mut command = Command::new(&options.program);
    command.args(&options.arguments);
    if let Some(own_name) = &options.own_name {
        command.arg0(own_name);
    }
    match &options.environment {
        Environment::Inherited => OF_SERVICE_MANAGER.iter().for_each(|name| {
            // A variable that is not set needs no other environment than this process's.
            if std::env::var_os(name).is_some() {
                command.env_remove(name);
            }
        }),
        Environment::Exactly(variables) => {
            command.env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
        }
        _ => {}
    }
    if let Some(directory) = &options.directory {
        command.current_dir(directory);
    }
    if let Some(group) = options.group {
        command.gid(group);
    }
    if let Some(user) = options.user {
        command.uid(user);
    }
    match options.process_group {
        ProcessGroup::Own if !has_terminal => drop(command.process_group(0)),
        ProcessGroup::Join(group) if !has_terminal => {
            // A number that is no process group is refused by the system.
            command.process_group(i32::try_from(group).unwrap_or(i32::MAX));
        }
        _ => {}
    }
    command
}

/// Takes the numbers that the child is to have and that are free here, so that the pipe by which
/// `Command` learns of a failed exec(2) has none of them.
fn keep_free(options: &SpawnProcess, given: &[(RawFd, RawFd)]) -> Result<Vec<OwnedFd>, SpawnError> {
    let mut kept = Vec::new();
    let Some(&(_, any)) = given.first() else { return Ok(kept) };
    for &(to, _) in given {
        if raw_process_calls::is_open(to) {
            continue;
        }
        let copy = raw_process_calls::duplicate_from(any, to).map_err(|error| {
            match error.raw_os_error() {
                Some(libc::EINVAL) => {
                    bad_descriptor(options, to, "is beyond the limit of open files")
                }
                _ => not_prepared(options, "a descriptor", &error),
            }
        })?;
        kept.push(copy);
    }
    Ok(kept)
}

/// The highest number that a child has to mark, where the kernel marks no ranges: of those that are open
/// now, and more, for those that other threads open meanwhile.
fn highest_to_mark() -> Option<RawFd> {
    if raw_process_calls::marks_ranges() {
        return None;
    }
    let numbers = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<RawFd>().ok());
    Some(numbers.max().unwrap_or(LISTED_MAX).saturating_add(OPENED_MEANWHILE))
}

fn program(options: &SpawnProcess) -> String {
    options.program.to_string_lossy().into_owned()
}

fn not_executed(options: &SpawnProcess, error: &io::Error) -> SpawnError {
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::ENOMEM) => not_prepared(options, "a process", error),
        Some(libc::EMFILE | libc::ENFILE) => not_prepared(options, "a pipe", error),
        _ => SpawnError::NotExecuted {
            program: program(options),
            directory: options.directory.as_ref().map(|it| it.to_string_lossy().into_owned()),
            source: os_error(error),
        },
    }
}

fn not_prepared(options: &SpawnProcess, need: &'static str, error: &io::Error) -> SpawnError {
    SpawnError::NotPrepared { program: program(options), need, source: os_error(error) }
}

fn bad_descriptor(options: &SpawnProcess, child_fd: i32, reason: &'static str) -> SpawnError {
    SpawnError::BadDescriptor { program: program(options), child_fd, reason }
}
