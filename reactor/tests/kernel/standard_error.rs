//! What a program without an observer prints never stops it.

use std::io::{self, Read, Seek as _};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use interfaces::{Observer as _, OsError, ReactorEvent};
use ropewalk_reactor::StandardError;

use crate::support::child::{in_child, set_standard_error};

fn observe(attempt: &'static str) {
    let error = OsError::from_raw_os_error(5);
    StandardError.observe(&ReactorEvent::Failed { attempt, error: &error });
}

/// Runs `body` with another standard error.
fn redirected(to: &impl AsFd, body: impl FnOnce()) {
    let before = io::stderr().as_fd().try_clone_to_owned().unwrap();
    set_standard_error(to);
    body();
    set_standard_error(before);
}

/// Prints more than fits, then one line after the reader has read a bit: the text of it all.
fn flooded(mut reader: impl Read, writer: impl AsFd) -> String {
    let mut text = vec![0; 4096];
    redirected(&writer, || {
        (0..LINES).for_each(|_| observe("line"));
        reader.read_exact(&mut text).unwrap();
        observe("after");
    });
    drop(writer);
    reader.read_to_end(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// More than a pipe or a socket holds.
const LINES: usize = 20_000;

fn is_told_whole(text: &str) {
    let lines: Vec<_> = text.lines().collect();
    let [told @ .., lost, after] = &*lines else { panic!("{text}") };
    assert!(told.len() > 100 && told.iter().all(|line| line.starts_with("line failed: ")));
    let (count, words) = lost.split_once(' ').unwrap();
    assert_eq!(words, "lines were lost here: standard error was full");
    assert_eq!(told.len() + count.parse::<usize>().unwrap(), LINES);
    assert!(after.starts_with("after failed: "), "{after}");
}

#[test]
fn a_pipe_that_is_not_read_stops_nothing_and_what_is_lost_is_counted() {
    in_child(|| {
        let (reader, writer) = io::pipe().unwrap();
        is_told_whole(&flooded(reader, writer));
    });
}

#[test]
fn nor_does_a_socket() {
    in_child(|| {
        let (reader, writer) = UnixStream::pair().unwrap();
        is_told_whole(&flooded(reader, writer));
    });
}

#[test]
fn a_file_gets_every_line() {
    in_child(|| {
        let mut file = tempfile::tempfile().unwrap();
        let reader = file.try_clone().unwrap();
        redirected(&reader, || (0..LINES).for_each(|_| observe("line")));
        file.rewind().unwrap();
        assert_eq!(io::read_to_string(file).unwrap().lines().count(), LINES);
    });
}

#[test]
fn a_pipe_without_a_reader_changes_nothing() {
    in_child(|| {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        redirected(&writer, || (0..LINES).for_each(|_| observe("line")));
    });
}

#[test]
fn a_line_is_cut_where_a_pipe_would_split_it() {
    in_child(|| {
        let (mut reader, writer) = io::pipe().unwrap();
        redirected(&writer, || StandardError::write_lines(&"ü".repeat(1 << 20)));
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "ü".repeat(2047) + "\n");
    });
}
