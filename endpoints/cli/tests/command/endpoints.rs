//! What `endpoints` says holds for the strings that `check` takes; and the completions, in the shells themselves.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testkit::{find_peer, find_rare_peer};

use crate::running::{Ended, ROPEWALK, ropewalk, run};

fn kinds() -> Vec<Value> {
    let ended = ropewalk(&["endpoints", "--json"]);
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    let value: Value = serde_json::from_slice(&ended.output).unwrap();
    value["kinds"].as_array().unwrap().clone()
}

fn check(side: &str, text: &str) -> Ended {
    ropewalk(&["check", &format!("--{side}"), text])
}

#[test]
fn every_kind_that_is_known_has_examples_that_are_endpoints() {
    let kinds = kinds();
    for kind in &kinds {
        let examples = kind["examples"].as_array().unwrap();
        assert!(!examples.is_empty(), "{kind}");
        for example in examples {
            let ended = check(kind["side"].as_str().unwrap(), example.as_str().unwrap());
            assert_eq!(ended.code, Some(0), "{example}: {}", ended.errors);
        }
    }
    for side in ["server", "client"] {
        let listed: Vec<_> = kinds.iter().filter(|kind| kind["side"] == side).collect();
        let listed: BTreeSet<_> =
            listed.iter().map(|kind| kind["kind"].as_str().unwrap()).collect();
        // A mistake in the kind lists what the parser knows.
        let known = listed_in(&check(side, "no-such-kind:1").errors);
        assert_eq!(known.iter().map(String::as_str).collect::<BTreeSet<_>>(), listed);
    }
}

#[test]
fn every_argument_that_a_parser_takes_is_listed_and_no_other() {
    for kind in kinds().iter().filter(|kind| kind["wraps"] == false) {
        let listed: BTreeSet<_> = kind["arguments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|argument| argument["name"].as_str().unwrap().to_owned())
            .collect();
        let example = kind["examples"][0].as_str().unwrap();
        let mistaken = format!("{example}:zzzzzzzzzz=1");
        let errors = check(kind["side"].as_str().unwrap(), &mistaken).errors;
        let mut known = listed_in(&errors);
        if kind["kind"] == "process" {
            // It comes any number of times, and is taken out before the others are bound.
            known.insert("argument".into());
        }
        assert_eq!(known, listed, "{errors}");
    }
}

/// The names between backquotes behind "expected".
fn listed_in(errors: &str) -> BTreeSet<String> {
    let Some((_, expected)) = errors.split_once("expected ") else { panic!("{errors}") };
    expected.split('`').skip(1).step_by(2).map(Into::into).collect()
}

/// The arguments and layers of a string, as `check` has them.
fn meaning(side: &str, text: &str) -> [Value; 2] {
    let ended = ropewalk(&["check", "--json", &format!("--{side}"), text]);
    let value: Value = serde_json::from_slice(&ended.output).unwrap();
    assert_eq!(value["ok"], true, "{text}: {value}");
    [value["arguments"].clone(), value["layers"].clone()]
}

#[test]
fn what_is_said_of_an_argument_is_what_the_parser_does() {
    for kind in kinds() {
        let (side, text) = (kind["side"].as_str().unwrap(), kind["examples"][0].as_str().unwrap());
        for argument in kind["arguments"].as_array().unwrap() {
            let name = argument["name"].as_str().unwrap();
            if kind["wraps"] == true || argument["needed"] == true || argument["default"].is_null()
            {
                continue;
            }
            // The default, written out, changes nothing.
            let value = argument["default"].as_str().unwrap().replace(':', r"\:");
            let written = meaning(side, &format!("{text}:{name}={value}"));
            assert_eq!(written, meaning(side, text), "{text} {name}={value}");
        }
    }
    let text = String::from_utf8(ropewalk(&["endpoints", "tcp"]).output).unwrap();
    assert!(text.contains("\n  1 port       (needed)  a number from 0 to 65535\n"), "{text}");
    assert!(
        text.contains("\n    noDelay    -         0 or 1, no or yes, false or true\n"),
        "{text}"
    );
    let ended = ropewalk(&["endpoints", "tpc"]);
    assert_eq!((ended.code, ended.output.len()), (Some(64), 0));
    assert!(
        ended.errors.contains("there is no kind `tpc`: there are haproxy, "),
        "{}",
        ended.errors
    );
}

fn answers(words: &[&str]) -> Vec<String> {
    let ended = ropewalk(&[&["complete-endpoint", "--"], words].concat());
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{words:?}");
    String::from_utf8(ended.output).unwrap().lines().map(Into::into).collect()
}

#[test]
fn a_word_becomes_kinds_then_names_of_arguments_by_its_side() {
    let cases: [(&[&str], &[&str]); 13] = [
        (&["serve", "echo", "t"], &["tcp6:", "tcp:", "tls:"]),
        (&["pipe", "pr"], &["process:"]),
        (&["serve", "echo", "pr"], &[]),
        (&["relay", "tcp:80", "pr"], &["process:"]),
        (&["relay", "--backup", "so"], &["socks5:"]),
        (&["relay", "--grace", "t"], &[]),
        (&["relay", "--sta"], &[]),
        (&["serve", "t"], &[]),
        (&["serve", "echo", "tcp:80:in"], &["tcp:80:interface="]),
        (&["serve", "echo", "tcp:80:interface=::1:in"], &[]),
        (&["serve", "echo", "haproxy:tcp:80:re"], &["haproxy:tcp:80:reusePort="]),
        (&["pipe", "sni:for=a:tcp:h:80:for=*:so"], &["sni:for=a:tcp:h:80:for=*:socks5:"]),
        (&["activate", "-l", "uni"], &["unix:"]),
    ];
    for (words, expected) in cases {
        assert_eq!(answers(words), expected, "{words:?}");
    }
    let haproxy = answers(&["serve", "echo", "haproxy:"]);
    for offer in ["haproxy:trust=", "haproxy:timeout=", "haproxy:tcp:", "haproxy:ssl:"] {
        assert!(haproxy.iter().any(|it| it == offer), "{haproxy:?}");
    }
}

#[test]
fn a_value_that_is_a_path_becomes_files() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("site")).unwrap();
    fs::write(directory.path().join("site.pem"), "").unwrap();
    fs::write(directory.path().join(".hidden"), "").unwrap();
    let path = directory.path().display().to_string();
    for prefix in ["unix:", "ssl:443:privateKey="] {
        let expected = ["site.pem", "site/"].map(|name| format!("{prefix}{path}/{name}"));
        assert_eq!(answers(&["serve", "echo", &format!("{prefix}{path}/")]), expected);
        assert_eq!(answers(&["serve", "echo", &format!("{prefix}{path}/si")]), expected);
    }
}

