//! The jobs but the public API: licences, advisories, versions, features, packages.
//!
//! Invariant: no job changes a file of the workspace.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use cargo_metadata::Package;

use super::JobOutcome::{self, Failed, Passed, Skipped};
use super::licence::is_allowed;
use super::{Workspace, run, succeeds};

/// Up to how many features a crate's combinations are all tried; beyond it each feature alone, and all.
const FEATURES_COMBINED_MAX: usize = 4;

pub(super) fn licences(workspace: &Workspace) -> JobOutcome {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut refused = Vec::new();
    for package in &workspace.metadata.packages {
        let licence = package.license.as_deref().unwrap_or("");
        *counts.entry(licence).or_default() += 1;
        if !is_allowed(licence) {
            refused.push(format!("{} {}: {licence:?}", package.name, package.version));
        }
    }
    let list = counts.iter().map(|(licence, count)| format!("{count} x {licence}"));
    match refused.is_empty() {
        true => Passed(list.collect::<Vec<_>>().join("; ")),
        false => Failed(format!("not under an allowed licence: {}", refused.join(", "))),
    }
}

pub(super) fn advisories(workspace: &Workspace) -> JobOutcome {
    let mut version = workspace.cargo(None, "deny");
    if !succeeds(version.args(["deny", "--version"])) {
        return Skipped("cargo-deny is not installed (cargo install cargo-deny)".into());
    }
    let mut check = workspace.cargo(None, "deny");
    check.args(["deny", "--offline", "--config", "xtask/deny.toml", "check"]);
    match run(check.args(["advisories", "bans", "sources"])) {
        Ok(_) => Passed("cargo-deny found nothing".into()),
        Err(error) if error.contains("advisory database") => {
            Skipped(format!("there is no copy of the advisories (cargo deny fetch): {error}"))
        }
        Err(error) => Failed(error),
    }
}

pub(super) fn minimal_versions(workspace: &Workspace) -> JobOutcome {
    if !succeeds(workspace.cargo(Some("nightly"), "minimal").arg("--version")) {
        return Skipped("there is no nightly toolchain".into());
    }
    match copied(&workspace.root).and_then(|copy| {
        let at = |mut command: Command| {
            command.current_dir(copy.path());
            command
        };
        let mut lock = at(workspace.cargo(Some("nightly"), "minimal"));
        run(lock.args(["-Zdirect-minimal-versions", "update"]))?;
        let mut check = at(workspace.cargo(Some("nightly"), "minimal"));
        run(check.args(["check", "--workspace", "--all-features"]))
    }) {
        Ok(_) => Passed("the workspace builds with its oldest direct dependencies".into()),
        Err(error) if error.contains("network") || error.contains("download") => Skipped(error),
        Err(error) => Failed(error),
    }
}

/// A copy of the files that git knows.
fn copied(root: &Path) -> Result<tempfile::TempDir, String> {
    let copy = tempfile::tempdir().map_err(|error| error.to_string())?;
    let files = Command::new("git").arg("-C").arg(root).args(["ls-files", "-z"]).output();
    let files = files.map_err(|error| format!("git does not start: {error}"))?.stdout;
    for name in String::from_utf8_lossy(&files).split_terminator('\0') {
        let (from, to) = (root.join(name), copy.path().join(name));
        let made = to.parent().map_or(Ok(()), std::fs::create_dir_all);
        // A file that was removed and not yet committed is none.
        if from.exists() {
            let done = made.and_then(|()| std::fs::copy(&from, &to));
            done.map_err(|error| format!("cannot copy {name}: {error}"))?;
        }
    }
    Ok(copy)
}

pub(super) fn features(workspace: &Workspace) -> JobOutcome {
    let mut built = 0;
    for package in workspace.published() {
        for features in combinations(package) {
            let mut check = workspace.cargo(None, "features");
            check.args(["check", "--quiet", "--locked", "--package", &package.name]);
            check.args(["--no-default-features", "--features", &features.join(",")]);
            if let Err(error) = run(check.stdout(Stdio::null())) {
                return Failed(error);
            }
            built += 1;
        }
    }
    Passed(format!("{built} combinations build"))
}

/// The combinations of a crate's features that are tried.
fn combinations(package: &Package) -> Vec<Vec<String>> {
    let names: Vec<&String> = package.features.keys().filter(|name| *name != "default").collect();
    if names.len() > FEATURES_COMBINED_MAX {
        let alone = names.iter().map(|name| vec![(*name).clone()]);
        let all = names.iter().map(|name| (*name).clone()).collect();
        return alone.chain([Vec::new(), all]).collect();
    }
    let chosen = |set: usize| {
        let with_number = names.iter().enumerate();
        with_number
            .filter(move |(number, _)| set >> number & 1 == 1)
            .map(|(_, name)| (*name).clone())
    };
    (0..1 << names.len()).map(|set| chosen(set).collect()).collect()
}

pub(super) fn msrv(workspace: &Workspace) -> JobOutcome {
    let oldest = workspace.published().filter_map(|package| package.rust_version.clone()).min();
    let Some(oldest) = oldest else { return Failed("no crate says its oldest compiler".into()) };
    let toolchain = format!("{}.{}", oldest.major, oldest.minor);
    if !succeeds(workspace.cargo(Some(&toolchain), "msrv").arg("--version")) {
        return Skipped(format!("the toolchain {toolchain} is not installed"));
    }
    let mut check = workspace.cargo(Some(&toolchain), "msrv");
    match run(check.args(["check", "--workspace", "--all-features", "--locked"])) {
        Ok(_) => Passed(format!("the workspace builds with {toolchain}")),
        Err(error) => Failed(error),
    }
}

pub(super) fn package(workspace: &Workspace) -> JobOutcome {
    let mut package = workspace.cargo(None, "package");
    package.args(["package", "--no-verify", "--allow-dirty", "--offline", "--locked"]);
    for published in workspace.published() {
        package.args(["--package", &*published.name]);
    }
    match run(&mut package) {
        Ok(_) => Passed(format!("{} crates", workspace.published().count())),
        Err(error) => Failed(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dependency_may_be_used_under_an_allowed_licence() {
        let workspace = Workspace::read(false).expect("cargo metadata reads the workspace");
        match licences(&workspace) {
            Passed(list) => assert!(list.contains(" x MIT"), "{list}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_combinations_of_few_features_are_tried_and_of_many_each_and_all() {
        let workspace = Workspace::read(false).expect("cargo metadata reads the workspace");
        let of = |name: &str| {
            let found = workspace.published().find(|package| *package.name == name);
            combinations(found.expect("it is a crate of the workspace"))
        };
        assert_eq!(of("ropewalk-deferred"), [vec![], vec!["std".to_owned()]]);
        assert_eq!(of("ropewalk-reactor"), [Vec::<String>::new()]);
        assert_eq!(of("ropewalk-protocol").len(), 8);
    }
}
