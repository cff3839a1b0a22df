//! Starting a program: pipes or a terminal, then clone(2) and execve(2), which tell at once whether the
//! program could be executed.
//!
//! Invariant: of the descriptors that are made here, the child's ends are closed on every way out.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::rc::Rc;

use interfaces::{
    ChildDescriptor, ChildDescriptors, ProcessGroup, SpawnError, SpawnProcess, WindowSize,
};

use super::KernelDescriptor;
use super::exec_strings::ExecStrings;
use super::processes::KernelChild;
use super::raw_process_calls;
use super::raw_start::{Attributes, ChildStart};
use crate::sys::os_error::os_error;
use crate::sys::{ChildEnd, Spawned, Way};

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
    let kept_free = keep_free(options, &given)?;
    let process = ExecStrings::of(options)
        .and_then(|strings| ChildStart::new(strings, &given, attributes(options)).run())
        .map_err(|error| not_executed(options, &error))?;
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

fn attributes(options: &SpawnProcess) -> Attributes {
    let has_terminal = matches!(options.descriptors, ChildDescriptors::Terminal(_));
    Attributes {
        user: options.user,
        group: options.group,
        process_group: match options.process_group {
            // It leads a session, and so a group, with its terminal.
            _ if has_terminal => None,
            ProcessGroup::Own => Some(0),
            // A number that is no process group is refused by the system.
            ProcessGroup::Join(group) => Some(i32::try_from(group).unwrap_or(i32::MAX)),
            _ => None,
        },
        has_terminal,
        highest: highest_to_mark(),
    }
}

/// Takes the numbers that the child is to have and that are free here, so that the pipe by which a
/// failed execve(2) is told has none of them.
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
