//! Claims about the command line of a program like `twist`.

use std::fs;
use std::io;
use std::rc::Rc;

use deferred::Failure;
use endpoints::Registry;
use interfaces::{NotPending, ReactorCore as _};
use protocol::service::Service;
use protocol::{factory_fn, wire::Echo};
use reactor::Reactor;
use reactor::simulated::Simulated;
use ropewalk_runner::{
    Exit, ExitStatus, ListenMaker, LogFormat, LogLevel, LogOutput, MakeError, ServiceMaker, Twist,
    TwistOptions,
};

use crate::support::{Journal, Noted, quiet};

type Simulation = Reactor<Simulated>;

/// Makes a service that notes its calls, and stops the reactor when it has started.
struct NotedMaker(Journal);

impl ServiceMaker<Simulation> for NotedMaker {
    fn name(&self) -> &str {
        "noted"
    }

    fn description(&self) -> &str {
        "Notes what happens"
    }

    fn usage(&self) -> String {
        "  --as NAME  The name\n".into()
    }

    fn make_service(
        &self,
        reactor: &Simulation,
        arguments: &[String],
    ) -> Result<Rc<dyn Service>, MakeError> {
        self.0.note(format!("made with {arguments:?}"));
        match arguments {
            [wrong, ..] if wrong == "--wrong" => Err(MakeError::Usage("Wrong!".into())),
            [fails, ..] if fails == "--fail" => Err(MakeError::Failed(NotPending.into())),
            _ => {
                let stopper = reactor.clone();
                reactor.call_when_running(Box::new(move || stopper.stop().unwrap()));
                Ok(Noted::new(&self.0))
            }
        }
    }
}

/// The program, and the registry of what its web plugin listened on.
fn program(journal: &Journal) -> Twist<Simulation> {
    let (default, other) = (journal.clone(), journal.clone());
    let web = ListenMaker::new("web", "Serves", |reactor: &Simulation| {
        let stopper = reactor.clone();
        reactor.call_when_running(Box::new(move || stopper.stop().unwrap()));
        (Registry::standard(Rc::new(reactor.clone())), factory_fn(|_| Echo))
    });
    Twist::new("mytwist", "1.2.3")
        .with_reactor("default", move || {
            default.note("default reactor");
            Ok(quiet())
        })
        .with_reactor("other", move || {
            other.note("other reactor");
            Ok(quiet())
        })
        .with_reactor("broken", || Err(io::ErrorKind::QuotaExceeded.into()))
        .with_service(web)
        .with_service(NotedMaker(journal.clone()))
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace().map(String::from)
}

fn options(text: &str) -> Result<TwistOptions, Exit> {
    program(&Journal::default()).options(words(text))
}

fn message(text: &str) -> String {
    let exit = options(text).expect_err("it is wrong");
    assert_eq!(exit.status(), ExitStatus::USAGE, "{exit:?}");
    exit.message().unwrap().into()
}

/// twist-001, twist-015
#[test]
fn the_usage_ends_its_first_line_with_the_plugin_and_lists_the_subcommands_by_name() {
    let usage = program(&Journal::default()).usage();
    let first = usage.lines().next().unwrap();
    assert_eq!(first, "Usage: mytwist [options] plugin [plugin_options]");
    let lines: Vec<&str> = usage.lines().rev().take(3).collect();
    assert_eq!(lines, ["  web    Serves", "  noted  Notes what happens", "Commands:"]);
    let help = options("--help").unwrap_err();
    assert_eq!((help.status(), help.message()), (ExitStatus::OK, Some(&*usage)));
    let version = options("--version").unwrap_err();
    assert_eq!((version.status(), version.message()), (ExitStatus::OK, Some("1.2.3")));
}

/// twist-003, twist-005
#[test]
fn the_reactor_is_the_one_that_is_named_or_the_default_and_is_made_after_the_options() {
    for (text, made) in [
        ("noted", "default reactor"),
        ("--reactor default noted", "default reactor"),
        ("--reactor=other noted", "other reactor"),
        ("--reactor default --reactor other noted", "other reactor"),
    ] {
        let journal = Journal::default();
        let twist = program(&journal);
        let options = twist.options(words(text)).unwrap();
        assert!(journal.lines().is_empty());
        assert_eq!(format!("{} reactor", options.reactor), made);
        let _runner = twist.runner(options).unwrap();
        assert_eq!(journal.lines()[0], made);
    }
    let broken = program(&Journal::default()).main(words("--reactor broken noted"));
    assert_eq!(broken.status(), ExitStatus::OSERR);
}

