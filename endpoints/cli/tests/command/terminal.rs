//! What a terminal shows: 80 columns, readable on a dark and on a light background, plain where that is asked for.
//!
//! Invariant: the command uses bold and underlined letters, and no colour that a background could hide.

use testkit::find_peer;

use crate::running::{ROPEWALK, run, with_default_output};

/// Runs a program on a terminal of its own.
const ON_A_TERMINAL: &str =
    "import pty, sys; pty.spawn(sys.argv[1:], lambda fd: __import__('os').read(fd, 65536))";

/// What the short help of `relay` looks like on a terminal with this environment.
fn shown(variables: &[(&str, &str)]) -> Option<String> {
    let mut command = with_default_output(find_peer("python3")?);
    command.args(["-c", ON_A_TERMINAL, ROPEWALK, "relay", "-h"]);
    command.env("TERM", "xterm-256color").envs(variables.iter().copied());
    let shown = String::from_utf8(run(command, "").output).unwrap();
    assert!(shown.contains("<CONNECT>"), "{shown}");
    Some(shown.replace('\r', ""))
}

/// The numbers of all `ESC [ … m`, and the text without them.
fn split(shown: &str) -> (Vec<u8>, String) {
    let mut pieces = shown.split("\x1b[");
    let (mut numbers, mut text) = (Vec::new(), pieces.next().unwrap().to_owned());
    for piece in pieces {
        let (codes, rest) = piece.split_once('m').unwrap();
        numbers.extend(codes.split(';').map(|code| code.parse::<u8>().unwrap()));
        text.push_str(rest);
    }
    (numbers, text)
}

#[test]
fn help_is_bold_and_underlined_on_a_terminal_and_plain_where_that_is_asked_for() {
    let Some(shown_there) = shown(&[]) else { return };
    let (numbers, text) = split(&shown_there);
    // ECMA-48: 0 is the default, 1 bold, 4 underlined; from 30 on they are colours.
    assert!(
        numbers.contains(&1) && numbers.iter().all(|code| [0, 1, 4].contains(code)),
        "{numbers:?}"
    );
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let plain: [&[_]; 3] =
        [&[("NO_COLOR", "1")], &[("TERM", "dumb")], &[("NO_COLOR", "1"), ("CI", "true")]];
    for asked in plain {
        assert_eq!(shown(asked).unwrap(), text, "{asked:?}");
    }
}
