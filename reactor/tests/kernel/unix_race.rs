//! Many processes that want one UNIX path, again and again.
//!
//! `ROPEWALK_RACE_ROUNDS` sets the number of rounds.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::{env, fs, io};

use interfaces::{ListenError, ListeningPort};
use ropewalk_reactor::Reactor;

use crate::support::child::{is_child, set_umask, spawn, test_name};
use crate::support::unix::*;

const RACERS: usize = 20;

/// The rounds that one set of processes lives for, which is less than their time.
const ROUNDS_PER_LIFE: usize = 50;

/// Answers each line of its input: `listen` tries to, `stop` stops.
fn race_as_a_child() {
    set_umask(0);
    let path = PathBuf::from(env::var_os("SERVE").unwrap());
    let reactor = Reactor::new().unwrap();
    let mut port: Option<std::rc::Rc<dyn ListeningPort>> = None;
    for line in io::stdin().lines().map_while(Result::ok) {
        let answer = match (&*line, port.take()) {
            ("stop", Some(open)) => {
                drop(open.stop_listening());
                "stopped".to_owned()
            }
            ("stop", None) => "nothing to stop".to_owned(),
            (_, Some(open)) => {
                port = Some(open);
                "listens".to_owned()
            }
            (_, None) => match listen(&reactor, &path) {
                Ok(open) => {
                    port = Some(open);
                    "listens".to_owned()
                }
                Err(ListenError::InUse { .. }) => "in use".to_owned(),
                Err(error) => format!("{error:?}"),
            },
        };
        println!("answer: {answer}");
    }
}

struct Racer {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    listens: bool,
}

impl Racer {
    fn start(test: &str, path: &Path) -> Self {
        let mut child = spawn(test, &[("SERVE", path.to_str().unwrap())]);
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, input, output, listens: false }
    }

    fn tell(&mut self, what: &str) {
        writeln!(self.input, "{what}").unwrap();
    }

    /// Reads the answer; returns whether it listens now.
    fn hear(&mut self, round: usize) -> bool {
        let answer = self
            .output
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("answer: ").map(|(_, answer)| answer.to_owned()));
        self.listens = match answer.as_deref() {
            Some("listens") => true,
            Some("in use" | "stopped" | "nothing to stop") => false,
            other => panic!("round {round}: {other:?}"),
        };
        self.listens
    }
}

/// Looks at the mode of the path all the time.
struct Watcher {
    over: Arc<AtomicBool>,
    widest: Arc<AtomicU32>,
    thread: std::thread::JoinHandle<()>,
}

impl Watcher {
    fn start(path: &Path) -> Self {
        let (over, widest) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let path = path.to_owned();
        let thread = std::thread::spawn({
            let (over, widest) = (over.clone(), widest.clone());
            move || {
                while !over.load(Ordering::Relaxed) {
                    if let Ok(metadata) = fs::symlink_metadata(&path) {
                        widest.fetch_or(metadata.mode() & 0o7777, Ordering::Relaxed);
                    }
                    std::thread::yield_now();
                }
            }
        });
        Self { over, widest, thread }
    }

    fn widest(self) -> u32 {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.widest.load(Ordering::Relaxed)
    }
}

/// One winner; then it leaves while all others try again, and who has the path then keeps it.
fn one_round(racers: &mut [Racer], path: &Path, round: usize) {
    racers.iter_mut().for_each(|racer| racer.tell("listen"));
    let winners = racers.iter_mut().filter_map(|racer| racer.hear(round).then_some(())).count();
    assert_eq!(winners, 1, "round {round}");
    assert!(UnixStream::connect(path).is_ok(), "round {round}");

    for racer in racers.iter_mut() {
        racer.tell(if racer.listens { "stop" } else { "listen" });
    }
    let successors = racers.iter_mut().filter_map(|racer| racer.hear(round).then_some(())).count();
    assert!(successors <= 1, "round {round}: {successors} successors");
    assert_eq!(UnixStream::connect(path).is_ok(), successors == 1, "round {round}");

    racers.iter_mut().for_each(|racer| racer.tell("stop"));
    racers.iter_mut().for_each(|racer| {
        racer.hear(round);
    });
    assert!(!is_there(path) && !is_there(&lock_of(path)), "round {round}");
}

#[test]
fn of_twenty_processes_one_gets_the_path_and_keeps_it_whoever_leaves() {
    let name = test_name(&of_twenty_processes_one_gets_the_path_and_keeps_it_whoever_leaves);
    if is_child(name) {
        return race_as_a_child();
    }
    let rounds = env::var("ROPEWALK_RACE_ROUNDS").map_or(30, |rounds| rounds.parse().unwrap());
    let (_directory, path) = place();
    let watcher = Watcher::start(&path);
    let mut racers = Vec::new();
    for round in 0..rounds {
        if round % ROUNDS_PER_LIFE == 0 {
            finish(racers);
            racers = (0..RACERS).map(|_| Racer::start(name, &path)).collect();
        }
        if round % 2 == 0 {
            leave_stale_socket(&path);
        }
        one_round(&mut racers, &path, round);
    }
    finish(racers);
    assert_eq!(watcher.widest(), 0o600);
}

/// Puts a dead server's socket at the path, with its mode from its first moment there.
fn leave_stale_socket(path: &Path) {
    let elsewhere = path.with_extension("stale");
    drop(UnixListener::bind(&elsewhere).unwrap());
    fs::set_permissions(&elsewhere, Permissions::from_mode(0o600)).unwrap();
    fs::rename(&elsewhere, path).unwrap();
}

fn finish(racers: Vec<Racer>) {
    for Racer { mut child, input, .. } in racers {
        drop(input);
        assert!(child.wait().unwrap().success());
    }
}