/// The script of a shell, in a file.
fn script(directory: &Path, shell: &str) -> String {
    let path = directory.join("script");
    fs::write(&path, ropewalk(&["completions", shell]).output).unwrap();
    path.display().to_string()
}

#[test]
fn bash_puts_the_answers_behind_its_own_breaks_of_words() {
    let directory = tempfile::tempdir().unwrap();
    let script = script(directory.path(), "bash");
    for (line, expected) in [
        ("ropewalk serve echo t", "tcp6: tcp: tls:"),
        ("ropewalk serve echo tcp:80:in", "interface="),
        ("ropewalk relay tcp:80 tls:h:443:time", "timeout="),
        ("ropewalk serve e", "echo"),
        ("ropewalk relay --bac", "--backup"),
        ("ropewalk re", "relay"),
    ] {
        // As bash calls it; it has the words in its variables, broken as readline does it.
        let program = format!(
            r#"PATH="{}:$PATH"; source "{script}"; compopt() {{ :; }}
            COMP_LINE="$1"; COMP_POINT=${{#1}}; COMP_TYPE=9; COMP_KEY=9
            read -r -a COMP_WORDS <<< "$(sed 's/[:=]/ & /g' <<< "$1")"
            COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            _ropewalk_endpoints ropewalk "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
            echo "${{COMPREPLY[*]}}""#,
            Path::new(ROPEWALK).parent().unwrap().display()
        );
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", &program, "bash", line]);
        let ended = run(bash, "");
        assert_eq!(String::from_utf8_lossy(&ended.output).trim(), expected, "{}", ended.errors);
        assert_eq!(ended.errors, "");
    }
}

/// The line that a shell on a terminal has after the tabulator key, without its first three words.
fn typed(shell: &str, setup: &str, text: &str) -> Option<String> {
    let mut python = find_peer("python3")?;
    let folder = Path::new(ROPEWALK).parent().unwrap().display();
    let setup = format!("PATH=\"{folder}:$PATH\"; {setup}");
    let line = format!("ropewalk serve echo {text}");
    python.args(["-c", include_str!("type_tab.py"), shell, &setup, &line]);
    let ended = run(python, "");
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    let line = String::from_utf8(ended.output).unwrap();
    Some(
        line.trim().strip_prefix("ropewalk serve echo ").unwrap_or_else(|| panic!("{line}")).into(),
    )
}

#[test]
fn a_terminal_with_bash_completes_an_endpoint_at_the_tabulator() {
    let directory = tempfile::tempdir().unwrap();
    let setup = format!("source {}", script(directory.path(), "bash"));
    for (text, expected) in [
        ("tcp:80:interf", "tcp:80:interface=X"),
        ("uni", "unix:X"),
        ("haproxy:tcp:80:ba", "haproxy:tcp:80:backlog=X"),
    ] {
        let Some(line) = typed("bash --norc --noprofile -i", &setup, text) else { return };
        assert_eq!(line, expected);
    }
}

#[test]
fn a_terminal_with_zsh_completes_an_endpoint_at_the_tabulator() {
    if find_rare_peer("zsh").is_none() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let script = script(directory.path(), "zsh");
    let setup = format!(
        "autoload -U compinit; compinit -D -u; source {script}; compdef _ropewalk ropewalk"
    );
    for (text, expected) in [("tcp:80:interf", "tcp:80:interface=X"), ("uni", "unix:X")] {
        let Some(line) = typed("zsh -f -i", &setup, text) else { return };
        assert_eq!(line, expected);
    }
}

#[test]
fn fish_offers_the_answers_for_endpoints_by_position_and_of_options() {
    let Some(mut fish) = find_rare_peer("fish") else { return };
    let directory = tempfile::tempdir().unwrap();
    let script = script(directory.path(), "fish");
    let folder = Path::new(ROPEWALK).parent().unwrap().display();
    let mut program = format!("set -x PATH {folder} $PATH; source {script};");
    for line in ["serve echo tcp:80:interf", "relay --backup sock", "activate -l uni", "re"] {
        program += &format!("complete -C 'ropewalk {line}';");
    }
    fish.args(["--no-config", "-c", &program]).env("HOME", directory.path());
    let ended = run(fish, "");
    let output = String::from_utf8(ended.output).unwrap();
    let words: Vec<_> = output.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(
        words,
        ["tcp:80:interface=", "socks5:", "unix:", "relay"],
        "{output}{}",
        ended.errors
    );
}
