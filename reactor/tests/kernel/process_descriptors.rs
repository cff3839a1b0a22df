//! Processes: exactly the descriptors that were asked for reach the child, by its own numbers.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::rc::Rc;

use interfaces::{
    ChildDescriptor, ChildDescriptors, ReactorProcess as _, SpawnError, SpawnProcess,
};
use protocol::testing::{ProcessRecord, ProcessRecorder};
use ropewalk_reactor::Reactor;

use crate::support::child::in_child;
use crate::support::open_descriptors;
use crate::support::program::{output_of, run_program, script};
use crate::support::refused::refuse;

/// Lists the descriptors of the shell itself, which waits for the listing.
const LIST: &str = "ls /proc/$$/fd; exit 0";

fn only(descriptors: Vec<(i32, ChildDescriptor)>) -> ChildDescriptors {
    ChildDescriptors::Each(BTreeMap::from_iter(descriptors))
}

fn given(descriptor: impl Into<OwnedFd>) -> ChildDescriptor {
    ChildDescriptor::Given(Rc::new(descriptor.into()))
}

fn listed(reactor: &Reactor, options: &SpawnProcess) -> Vec<i32> {
    let mut listed: Vec<i32> =
        output_of(reactor, options).split_whitespace().map(|it| it.parse().unwrap()).collect();
    listed.sort();
    listed
}

/// A descriptor at this number, which an exec would hand on.
fn inheritable_at(number: i32) {
    let null = File::open("/dev/null").unwrap();
    // SAFETY: nothing in this process owns a descriptor of this number.
    assert_eq!(unsafe { libc::dup2(null.as_raw_fd(), number) }, number);
}

#[test]
fn a_child_has_the_descriptors_that_were_asked_for_and_no_other() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let file = || given(File::open("/dev/null").unwrap());
        let out = || ChildDescriptor::PipeFromChild;
        [500, 700, 701, 1000].into_iter().for_each(inheritable_at);
        let none = ChildDescriptors::default();
        assert_eq!(listed(&reactor, &script(LIST).with_descriptors(none)), [0, 1, 2]);
        assert_eq!(listed(&reactor, &script(LIST).with_descriptors(only(vec![(1, out())]))), [1]);
        let many = vec![(1, out()), (5, file()), (7, file()), (9, ChildDescriptor::PipeToChild)];
        assert_eq!(listed(&reactor, &script(LIST).with_descriptors(only(many))), [1, 5, 7, 9]);
        let kept = vec![(1, out()), (500, ChildDescriptor::Inherited)];
        assert_eq!(listed(&reactor, &script(LIST).with_descriptors(only(kept))), [1, 500]);
        let terminal = script(LIST).with_terminal(Default::default());
        assert_eq!(listed(&reactor, &terminal), [0, 1, 2]);
    });
}

#[test]
fn none_is_inherited_near_the_limit_of_open_files_either() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the pointer leads to an `rlimit` that outlives the call.
        assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
        let last = i32::try_from(limit.rlim_cur).unwrap() - 1;
        inheritable_at(last);
        assert_eq!(listed(&reactor, &script(LIST)), [0, 1, 2]);
        let terminal = script(LIST).with_terminal(Default::default());
        assert_eq!(listed(&reactor, &terminal), [0, 1, 2]);
        let asked = script(LIST).with_descriptor(last, ChildDescriptor::PipeToChild);
        assert_eq!(listed(&reactor, &asked), [0, 1, 2, last]);
    });
}

#[test]
fn none_is_inherited_on_a_kernel_without_close_range() {
    in_child(|| {
        refuse(libc::SYS_close_range);
        let reactor = Reactor::new().unwrap();
        [500, 700, 701].into_iter().for_each(inheritable_at);
        assert_eq!(listed(&reactor, &script(LIST)), [0, 1, 2]);
        let opened = File::open("/dev/null").unwrap();
        assert_eq!(listed(&reactor, &script(LIST)), [0, 1, 2], "{opened:?} was opened just now");
        let missing = SpawnProcess::new("/nonexistent/prog");
        let protocol = Box::new(ProcessRecorder::new(&ProcessRecord::new()));
        assert!(reactor.spawn_process(&missing, protocol).is_err(), "and the failure is known");
    });
}

/// A file that says who it is.
fn file_of(directory: &tempfile::TempDir, word: &str) -> File {
    let path = directory.path().join(word);
    std::fs::write(&path, word).unwrap();
    File::open(path).unwrap()
}

