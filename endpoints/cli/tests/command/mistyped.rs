//! Mistyped command lines, and the whole of what is said about each: `mistyped.txt`.
//!
//! An entry is a line that begins with `$`, what the command says on standard error, and the exit code behind `->`.
//! `ROPEWALK_RENEW=1` writes the answers anew; read the difference as a user before you keep it.
//! Invariant: each entry is a claim about every letter of the answer.

use std::path::Path;
use std::process::Command;

use crate::running::{ROPEWALK, run};

const FILE: &str = include_str!("mistyped.txt");

fn entries() -> impl Iterator<Item = &'static str> {
    FILE.lines().filter_map(|line| line.strip_prefix("$ "))
}

/// The answer to a command line, as a shell reads it.
fn answer(line: &str) -> String {
    let directory = Path::new(ROPEWALK).parent().unwrap();
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    let ended = run(
        {
            shell.args(["-c", line]).env("PATH", path);
            shell
        },
        "",
    );
    assert!(ended.output.is_empty(), "{line}: {:?}", ended.output);
    let code = ended.code.map_or("a signal".into(), |code| code.to_string());
    format!("$ {line}\n{}-> {code}\n", ended.errors)
}

fn answers() -> Vec<(&'static str, String)> {
    entries().map(|line| (line, answer(line))).collect()
}

#[test]
fn each_mistyped_line_is_answered_in_exactly_these_words() {
    let answers: String = answers().into_iter().map(|(_, answer)| answer).collect();
    if std::env::var_os("ROPEWALK_RENEW").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/mistyped.txt");
        std::fs::write(path, &answers).unwrap();
        return;
    }
    for (number, (written, told)) in (1..).zip(FILE.lines().zip(answers.lines())) {
        assert_eq!(written, told, "mistyped.txt, line {number}");
    }
    assert_eq!(FILE.lines().count(), answers.lines().count());
}

#[test]
fn an_answer_is_exit_code_64_says_error_and_fits_a_terminal() {
    assert!(entries().count() >= 60);
    for (line, answer) in answers() {
        assert!(answer.ends_with("-> 64\n"), "{answer}");
        assert!(line == "ropewalk" || answer.contains("\nerror: "), "{answer}");
        // A tip that writes `--` before an option makes an endpoint of it.
        assert!(!answer.contains("use '-- "), "{answer}");
        let said = answer.lines().skip(1).filter(|line| !line.contains("^ column "));
        let wide: Vec<_> = said.filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{wide:?}");
    }
}

#[test]
fn every_wrong_string_of_a_line_is_told_whichever_part_of_it_is_wrong() {
    let line = r"ropewalk relay 'tcp:0\' tcp:1:x=1 'tcp:a:80\' --backup tcp:b --status 'unix:/a:='";
    let answer = answer(line);
    assert_eq!(answer.matches("error: ").count(), 5, "{answer}");
    for string in [r"  tcp:0\", "  tcp:1:x=1", r"  tcp:a:80\", "  tcp:b", "  unix:/a:="] {
        assert!(answer.contains(&format!("\n{string}\n")), "{string}: {answer}");
    }
}