/// twist-004
#[test]
fn a_reactor_that_is_not_there_is_a_mistake() {
    assert!(
        message("--reactor coffee web").starts_with("Error: Unknown reactor: coffee\n\nUsage:")
    );
}

/// twist-006
#[test]
fn a_level_is_one_of_five_words_and_the_last_one_counts() {
    assert_eq!(options("web").unwrap().log_level, LogLevel::Info);
    for level in LogLevel::ALL {
        let text = format!("--log-level debug --log-level {} web", level.name());
        assert_eq!(options(&text).unwrap().log_level, level);
    }
}

/// twist-007
#[test]
fn another_level_is_a_mistake() {
    for level in ["cheese", "INFO", "Warn", "warning", ""] {
        let exit = program(&Journal::default())
            .options([format!("--log-level={level}"), "web".into()])
            .unwrap_err();
        let expected = format!("Error: Invalid log level: {level}\n\nUsage:");
        assert!(exit.message().unwrap().starts_with(&expected), "{exit:?}");
        assert_eq!(exit.status(), ExitStatus::USAGE);
    }
}

/// twist-008
#[test]
fn the_log_goes_to_standard_output_or_to_standard_error() {
    for (text, is_stdout) in
        [("web", true), ("--log-file - web", true), ("--log-file + web", false)]
    {
        let output = options(text).unwrap().log_output;
        assert_eq!(matches!(output, LogOutput::Stdout), is_stdout, "{text}");
        assert_eq!(matches!(output, LogOutput::Stderr), !is_stdout, "{text}");
    }
}

/// twist-009
#[test]
fn a_log_file_is_opened_with_the_options_and_keeps_what_is_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let text = format!("--log-file {} noted", path.display());
    let _options = options(&text).unwrap();
    assert!(path.exists(), "it is there before the program runs");
    fs::write(&path, "before\n").unwrap();
    let exit = program(&Journal::default()).main(words(&text));
    assert_eq!(exit.status(), ExitStatus::OK);
    assert!(fs::read_to_string(&path).unwrap().starts_with("before\n"));
}

/// twist-010
#[test]
fn a_log_file_that_cannot_be_opened_ends_the_program() {
    let exit = options("--log-file /nowhere/log web").unwrap_err();
    assert_eq!(exit.status(), ExitStatus::IOERR);
    let message = exit.message().unwrap();
    assert!(message.starts_with("Unable to open log file '/nowhere/log': "), "{message}");
}

/// twist-011
#[test]
fn a_format_is_text_or_json_in_letters_of_any_case() {
    for (name, format) in [
        ("text", LogFormat::Text),
        ("TEXT", LogFormat::Text),
        ("json", LogFormat::Json),
        ("Json", LogFormat::Json),
    ] {
        let text = format!("--log-format {name} web");
        assert_eq!(options(&text).unwrap().log_format, format);
    }
}

/// twist-012
#[test]
fn another_format_is_a_mistake() {
    let text = message("--log-format frommage web");
    assert!(text.starts_with("Error: Invalid log format: frommage\n\nUsage:"), "{text}");
}

/// twist-013, twist-014: decided by the output that the log goes to, wherever its option stands.
#[test]
fn without_a_format_it_is_text_on_a_terminal_and_else_json() {
    use std::io::IsTerminal as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let file = format!("--log-file {} web", path.display());
    assert_eq!(options(&file).unwrap().log_format, LogFormat::Json);
    // The master of a pair of terminals is one.
    let terminal = fs::OpenOptions::new().append(true).open("/dev/ptmx");
    if terminal.is_ok_and(|terminal| terminal.is_terminal()) {
        let of_terminal = options("--log-file /dev/ptmx web").unwrap();
        assert_eq!(of_terminal.log_format, LogFormat::Text);
        let explicit = options("--log-format json --log-file /dev/ptmx web").unwrap();
        assert_eq!(explicit.log_format, LogFormat::Json);
    }
    let explicit = options(&format!("--log-format text {file}")).unwrap();
    assert_eq!(explicit.log_format, LogFormat::Text);
}

/// twist-017
#[test]
fn a_subcommand_is_needed() {
    assert!(message("").starts_with("Error: No plugin specified.\n\nUsage:"));
    assert!(message("--log-level info").starts_with("Error: No plugin specified.\n\nUsage:"));
}

