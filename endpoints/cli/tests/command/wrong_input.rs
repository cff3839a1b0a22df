//! Everything that can be wrong with what a user gives, one by one: one message that names the
//! endpoint, the place or the file, what is wrong and what would be right.

use std::fs::{self, File};
use std::net::TcpListener;
use std::process::Command;

use crate::certificates::Certificate;
use crate::running::{Ended, ROPEWALK, ropewalk, run};

/// Fails with this code and one message that has all these words; nothing on standard output.
#[track_caller]
fn told(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!((ended.code, ended.output.as_slice()), (Some(code), &b""[..]), "{}", ended.errors);
    assert_eq!(ended.errors.matches("error: ").count(), 1, "{}", ended.errors);
    for word in words {
        assert!(ended.errors.contains(word), "no {word:?} in:\n{}", ended.errors);
    }
    assert!(!ended.errors.contains("panicked"), "{}", ended.errors);
}

#[track_caller]
fn serve(endpoint: &str, code: i32, words: &[&str]) {
    let ended = ropewalk(&["serve", "echo", endpoint]);
    told(&ended, code, &[&[endpoint], words].concat());
}

#[test]
fn an_unknown_kind() {
    serve("tpc:80", 64, &["unknown", "`tpc`", "^^^ column 1: a similar kind exists: `tcp`"]);
}

#[test]
fn an_unknown_option() {
    serve("tcp:0:interfaec=::1", 64, &["unknown option `interfaec`", "column 7", "`interface`"]);
}

#[test]
fn a_missing_port() {
    serve("tcp", 64, &["port", "missing", "column 4"]);
    let ended = ropewalk(&["relay", "tcp:0", "tcp:localhost"]);
    told(&ended, 64, &["tcp:localhost", "port", "missing"]);
}

#[test]
fn a_port_out_of_range() {
    serve("tcp:65536", 64, &["65536", "65535", "^^^^^ column 5"]);
}

#[test]
fn a_bad_address() {
    serve("tcp:0:interface=999.1.1.1", 64, &["999.1.1.1", "column 17", "address"]);
}

#[test]
fn a_key_file_that_is_not_there() {
    let certificate = Certificate::new();
    let path = certificate.certificate();
    let endpoint = format!("ssl:0:privateKey=/no/such/key:certKey={}", path.display());
    serve(&endpoint, 69, &["/no/such/key", "No such file"]);
}

#[test]
fn a_certificate_that_does_not_match_its_key() {
    let (one, other) = (Certificate::new(), Certificate::new());
    let (key, certificate) = (one.key(), other.certificate());
    let (key, certificate) = (key.to_str().unwrap(), certificate.to_str().unwrap());
    let endpoint = format!("ssl:0:privateKey={key}:certKey={certificate}");
    serve(&endpoint, 69, &[key, certificate, "match"]);
}

#[test]
fn a_file_that_holds_no_key() {
    let certificate = Certificate::new();
    let path = certificate.certificate();
    let path = path.to_str().unwrap();
    serve(&format!("ssl:0:privateKey={path}:certKey={path}"), 69, &[path, "key"]);
}

#[test]
fn a_busy_port() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port();
    let address = format!("cannot listen on 127.0.0.1:{port}");
    serve(&format!("tcp:{port}:interface=127.0.0.1"), 69, &[&address, "in use"]);
}

#[test]
fn a_path_that_is_too_long() {
    let endpoint = format!("unix:/tmp/{}", "x".repeat(200));
    let ended = ropewalk(&["serve", "echo", &endpoint]);
    assert!(matches!(ended.code, Some(64 | 69)));
    told(&ended, ended.code.unwrap(), &[&endpoint, "205", "107"]);
}

#[test]
fn a_directory_that_is_not_there_and_one_that_may_not_be_written() {
    serve("unix:/no/such/directory/socket", 69, &["cannot listen", "No such file"]);
}

