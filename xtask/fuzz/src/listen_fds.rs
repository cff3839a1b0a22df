//! Fuzzes `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES`: what is announced is what libsystemd would find, or an
//! error in one printable line.
//!
//! Invariant: the first byte says which variables there are, and line feeds separate their values.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use systemd::{Announcement, LISTEN_FDS_MAX, ListenFdsError};

const VARIABLES: [&str; 3] = ["LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID"];
const PID: u32 = 4242;

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let given: Vec<&[u8]> = rest.split(|byte| *byte == b'\n').collect();
    let variable = |name: &str| {
        let at = VARIABLES.iter().position(|variable| *variable == name)?;
        let value = given.get(at).filter(|_| choice >> at & 1 == 0);
        match (name, value) {
            // Mostly it is this process's, as all else would end at once.
            ("LISTEN_PID", _) if choice & 0x80 == 0 => Some(OsString::from(PID.to_string())),
            (_, value) => value.map(|value| OsString::from_vec(value.to_vec())),
        }
    };
    match Announcement::from_variables(PID, variable) {
        Ok(announcement) => check(announcement.names(), variable),
        Err(error) => is_told_well(&error),
    }
}

fn check(names: &[String], variable: impl Fn(&str) -> Option<OsString>) {
    assert!(names.len() <= LISTEN_FDS_MAX as usize);
    if names.is_empty() {
        return;
    }
    assert_eq!(variable("LISTEN_PID").expect("it is ours"), *PID.to_string());
    let count = variable("LISTEN_FDS").expect("it is given").into_string().expect("digits");
    assert!(count.bytes().all(|byte| byte.is_ascii_digit()), "{count}");
    assert_eq!(count.parse::<usize>().expect("a number"), names.len());
    match variable("LISTEN_FDNAMES") {
        Some(given) => assert_eq!(names.join(":"), given.into_string().expect("text")),
        None => assert!(names.iter().all(|name| name == "unknown")),
    }
}

fn is_told_well(error: &ListenFdsError) {
    let told = error.to_string();
    assert!(told.starts_with("cannot take over inherited descriptors: "), "{told}");
    assert!(told.chars().all(|shown| !shown.is_control()), "{told:?}");
}