#[test]
fn descriptors_reach_the_numbers_that_they_are_given_for_whatever_their_own_numbers_are() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (left, right) = (file_of(&directory, "left"), file_of(&directory, "right"));
        let (one, other) = (left.as_raw_fd(), right.as_raw_fd());
        // Swapped: each takes the number of the other.
        let text = format!("cat /dev/fd/{one}; cat /dev/fd/{other}");
        let swapped = script(&text)
            .with_descriptor(one, given(right.try_clone().unwrap()))
            .with_descriptor(other, given(left.try_clone().unwrap()));
        assert_eq!(output_of(&reactor, &swapped), "rightleft");
        // Kept, though each is closed on exec in this process.
        let (left, right) = (file_of(&directory, "left"), file_of(&directory, "right"));
        let (one, other) = (left.as_raw_fd(), right.as_raw_fd());
        let text = format!("cat /dev/fd/{one}; cat /dev/fd/{other}");
        let kept = script(&text)
            .with_descriptor(one, given(left))
            .with_descriptor(other, ChildDescriptor::Inherited);
        assert_eq!(output_of(&reactor, &kept), "leftright");
        // Moved: its own number is not open in the child, though an exec would hand it on.
        inheritable_at(600);
        // SAFETY: nothing else in this process owns a descriptor of this number.
        let moved = unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(600) };
        let moved = script(LIST).with_descriptors(only(vec![
            (1, ChildDescriptor::PipeFromChild),
            (3, ChildDescriptor::Given(Rc::new(moved))),
        ]));
        assert_eq!(listed(&reactor, &moved), [1, 3]);
        // One for two numbers, one of them in the place of standard input.
        let twice = Rc::new(OwnedFd::from(file_of(&directory, "both")));
        let both = script("cat <&9; ls -l /proc/$$/fd/0; exit 0")
            .with_descriptor(9, ChildDescriptor::Given(twice.clone()))
            .with_descriptor(0, ChildDescriptor::Given(twice.clone()));
        let output = output_of(&reactor, &both);
        assert!(output.starts_with("both") && output.trim_end().ends_with("/both"), "{output}");
        assert_eq!(Rc::strong_count(&twice), 3, "the options hold it, not the reactor");
    });
}

#[test]
fn a_program_that_cannot_be_executed_is_told_also_where_the_child_was_to_have_many_descriptors() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let mut options = SpawnProcess::new("/nonexistent/prog");
        for child_fd in 3..60 {
            options = options.with_descriptor(child_fd, ChildDescriptor::PipeFromChild);
        }
        let before = open_descriptors();
        let protocol = Box::new(ProcessRecorder::new(&ProcessRecord::new()));
        let failed = reactor.spawn_process(&options, protocol).err().unwrap();
        assert!(matches!(failed, SpawnError::NotExecuted { .. }), "{failed}");
        assert_eq!(open_descriptors(), before);
    });
}

#[test]
fn a_descriptor_that_cannot_be_given_is_told_by_its_number() {
    let reactor = Reactor::new().unwrap();
    let wrong = [
        (-1, ChildDescriptor::PipeToChild, "is less than 0"),
        (1_000_000_000, ChildDescriptor::PipeToChild, "is beyond the limit of open files"),
        (999_999, ChildDescriptor::Inherited, "is not open here to be inherited"),
    ];
    for (number, descriptor, words) in wrong {
        let options = SpawnProcess::new("true").with_descriptor(number, descriptor);
        let protocol = Box::new(ProcessRecorder::new(&ProcessRecord::new()));
        let failed = reactor.spawn_process(&options, protocol).err().unwrap();
        assert_eq!(failed.to_string(), format!("cannot run true: its descriptor {number} {words}"));
    }
}

#[test]
fn a_given_descriptor_is_written_by_the_child_and_stays_open_here() {
    let reactor = Reactor::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("errors");
    let file = Rc::new(OwnedFd::from(File::create(&path).unwrap()));
    let options = script("echo wrong >&2").with_descriptor(2, ChildDescriptor::Given(file.clone()));
    let seen = run_program(&reactor, &options);
    assert_eq!(seen.stages().len(), 5, "no pipe, no loss of one: {seen:?}");
    assert_eq!(std::fs::read(&path).unwrap(), b"wrong\n");
    assert!(file.try_clone().is_ok());
}
