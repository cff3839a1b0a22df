//! The defaults that the help tells are those of the command and of the library.

use std::time::Duration;

use clap::{CommandFactory as _, Parser as _};
use endpoints::parse_duration;
use interfaces::KeepAliveTimes;
use protocol::policies::Timeouts;
use protocol::relay::RelayOptions;
use reactor::Limits;
use ropewalk::tls::TlsOptions;

use super::{Arguments, Command, Limit, parse_bytes};

/// The default that the line of an option in the long help of a command ends with.
fn told(command: &str, option: &str) -> String {
    let help = long_help(command);
    let line = help.lines().find(|line| line.trim_start().starts_with(option));
    let line = line.unwrap_or_else(|| panic!("{option} is not told:\n{help}"));
    line.rsplit(": ").next().unwrap().into()
}

fn long_help(command: &str) -> String {
    unwrapped(command).render_long_help().to_string()
}

/// A subcommand whose help has no line broken, however wide the terminal of the tests is.
fn unwrapped(command: &str) -> clap::Command {
    let arguments = Arguments::command();
    let command = arguments.find_subcommand(command).expect("it is a subcommand");
    command.clone().term_width(0)
}

fn parsed(arguments: &[&str]) -> Command {
    Arguments::try_parse_from(arguments).expect("these arguments are right").command
}

#[test]
fn every_default_is_told_and_is_the_librarys() {
    let relay = match parsed(&["ropewalk", "relay", "tcp:1", "tcp:host:2"]) {
        Command::Relay(relay) => relay,
        other => panic!("{other:?}"),
    };
    let serve = match parsed(&["ropewalk", "serve", "echo", "tcp:1"]) {
        Command::Serve(serve) => serve,
        other => panic!("{other:?}"),
    };
    let pipe = match parsed(&["ropewalk", "pipe", "tcp:host:2"]) {
        Command::Pipe(pipe) => pipe.half_close_timeout,
        other => panic!("{other:?}"),
    };
    let (pair, timeouts) = (RelayOptions::default(), Timeouts::default());
    let keep_alive = |times: Option<KeepAliveTimes>| times.map(|times| times.idle);
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let times = [
        ("relay", "--idle-timeout", relay.idle_timeout, pair.idle, 3600),
        ("relay", "--half-close-timeout", relay.half_close_timeout, pair.half_closed, 60),
        ("relay", "--connect-timeout", relay.connect_timeout, seconds(10), 10),
        ("relay", "--retry", relay.retry, pair.retry, 1),
        ("relay", "--keep-alive", relay.peers.keep_alive, keep_alive(pair.keep_alive), 60),
        ("relay", "--grace", Limit(Some(relay.stopping.grace)), seconds(30), 30),
        // It is the command's own.
        ("pipe", "--half-close-timeout", pipe, seconds(1), 1),
        ("serve", "--first-byte-timeout", serve.first_byte_timeout, timeouts.first_byte, 30),
        ("serve", "--idle-timeout", serve.idle_timeout, timeouts.idle, 300),
        ("serve", "--keep-alive", serve.peers.keep_alive, keep_alive(timeouts.keep_alive), 60),
        ("serve", "--grace", Limit(Some(serve.stopping.grace)), seconds(30), 30),
    ];
    for (command, option, parsed, library, decided) in times {
        let told = parse_duration(&told(command, option)).expect("it is a time");
        assert_eq!(Some(told), seconds(decided), "{command} {option}");
        assert_eq!((parsed, library), (Limit(Some(told)), Some(told)), "{command} {option}");
    }
    let handshake = TlsOptions::default().handshake_timeout;
    assert_eq!(Some(handshake), seconds(10));
    for (command, peers) in [("relay", relay.peers), ("serve", serve.peers)] {
        let help = long_help(command);
        assert!(help.contains("A TLS handshake may take 10s."), "{help}");
        let KeepAliveTimes { interval, probes, .. } = KeepAliveTimes::default();
        let probing = format!("{probes} times {}s apart", interval.as_secs());
        assert!(help.contains(&probing), "{help}");
        assert_eq!(told(command, "--max-connections"), "as many as the descriptors allow");
        assert_eq!(told(command, "--max-per-peer"), "no limit");
        assert_eq!((peers.max_connections, peers.max_per_peer), (0, 0));
        assert_eq!(parse_bytes(&told(command, "--max-unsent")), Ok(peers.max_unsent));
        assert_eq!(peers.max_unsent, Limits::default().unsent_bytes);
    }
}

#[test]
fn every_option_is_told_in_both_helps() {
    for name in ["relay", "serve"] {
        let mut command = unwrapped(name);
        let helps = [command.render_help().to_string(), command.render_long_help().to_string()];
        for option in command.get_opts().filter_map(|option| option.get_long()) {
            for help in &helps {
                assert!(option == "help" || help.contains(&format!("--{option} ")), "{help}");
            }
        }
    }
}

#[test]
fn bytes_are_digits_and_perhaps_a_unit() {
    for (text, bytes) in [("0", 0), ("65536", 65_536), ("64K", 65_536), ("512M", 1 << 29)] {
        assert_eq!(parse_bytes(text), Ok(bytes));
    }
    for wrong in ["", "K", "1k", "1KK", "1MB", "1 M", "1.5G", "99999999999G", "G1"] {
        let error = parse_bytes(wrong).expect_err("it is no number of bytes");
        assert!(error.contains("512M"), "{wrong}");
    }
}

#[test]
fn nothing_is_no_limit() {
    let arguments = ["ropewalk", "relay", "tcp:1", "tcp:host:2", "--idle-timeout", "0"];
    match parsed(&arguments) {
        Command::Relay(relay) => assert_eq!(relay.idle_timeout, Limit(None)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_number_or_a_time_is_digits_without_a_sign_or_space() {
    let options = |command: &str| {
        let mut arguments = Arguments::command();
        let command = arguments.find_subcommand_mut(command).expect("it is a subcommand");
        let takes_text = |option: &clap::Arg| {
            option.get_value_names().is_some_and(|names| {
                ["CONNECT", "LISTEN", "FORM", "LEVEL", "FILE", "DIR"].contains(&names[0].as_str())
            })
        };
        let takes_number =
            |option: &&clap::Arg| option.get_action().takes_values() && !takes_text(option);
        let names = command.get_opts().filter(takes_number).filter_map(|option| option.get_long());
        names.map(|name| format!("--{name}")).collect::<Vec<_>>()
    };
    let (serve, relay, pipe) = (options("serve"), options("relay"), options("pipe"));
    assert_eq!((serve.len(), relay.len(), pipe.len()), (12, 14, 1), "{serve:?} {relay:?} {pipe:?}");
    for (given, names) in [
        (&["serve", "echo", "tcp:1"][..], &serve),
        (&["relay", "tcp:1", "tcp:host:2"], &relay),
        (&["pipe", "tcp:host:2"], &pipe),
    ] {
        for name in names {
            let with = |value: &str| {
                let option = format!("{name}={value}");
                let all = ["ropewalk"].iter().chain(given).copied().chain([option.as_str()]);
                Arguments::try_parse_from(all).is_ok()
            };
            assert!(with("2") && with("0") && with("007"), "{name}");
            for wrong in ["+2", "-2", " 2", "2 ", "", "+", "2_0", "0x2", "\u{662}", "1e3", "2.0"] {
                assert!(!with(wrong), "{name}={wrong}");
            }
            assert!(!with("99999999999999999999999"), "{name}");
        }
    }
}