#[test]
fn a_file_that_is_in_the_way_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    fs::write(&path, "precious").unwrap();
    serve(&format!("unix:{}", path.display()), 69, &["not a socket"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn when_one_endpoint_fails_nothing_of_the_others_is_left_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let unix = format!("unix:{}", path.display());
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = format!("tcp:{}:interface=127.0.0.1", busy.local_addr().unwrap().port());
    let ended = ropewalk(&["serve", "echo", &unix, &tcp]);
    told(&ended, 69, &[&tcp, "in use"]);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn every_wrong_endpoint_is_told_before_any_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let unix = format!("unix:{}", directory.path().join("socket").display());
    let ended = ropewalk(&["serve", "echo", &unix, "tcp:x", "tpc:1"]);
    assert_eq!(ended.code, Some(64));
    assert_eq!(ended.errors.matches("error: ").count(), 2, "{}", ended.errors);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// `ropewalk serve echo ENDPOINT`, with these variables, and `LISTEN_PID` its own.
fn with_environment(endpoint: &str, variables: &[(&str, &str)], stdin: Option<File>) -> Ended {
    let mut command = Command::new("sh");
    // Descriptor 3 is what the shell got as its input.
    let script = r#"[ "$2" = inherit ] && exec 3<&0; LISTEN_PID=$$ exec "$0" serve echo "$1""#;
    let inherit = if stdin.is_some() { "inherit" } else { "" };
    command.args(["-c", script, ROPEWALK, endpoint, inherit]);
    command.envs(variables.iter().copied());
    match stdin {
        None => run(command, Vec::new()),
        Some(file) => {
            let output = command.stdin(file).output().unwrap();
            Ended {
                code: output.status.code(),
                output: output.stdout,
                errors: String::from_utf8(output.stderr).unwrap(),
            }
        }
    }
}

#[test]
fn a_negative_number_of_inherited_descriptors() {
    let ended = with_environment("systemd:index=0", &[("LISTEN_FDS", "-1")], None);
    told(&ended, 69, &["systemd:index=0", "LISTEN_FDS", "-1", "whole number from 0"]);
}

#[test]
fn a_wrong_environment_does_not_matter_to_who_needs_none() {
    let mut command = Command::new("sh");
    command.args(["-c", r#"LISTEN_PID=$$ LISTEN_FDS=-1 exec "$0" serve echo tcp:0"#, ROPEWALK]);
    let mut running = crate::running::Running::command(command);
    running.listening();
    let ended = running.terminate();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
}

#[test]
fn nothing_inherited() {
    serve("systemd:index=0", 69, &["none was inherited", "LISTEN_FDS"]);
}

#[test]
fn an_inherited_plain_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plain");
    fs::write(&path, "not a socket").unwrap();
    let file = File::open(&path).unwrap();
    let ended = with_environment("systemd:index=0", &[("LISTEN_FDS", "1")], Some(file));
    told(&ended, 69, &["systemd:index=0", "descriptor 3", "regular file", "listening"]);
}

#[test]
fn an_inherited_descriptor_of_another_name() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = File::from(std::os::fd::OwnedFd::from(listener));
    let variables = [("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "web")];
    let ended = with_environment("systemd:name=wbe", &variables, Some(file));
    told(&ended, 69, &["systemd:name=wbe", "\"wbe\"", "\"web\""]);
}

#[test]
fn fewer_descriptors_than_the_workers_need() {
    for (limit, workers) in [(16, 4), (20, 4), (26, 4), (64, 100)] {
        let mut command = Command::new("sh");
        // Standard input, output and error are all that is open.
        let script = r#"ulimit -n "$1"; exec "$0" serve echo tcp:0 --workers "$2""#;
        command.args(["-c", script, ROPEWALK, &limit.to_string(), &workers.to_string()]);
        let ended = run(command, Vec::new());
        let (needed, is) = (format!("{workers} workers need"), format!("the limit is {limit}:"));
        told(&ended, 69, &[&needed, &is, "ulimit -n", "--workers"]);
    }
}

#[test]
fn no_descriptor_left_to_work_with() {
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -n 4; exec "$0" serve echo tcp:0"#, ROPEWALK]);
    let ended = run(command, Vec::new());
    told(&ended, 69, &["cannot make a reactor", "Too many open files"]);
}
