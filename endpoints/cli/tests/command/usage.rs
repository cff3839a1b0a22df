//! Usage, help and exit codes.

use crate::running::{Ended, ropewalk};

fn help(arguments: &[&str]) -> String {
    let Ended { code, output, errors } = ropewalk(arguments);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    String::from_utf8(output).unwrap()
}

#[test]
fn help_fits_a_terminal_and_begins_with_examples() {
    for command in [&["--help"][..], &["serve", "--help"], &["relay", "--help"]] {
        check_help(command);
    }
    for command in [&["pipe", "--help"][..], &["check", "--help"], &["probe", "--help"]] {
        check_help(command);
    }
}

fn check_help(command: &[&str]) {
    let help = help(command);
    assert!(help.starts_with("Examples:\n  ropewalk "), "{help}");
    assert!(help.lines().count() <= 24, "{} lines:\n{help}", help.lines().count());
    for line in help.lines() {
        assert!(line.chars().count() <= 80, "too wide: {line}");
    }
}

#[test]
fn short_help_is_shorter() {
    assert!(help(&["-h"]).lines().count() < help(&["--help"]).lines().count());
    assert!(help(&["-h"]).contains("relay"));
}

#[test]
fn the_version_is_told() {
    assert_eq!(help(&["--version"]), concat!("ropewalk ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn the_exit_codes_are_documented() {
    let help = help(&["--help"]);
    for code in ["0", "64", "69", "75", "77"] {
        assert!(help.contains(code), "{code}");
    }
}

#[test]
fn wrong_usage_is_exit_code_64_and_says_so_on_standard_error() {
    let wrong: &[&[&str]] = &[
        &[],
        &["no-such-command"],
        &["serve"],
        &["serve", "echo"],
        &["serve", "no-such-protocol", "tcp:0"],
        &["relay", "tcp:0"],
        &["relay", "tcp:0", "tcp:localhost:1", "tcp:localhost:2"],
        &["pipe"],
        &["check"],
        &["check", "tcp:80", "--client", "--server"],
        &["serve", "echo", "tcp:0", "--grace", "soon"],
        &["serve", "echo", "tcp:0", "--grace=-1"],
        &["serve", "echo", "tcp:0", "--no-such-option"],
    ];
    for arguments in wrong {
        let ended = ropewalk(arguments);
        assert_eq!(ended.code, Some(64), "{arguments:?}");
        assert!(ended.output.is_empty() && !ended.errors.is_empty(), "{arguments:?}");
    }
}
