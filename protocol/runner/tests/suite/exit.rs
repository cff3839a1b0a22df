//! Claims about statuses and messages.

use std::process::{ExitCode, Termination as _};

use ropewalk_runner::{Exit, ExitStatus};

fn written(exit: &Exit) -> (String, String) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    exit.write_message(&mut stdout, &mut stderr).unwrap();
    (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// exit-001
#[test]
fn a_number_is_the_status_and_a_name_its_number() {
    for number in 0..=255 {
        assert_eq!(ExitStatus::new(number).number(), number);
    }
    let code = |exit: Exit| format!("{:?}", exit.report());
    let numbered = |number: u8| format!("{:?}", ExitCode::from(number));
    assert_eq!(code(Exit::new(ExitStatus::new(42))), numbered(42));
    assert_eq!(code(Exit::new(ExitStatus::CONFIG)), numbered(78));
}

/// exit-002
#[test]
fn a_message_goes_to_standard_output_for_success_and_else_to_standard_error() {
    let told = ("Hello, world!\n".into(), String::new());
    assert_eq!(written(&Exit::new(ExitStatus::OK).with_message("Hello, world!")), told);
    let told = (String::new(), "Hello, world!\n".into());
    assert_eq!(written(&Exit::new(ExitStatus::new(1)).with_message("Hello, world!")), told);
    for status in [ExitStatus::OK, ExitStatus::USAGE] {
        assert_eq!(written(&Exit::new(status)), Default::default());
    }
}

#[test]
fn a_message_of_several_lines_cannot_disturb_a_terminal() {
    let exit = Exit::new(ExitStatus::USAGE).with_message("Error: \x1b[2J\n\nUsage");
    assert_eq!(written(&exit).1, "Error: \\u{1b}[2J\n\nUsage\n");
}

/// exit-003
#[test]
fn the_names_have_the_numbers_of_sysexits() {
    let numbers = [
        (ExitStatus::OK, 0),
        (ExitStatus::USAGE, 64),
        (ExitStatus::DATAERR, 65),
        (ExitStatus::NOINPUT, 66),
        (ExitStatus::NOUSER, 67),
        (ExitStatus::NOHOST, 68),
        (ExitStatus::UNAVAILABLE, 69),
        (ExitStatus::SOFTWARE, 70),
        (ExitStatus::OSERR, 71),
        (ExitStatus::OSFILE, 72),
        (ExitStatus::CANTCREAT, 73),
        (ExitStatus::IOERR, 74),
        (ExitStatus::TEMPFAIL, 75),
        (ExitStatus::PROTOCOL, 76),
        (ExitStatus::NOPERM, 77),
        (ExitStatus::CONFIG, 78),
    ];
    for (status, number) in numbers {
        assert_eq!(status.number(), number);
    }
}
