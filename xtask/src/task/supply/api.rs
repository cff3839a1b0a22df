//! The public API of each library, compared with the one that is written down.
//!
//! Invariant: a change of the API is a change of a file that a reviewer sees.

use std::fs;
use std::path::PathBuf;

use cargo_metadata::Package;

use super::JobOutcome::{self, Failed, Passed, Skipped};
use super::{Workspace, run, succeeds};

/// How many changed lines are told.
const LINES_TOLD: usize = 20;

pub(super) fn public_api(workspace: &Workspace) -> JobOutcome {
    if !succeeds(workspace.cargo(Some("nightly"), "api").arg("--version")) {
        return Skipped("there is no nightly toolchain".into());
    }
    if !succeeds(workspace.cargo(None, "api").args(["public-api", "--version"])) {
        return Skipped(
            "cargo-public-api is not installed (cargo install cargo-public-api)".into(),
        );
    }
    let (mut items, mut changes) = (0, Vec::new());
    for package in workspace.published().filter(|package| is_library(package)) {
        match listed(workspace, package) {
            Ok(now) => {
                items += now.lines().count();
                changes.extend(compared(workspace, package, &now));
            }
            Err(error) => return Failed(error),
        }
    }
    match changes.is_empty() {
        true => Passed(format!("{items} public items")),
        false => Failed(format!(
            "it has changed; cargo xtask supply-chain public-api --bless writes it down\n{}",
            changes.join("\n")
        )),
    }
}

/// The libraries for users; what the tests share has no users.
fn is_library(package: &Package) -> bool {
    let has_library = package.targets.iter().any(cargo_metadata::Target::is_lib);
    has_library && !matches!(&**package.name, "ropewalk-testkit" | "ropewalk-xtask")
}

/// One line for each public item, without what every type has.
fn listed(workspace: &Workspace, package: &Package) -> Result<String, String> {
    let mut list = workspace.cargo(None, "api");
    list.args(["public-api", "--package", &package.name, "--all-features", "-sss"]);
    run(&mut list)
}

/// The lines that differ from those written down; or none, after they are written.
fn compared(workspace: &Workspace, package: &Package, now: &str) -> Vec<String> {
    let path = written(workspace, package);
    if workspace.blesses {
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        let done = made.and_then(|()| fs::write(&path, now));
        return done
            .err()
            .map(|error| format!("cannot write {}: {error}", path.display()))
            .into_iter()
            .collect();
    }
    let before = fs::read_to_string(&path).unwrap_or_default();
    let only_in = |these: &str, others: &str, sign: char| {
        let others: std::collections::BTreeSet<&str> = others.lines().collect();
        let lines = these.lines().filter(|line| !others.contains(line));
        lines.map(|line| format!("{sign} {line}")).take(LINES_TOLD).collect::<Vec<_>>()
    };
    [only_in(&before, now, '-'), only_in(now, &before, '+')].concat()
}

fn written(workspace: &Workspace, package: &Package) -> PathBuf {
    workspace.root.join("xtask/public-api").join(format!("{}.txt", package.name))
}