/// twist-018
#[test]
fn arguments_are_options_or_a_mistake_with_the_usage() {
    let options = options("--log-level warn noted --as web x").unwrap();
    assert_eq!((&*options.command, options.log_level), ("noted", LogLevel::Warn));
    assert_eq!(options.arguments, ["--as", "web", "x"]);
    let usage = program(&Journal::default()).usage();
    assert_eq!(message("--bogus=a"), format!("Error: Unknown option: --bogus=a\n\n{usage}"));
    assert!(message("--log-level").starts_with("Error: There is no value for: --log-level\n\n"));
}

/// twist-019
#[test]
fn a_mistake_behind_the_subcommand_shows_its_usage() {
    assert!(message("cheese").starts_with("Error: Unknown command: cheese\n\nUsage: mytwist"));
    let exit = program(&Journal::default()).main(words("noted --wrong"));
    let usage = "Usage: mytwist [options] noted [plugin_options]\n  --as NAME  The name\n";
    assert_eq!(exit.status(), ExitStatus::USAGE);
    assert_eq!(exit.message(), Some(&*format!("Error: Wrong!\n\n{usage}")));
}

/// twist-020, twist-022
#[test]
fn main_makes_the_service_of_the_subcommand_and_runs_it_once() {
    let journal = Journal::default();
    let exit = program(&journal).main(words("--log-level critical noted --as web"));
    assert_eq!(exit, Exit::new(ExitStatus::OK));
    let order =
        ["default reactor", r#"made with ["--as", "web"]"#, "privileged start", "start", "stop"];
    assert_eq!(journal.lines(), order);
}

#[test]
fn a_service_that_cannot_be_made_ends_the_program() {
    let exit = program(&Journal::default()).main(words("noted --fail"));
    let expected = format!("Error: {:#}", Failure::new(NotPending));
    assert_eq!((exit.status(), exit.message()), (ExitStatus::SOFTWARE, Some(&*expected)));
}

/// twist-023
#[test]
fn a_bad_string_and_a_port_that_cannot_be_opened_have_statuses_of_their_own() {
    let exit = program(&Journal::default()).main(words("web --listen tpc:80"));
    assert_eq!(exit.status(), ExitStatus::USAGE);
    assert!(exit.message().unwrap().contains("tpc"), "{exit:?}");
    let twice = "--log-level critical web --listen tcp:80 --listen tcp:80";
    let exit = program(&Journal::default()).main(words(twice));
    assert_eq!(exit.status(), ExitStatus::UNAVAILABLE);
    assert!(exit.message().unwrap().starts_with("Error: cannot listen on 0.0.0.0:80"), "{exit:?}");
}

/// twist-025
#[test]
fn there_is_no_option_for_a_pid_file_a_daemon_or_a_user() {
    for option in ["--pidfile", "--pid-file", "--nodaemon", "--uid", "--gid", "--chroot"] {
        let text = message(&format!("{option} x web"));
        assert!(text.starts_with(&format!("Error: Unknown option: {option}")), "{text}");
    }
}

/// twist-listen-002
#[test]
fn a_plugin_that_listens_does_so_on_port_8080_unless_it_is_told_where() {
    let directory = tempfile::tempdir().unwrap();
    for (listens, addresses) in [
        ("", vec!["0.0.0.0:8080"]),
        ("--listen tcp:80:interface=127.0.0.1", vec!["127.0.0.1:80"]),
        ("--listen=tcp:1 --listen unix:/run/s", vec!["0.0.0.0:1", "unix:/run/s"]),
    ] {
        let path = directory.path().join("log");
        let text = format!("--log-file {} --log-format text web {listens}", path.display());
        let exit = program(&Journal::default()).main(words(&text));
        assert_eq!(exit.status(), ExitStatus::OK, "{exit:?}");
        let log = fs::read_to_string(&path).unwrap();
        let mark = "] listening on ";
        let opened: Vec<&str> =
            log.lines().filter_map(|line| Some(line.split_once(mark)?.1)).collect();
        assert_eq!(opened, addresses, "{log}");
        fs::remove_file(&path).unwrap();
    }
    let other = ListenMaker::new("web", "Serves", |reactor: &Simulation| {
        (Registry::standard(Rc::new(reactor.clone())), factory_fn(|_| Echo))
    })
    .default_listen("tcp:443");
    assert!(other.usage().contains("tcp:443"));
    let wrong = other.make_service(&quiet(), &["--port".into()]).err();
    assert!(matches!(wrong, Some(MakeError::Usage(text)) if text == "Unknown option: --port"));
}
