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
    for command in [
        &["completions", "--help"][..],
        &["man", "--help"],
        &["activate", "--help"],
        &["endpoints", "--help"],
        &["run", "--help"],
    ] {
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

#[test]
fn each_command_has_a_manual_page_with_every_option() {
    for command in ["serve", "relay", "pipe", "check", "probe", "activate"] {
        let page = help(&["man", command]);
        assert!(page.contains(&format!(".TH ropewalk-{command} 1")), "{page}");
        assert!(page.contains("\n.SH EXAMPLES\n.nf\n"), "{page}");
        let short = help(&[command, "-h"]);
        let options = short.lines().filter_map(|line| line.trim_start().strip_prefix("--"));
        let options: Vec<_> = options.filter_map(|line| line.split_whitespace().next()).collect();
        assert!(options.len() >= 3, "{options:?}");
        for option in options {
            let bold = format!("\\-\\-{}", option.replace('-', "\\-"));
            assert!(page.contains(&bold), "{command}: {bold}: {page}");
        }
    }
    assert!(help(&["man"]).contains("Exit codes: 0 done"));
    assert_eq!(ropewalk(&["man", "no-such-command"]).code, Some(64));
}

#[test]
fn the_completions_of_a_shell_are_understood_by_it() {
    for shell in ["bash", "zsh", "fish"] {
        let script = help(&["completions", shell]);
        assert!(script.contains("drain-delay"), "{shell}");
        let Ok(mut checker) = std::process::Command::new(shell)
            .args(["-n", "/dev/stdin"])
            .stdin(std::process::Stdio::piped())
            .spawn()
        else {
            continue;
        };
        let mut input = checker.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, script.as_bytes()).unwrap();
        drop(input);
        assert!(checker.wait().unwrap().success(), "{shell}");
    }
    assert_eq!(ropewalk(&["completions", "no-such-shell"]).code, Some(64));
}
