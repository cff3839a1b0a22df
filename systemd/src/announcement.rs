//! The variables that announce inherited descriptors: `LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`
//! (sd_listen_fds(3)); the reading half of Twisted's `ListenFDs.fromEnvironment`.
//!
//! Invariant: the result follows from the variables and the process's number alone; no descriptor is
//! touched.

use std::ffi::{OsStr, OsString};

use crate::ListenFdsError;

/// The most descriptors that are taken over.
pub const LISTEN_FDS_MAX: u32 = 4096;

/// The name of a descriptor when `LISTEN_FDNAMES` is absent (sd_listen_fds_with_names(3)).
const UNNAMED: &str = "unknown";

/// The names of the descriptors that were handed to this process, in order. The first one has
/// number 3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announcement {
    names: Vec<String>,
}

impl Announcement {
    /// Reads the variables, each looked up with `variable`, for the process numbered `own_pid`.
    ///
    /// Nothing is announced when `LISTEN_PID` is absent or is not exactly `own_pid` in decimal, as
    /// then the variables were meant for another process; nor when `LISTEN_FDS` is absent or 0.
    ///
    /// # Errors
    ///
    /// [`ListenFdsError::Count`], [`ListenFdsError::NamesNotText`] and
    /// [`ListenFdsError::NamesMismatch`].
    ///
    /// # Differences from Twisted
    ///
    /// `LISTEN_FDNAMES` may be absent: the descriptors are then all named `unknown`, as systemd's
    /// own library names them; Twisted finds no descriptor at all, and none for one descriptor with an empty
    /// `LISTEN_FDNAMES`, which is its name here. A `LISTEN_FDS` that is not a
    /// plain number, and names that are fewer or more than the descriptors, are errors, where
    /// Twisted finds nothing.
    pub fn from_variables(
        own_pid: u32,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ListenFdsError> {
        if variable("LISTEN_PID").is_none_or(|pid| pid != *own_pid.to_string()) {
            return Ok(Self::default());
        }
        let Some(count) = variable("LISTEN_FDS") else {
            return Ok(Self::default());
        };
        let count = parse_count(&count)?;
        match variable("LISTEN_FDNAMES") {
            _ if count == 0 => Ok(Self::default()),
            None => Ok(Self { names: vec![String::from(UNNAMED); count] }),
            Some(names) => Ok(Self { names: parse_names(&names, count)? }),
        }
    }

    /// The descriptors' names, from number 3 on.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

/// Digits only: no sign, no space, no more than [`LISTEN_FDS_MAX`].
fn parse_count(text: &OsStr) -> Result<usize, ListenFdsError> {
    let digits = text.to_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits
        .and_then(|digits| digits.parse::<u32>().ok())
        .filter(|count| *count <= LISTEN_FDS_MAX)
        .and_then(|count| usize::try_from(count).ok())
        .ok_or_else(|| ListenFdsError::Count { text: text.to_string_lossy().into_owned() })
}

fn parse_names(text: &OsStr, count: usize) -> Result<Vec<String>, ListenFdsError> {
    let text = text.to_str().ok_or(ListenFdsError::NamesNotText)?;
    let names: Vec<String> = text.split(':').map(String::from).collect();
    if names.len() == count {
        Ok(names)
    } else {
        Err(ListenFdsError::NamesMismatch { descriptors: count, names: names.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt as _;

    const PID: u32 = 4242;

    /// Reads an environment that consists of these variables alone.
    fn read(variables: &[(&str, &str)]) -> Result<Vec<String>, ListenFdsError> {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        Announcement::from_variables(PID, variable).map(|announcement| announcement.names)
    }

    #[test]
    fn names_and_descriptors_pair_up_in_order_for_any_count() {
        for count in 0..=10 {
            let names: Vec<String> = (0..count).map(|n| format!("a name-{n}.socket")).collect();
            let found = read(&[
                ("LISTEN_PID", "4242"),
                ("LISTEN_FDS", &count.to_string()),
                ("LISTEN_FDNAMES", &names.join(":")),
            ]);
            assert_eq!(found, Ok(names));
        }
    }

    #[test]
    fn the_variables_of_another_process_announce_nothing_to_this_one() {
        for pid in ["4243", "1", "", "x", "04242", " 4242", "4242 ", "+4242", "-4242", "4242\n"] {
            let found =
                read(&[("LISTEN_PID", pid), ("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", "a:b")]);
            assert_eq!(found, Ok(vec![]), "{pid:?}");
        }
        assert_eq!(read(&[("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", "a:b")]), Ok(vec![]));
    }

    #[test]
    fn even_an_absurd_count_is_no_error_when_it_was_meant_for_another_process() {
        assert_eq!(read(&[("LISTEN_PID", "1"), ("LISTEN_FDS", "-1")]), Ok(vec![]));
    }

    #[test]
    fn no_count_or_a_count_of_zero_announces_nothing() {
        assert_eq!(read(&[("LISTEN_PID", "4242")]), Ok(vec![]));
        assert_eq!(read(&[("LISTEN_PID", "4242"), ("LISTEN_FDNAMES", "a")]), Ok(vec![]));
        assert_eq!(read(&[("LISTEN_PID", "4242"), ("LISTEN_FDS", "0")]), Ok(vec![]));
    }

    #[test]
    fn an_absurd_count_is_an_error_that_quotes_it() {
        let absurd = [
            "-1",
            "+3",
            "2147483648",
            "4294967297",
            "18446744073709551617",
            "4097",
            "",
            " ",
            " 3",
            "3 ",
            "3\n",
            "0x3",
            "1_0",
            "1.0",
            "three",
            "٣",
        ];
        for text in absurd {
            let found = read(&[("LISTEN_PID", "4242"), ("LISTEN_FDS", text)]);
            assert_eq!(found, Err(ListenFdsError::Count { text: text.into() }), "{text:?}");
        }
        let error = read(&[("LISTEN_PID", "4242"), ("LISTEN_FDS", "-1")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot take over inherited descriptors: LISTEN_FDS is \"-1\", and has to be a whole \
             number from 0 to 4096"
        );
    }

    #[test]
    fn a_count_that_is_not_text_is_an_error_and_not_a_panic() {
        let variable = |name: &str| match name {
            "LISTEN_PID" => Some(OsString::from("4242")),
            _ => Some(OsString::from_vec(vec![0x33, 0xff])),
        };
        let error = Announcement::from_variables(PID, variable).unwrap_err();
        assert!(matches!(error, ListenFdsError::Count { .. }), "{error}");
    }

    #[test]
    fn without_names_every_descriptor_is_unknown_as_systemd_says() {
        let found = read(&[("LISTEN_PID", "4242"), ("LISTEN_FDS", "2")]);
        assert_eq!(found, Ok(vec!["unknown".into(), "unknown".into()]));
    }

    #[test]
    fn fewer_or_more_names_than_descriptors_are_an_error_that_counts_both() {
        for (names, count) in [("", 1), ("a", 1), ("a:b:c", 3), ("a:b:", 3)] {
            let found =
                read(&[("LISTEN_PID", "4242"), ("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", names)]);
            let expected = ListenFdsError::NamesMismatch { descriptors: 2, names: count };
            assert_eq!(found, Err(expected), "{names:?}");
        }
    }

    #[test]
    fn an_empty_name_is_a_name_and_a_name_may_come_twice() {
        let pid = ("LISTEN_PID", "4242");
        for (names, expected) in [(":", ["", ""]), ("a:a", ["a", "a"])] {
            let found = read(&[pid, ("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", names)]);
            assert_eq!(found, Ok(expected.map(String::from).to_vec()));
        }
        assert_eq!(
            read(&[pid, ("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "")]),
            Ok(vec![String::new()])
        );
    }

    #[test]
    fn names_that_are_not_text_are_an_error_and_not_a_panic() {
        let variable = |name: &str| match name {
            "LISTEN_PID" => Some(OsString::from("4242")),
            "LISTEN_FDS" => Some(OsString::from("1")),
            _ => Some(OsString::from_vec(vec![0xff])),
        };
        let found = Announcement::from_variables(PID, variable);
        assert_eq!(found, Err(ListenFdsError::NamesNotText));
    }

    #[test]
    fn no_environment_makes_it_panic_or_pass_the_bound() {
        const PARTS: [&[u8]; 12] = [
            b"0",
            b"1",
            b"4",
            b"096",
            b"-",
            b"+",
            b":",
            b" ",
            b"a",
            b"\xff",
            b"\n",
            "\u{663}".as_bytes(),
        ];
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % below) as usize
        };
        for _ in 0..20_000 {
            let mut text = || -> OsString {
                let parts =
                    (0..next(6)).map(|_| PARTS[next(PARTS.len() as u64)]).collect::<Vec<_>>();
                OsString::from_vec(parts.concat())
            };
            let (count, names) = (text(), text());
            let variable = |name: &str| match name {
                "LISTEN_PID" => Some(OsString::from("4242")),
                "LISTEN_FDS" => Some(count.clone()),
                _ => Some(names.clone()),
            };
            if let Ok(announcement) = Announcement::from_variables(PID, variable) {
                let found = announcement.names().len();
                assert!(found <= LISTEN_FDS_MAX as usize, "{count:?}");
                assert_eq!(count.to_str().and_then(|count| count.parse().ok()), Some(found));
            }
        }
    }
}
