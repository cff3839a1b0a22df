//! `cargo xtask`: the chores of this workspace that are programs.
//!
//! Invariant: this file parses the name of the task and calls it; each task has a file of its own.
#![forbid(unsafe_code)]

mod task;

use std::process::ExitCode;

use lexopt::{Arg, Parser};

const HELP: &str = "\
cargo xtask TASK

Tasks:
  bench         measures the workspace beside its peers; see cargo xtask bench --help
  bench-deferred  measures a chain of callbacks beside futures, tokio's oneshot and Twisted's
  bench-group   measures several reactors in one process; see cargo xtask bench-group --help
  bench-relays  measures the command as a relay beside those of others; see cargo xtask bench-relays --help
  counts        counts instructions and allocations; see cargo xtask counts --help
  conformance   tries every transport of the workspace; see cargo xtask conformance --help
  fuzz          gives the parsers streams that libFuzzer makes; see cargo xtask fuzz --help
  lines         counts the lines of the parsers that the tests run; see cargo xtask lines --help
  miri          runs the tests of the crates without std under Miri, where it is installed
  mutants       breaks lines of deferred and says which tests notice; see cargo xtask mutants --help
  planted       plants bugs that simulated lives have to find; see cargo xtask planted --help
  sanitize      runs the tests under the sanitizers; see cargo xtask sanitize --help
  simulate      runs lives on a simulated network under seeds; see cargo xtask simulate --help
  soak          talks through a chain of relays, and watches their memory; see cargo xtask soak --help
  static        builds the command for musl, as one file that needs no other
  supply-chain  licences, advisories, the public API, versions, features, packages
  torture       fails every call of the system in turn; see cargo xtask torture --help
  twisted       runs Twisted's own tests on the reactor; see cargo xtask twisted --help

Exit codes: 0 all is well, 1 it is not, 64 the arguments were not understood.
";

fn main() -> ExitCode {
    let mut arguments = Parser::from_env();
    let done = match arguments.next() {
        Ok(Some(Arg::Value(task))) if task == "bench" => task::bench(arguments),
        Ok(Some(Arg::Value(task))) if task == "bench-deferred" => task::bench_deferred(arguments),
        Ok(Some(Arg::Value(task))) if task == "conformance" => task::conformance(arguments),
        Ok(Some(Arg::Value(task))) if task == "bench-group" => task::bench_group(arguments),
        Ok(Some(Arg::Value(task))) if task == "bench-relays" => task::bench_relays(arguments),
        Ok(Some(Arg::Value(task))) if task == "counts" => task::counts(arguments),
        Ok(Some(Arg::Value(task))) if task == "fuzz" => task::fuzz(arguments),
        Ok(Some(Arg::Value(task))) if task == "lines" => task::lines(arguments),
        Ok(Some(Arg::Value(task))) if task == "miri" => task::miri(arguments),
        Ok(Some(Arg::Value(task))) if task == "mutants" => task::mutants(arguments),
        Ok(Some(Arg::Value(task))) if task == "planted" => task::planted(arguments),
        Ok(Some(Arg::Value(task))) if task == "sanitize" => task::sanitize(arguments),
        Ok(Some(Arg::Value(task))) if task == "simulate" => task::simulate(arguments),
        Ok(Some(Arg::Value(task))) if task == "soak" => task::soak(arguments),
        Ok(Some(Arg::Value(task))) if task == "static" => task::static_build(arguments),
        Ok(Some(Arg::Value(task))) if task == "supply-chain" => task::supply_chain(arguments),
        Ok(Some(Arg::Value(task))) if task == "torture" => task::torture(arguments),
        Ok(Some(Arg::Value(task))) if task == "twisted" => task::twisted(arguments),
        Ok(Some(Arg::Value(task))) => Err(format!("there is no task {}", task.display()).into()),
        Ok(Some(Arg::Long("help") | Arg::Short('h'))) => task::print(HELP),
        Ok(Some(other)) => Err(other.unexpected()),
        Ok(None) => Err("a task is missing".into()),
        Err(error) => Err(error),
    };
    done.unwrap_or_else(|error| task::misused(&error, HELP))
}
