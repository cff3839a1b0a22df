//! A stranger's first session, as `session.md` tells it: typed into a shell, and compared.
//!
//! Invariant: nothing is changed in the commands but the numbers of the ports, and cargo installs what was built.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::find_peer;

use crate::run::{Group, exit_code, free_ports};

const PAGE: &str = include_str!("../../session.md");

/// The ports of the page, of five digits as free ones are, so that columns stay the same.
const PORTS: [&str; 3] = ["18080", "18443", "19100"];

/// Put between the outputs of two commands.
const MARK: &str = "--- the next command ---";

/// `cargo install`, as the test does it.
const CARGO: &str = r#"cargo() { mkdir "$D/bin" && cp "$BUILT" "$D/bin/ropewalk"; }"#;

/// The commands of the page, and the lines that follow each.
fn commands() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut commands: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut is_inside = false;
    for line in PAGE.lines() {
        if line.starts_with("```") {
            is_inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| is_inside) {
            commands.push((command, Vec::new()));
        } else if let Some((_, lines)) = commands.last_mut().filter(|_| is_inside) {
            lines.push(line);
        }
    }
    commands
}

/// Whether a line is what the page says, where `…` stands for any text.
fn is_like(told: &str, line: &str) -> bool {
    let mut pieces = told.split('…');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let Some(last) = told.contains('…').then(|| told.rsplit('…').next().unwrap_or_default())
    else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    line.len() >= first.len() + last.len() && line.ends_with(last)
}

#[test]
fn the_session_of_the_page_goes_as_it_says() {
    if ["python3", "openssl", "curl"].iter().any(|peer| find_peer(peer).is_none()) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let commands = commands();
    assert!(commands.len() >= 25, "{}", commands.len());
    let ports = free_ports();
    let with_ports = |text: &str| {
        let pairs = PORTS.iter().zip(&ports);
        pairs
            .fold(text.to_owned(), |text, (written, port)| text.replace(written, &port.to_string()))
    };
    let typed: Vec<_> = commands.iter().map(|(command, _)| with_ports(command)).collect();
    let script = format!("{CARGO}\n{}\n", typed.join(&format!("\necho '{MARK}'\n")));
    let path = directory.path().join("output");
    let output = File::create(&path).unwrap();
    let mut shell = Command::new("sh");
    let search = format!("{}/bin:{}", directory.path().display(), std::env::var("PATH").unwrap());
    shell.args(["-c", &script]).current_dir(directory.path()).env("PATH", search);
    shell.env("D", directory.path()).env("BUILT", Path::new(env!("CARGO_BIN_EXE_ropewalk")));
    let shell = shell.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    let mut shell = Group::start(shell);
    assert_eq!(exit_code(&mut shell), Some(0), "{}", std::fs::read_to_string(&path).unwrap());
    let output = std::fs::read_to_string(&path).unwrap();
    let outputs: Vec<_> = output.split(&format!("{MARK}\n")).collect();
    assert_eq!(outputs.len(), commands.len(), "{output}");
    let mut wrong = String::new();
    for ((command, told), came) in commands.iter().zip(outputs) {
        let came: Vec<_> = came.lines().collect();
        let is_right = told.len() == came.len()
            && told.iter().zip(&came).all(|(told, line)| is_like(&with_ports(told), line));
        if !is_right {
            wrong += &format!("$ {command}\n  told: {told:#?}\n  came: {came:#?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn three_dots_stand_for_any_text_of_a_line() {
    for (told, line, is) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a…", "abc", true),
        ("a…c", "abc", true),
        ("a…c", "abd", false),
        ("a…b…c", "axbyc", true),
        ("…", "", true),
        ("…b…", "aba", true),
        ("ab…bc", "abc", false),
    ] {
        assert_eq!(is_like(told, line), is, "{told} {line}");
    }
}
