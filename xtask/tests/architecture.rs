//! The arrows between the packages, and the top of the tree, are what they were decided to be.
//!
//! Invariant: a new arrow, a new crate or a new directory fails here until it is written down here.

mod workspace;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::{Dependency, DependencyKind, Edition, MetadataCommand, Package};

use workspace::{assert_none, root, text};

/// What each package may be built on, beside the crates that `dependencies.toml` lists.
const ARROWS: [(&str, &[&str]); 14] = [
    ("deferred", &[]),
    ("interfaces", &["deferred"]),
    ("protocol", &["interfaces", "deferred"]),
    ("endpoints", &["interfaces", "deferred", "protocol"]),
    // Any reactor that can be run: it knows none.
    ("runner", &["interfaces", "deferred", "protocol", "endpoints", "systemd"]),
    // Of `protocol` the transport kit alone.
    ("reactor", &["interfaces", "deferred", "protocol"]),
    ("tls", &["interfaces", "deferred", "protocol", "endpoints"]),
    ("systemd", &["interfaces", "deferred", "endpoints"]),
    ("testkit", &["interfaces", "deferred", "protocol"]),
    ("ropewalk", LIBRARIES),
    ("xtask", EVERYTHING),
    ("counts", &["interfaces", "deferred", "protocol", "endpoints", "reactor", "tls"]),
    ("lives", &["interfaces", "deferred", "protocol", "reactor", "tls", "testkit"]),
    ("cli", EVERYTHING),
];

const LIBRARIES: &[&str] =
    &["deferred", "interfaces", "protocol", "runner", "endpoints", "reactor", "tls", "systemd"];

const EVERYTHING: &[&str] = &[
    "deferred",
    "interfaces",
    "protocol",
    "runner",
    "endpoints",
    "reactor",
    "tls",
    "systemd",
    "testkit",
    "ropewalk",
    "xtask",
    "cli",
];

/// Arrows that exist only where a feature asks for them, so that the crate is of use without.
const OPTIONAL: [(&str, &str); 4] =
    [("tls", "endpoints"), ("systemd", "endpoints"), ("ropewalk", "tls"), ("ropewalk", "systemd")];

/// The packages that reach no operating system.
const NO_STD: [&str; 4] = ["deferred", "interfaces", "protocol", "endpoints"];

/// What lies at the top, beside hidden files and what builds leave.
const TOP: [&str; 14] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "deferred",
    "endpoints",
    "interfaces",
    "protocol",
    "reactor",
    "systemd",
    "tls",
    "xtask",
];

#[test]
fn every_arrow_between_packages_is_one_that_was_decided() {
    let mut wrong = Vec::new();
    for package in packages() {
        let from = concept(&package.name);
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == from) else {
            wrong.push(format!("{from} is a new package: say in ARROWS what it may depend on"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|it| is_ours(it)) {
            let to = concept(&dependency.name);
            if dependency.kind != DependencyKind::Development && !allowed.contains(&to) {
                wrong.push(format!("{from} depends on {to}, and may only on {allowed:?}"));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn plugins_point_at_the_registry_only_where_a_feature_asks_for_it() {
    let packages = packages();
    for (from, to) in OPTIONAL {
        let package = packages.iter().find(|it| concept(&it.name) == from).expect("it exists");
        let arrow = package.dependencies.iter().find(|it| concept(&it.name) == to);
        assert!(arrow.expect("it exists").optional, "{from} has to do without {to}");
    }
}

#[test]
fn every_crate_from_elsewhere_has_its_reason_and_every_reason_its_crate() {
    let listed = listed();
    let used = used();
    let unlisted = used.difference(&listed).map(|it| format!("{it} has no reason in the list"));
    let stale = listed.difference(&used).map(|it| format!("{it} is listed, and does not exist"));
    assert_none(&unlisted.chain(stale).collect::<Vec<_>>());
}

#[test]
fn the_top_of_the_tree_is_one_directory_per_concept() {
    let entries = std::fs::read_dir(root()).expect("the workspace can be read");
    let names = entries.map(|entry| entry.expect("it can be read").file_name());
    let found: BTreeSet<String> = names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && name != "target")
        .collect();
    assert_eq!(found, BTreeSet::from(TOP.map(String::from)));
}

#[test]
fn every_package_has_the_workspaces_licence_edition_and_oldest_compiler() {
    let mut wrong = Vec::new();
    for package in packages() {
        let name = &package.name;
        if package.license.as_deref() != Some("MIT OR Apache-2.0") {
            wrong.push(format!("{name} has the licence {:?}", package.license));
        }
        if package.edition != Edition::E2024 {
            wrong.push(format!("{name} has the edition {}", package.edition));
        }
        if package.rust_version.is_none() {
            wrong.push(format!("{name} does not say its oldest compiler"));
        }
        if !manifest(&package).contains("\n[lints]\nworkspace = true\n") {
            wrong.push(format!("{name} does not inherit the workspace's lints"));
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_first_four_crates_are_no_std_without_a_condition() {
    let missing = NO_STD
        .map(|name| Path::new(name).join("src/lib.rs"))
        .into_iter()
        .filter(|file| !text(file).lines().any(|line| line == "#![no_std]"))
        .map(|file| format!("{} has no line #![no_std]", file.display()));
    assert_none(&missing.collect::<Vec<_>>());
}

fn packages() -> Vec<Package> {
    let manifest = root().join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec();
    metadata.expect("cargo metadata reads the workspace").packages
}

/// The directory that a package is named after.
fn concept(package: &str) -> &str {
    package.trim_start_matches("ropewalk-")
}

fn is_ours(dependency: &Dependency) -> bool {
    dependency.path.is_some()
}

fn manifest(package: &Package) -> String {
    std::fs::read_to_string(&package.manifest_path).expect("a manifest can be read") + "\n"
}

/// `kind: crate, used by package` for each direct dependency on a crate from elsewhere.
fn used() -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for package in packages() {
        for dependency in package.dependencies.iter().filter(|it| !is_ours(it)) {
            let kind = match dependency.kind {
                DependencyKind::Normal => "dependencies",
                DependencyKind::Development => "dev-dependencies",
                DependencyKind::Build => "build-dependencies",
                other => panic!("{} is a dependency of kind {other:?}", dependency.name),
            };
            used.insert(entry(kind, &dependency.name, concept(&package.name)));
        }
    }
    used
}

/// The same from `dependencies.toml`, whose every line has one form.
fn listed() -> BTreeSet<String> {
    let list = text(Path::new("xtask/dependencies.toml"));
    let mut listed = BTreeSet::new();
    let mut reasons: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut kind = "";
    for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('[') {
            kind = header.trim_end_matches(']');
            continue;
        }
        let (name, value) = line.split_once(" = ").expect("CRATE = \"PACKAGE…: REASON\"");
        let (packages, reason) =
            value.trim_matches('"').split_once(": ").expect("PACKAGE…: REASON");
        assert!(reason.len() > 20, "{name}: {reason:?} is not a reason");
        assert!(
            reasons.entry(kind).or_default().insert(name),
            "{name} is listed twice in [{kind}]"
        );
        listed.extend(packages.split(' ').map(|package| entry(kind, name, package)));
    }
    listed
}

fn entry(kind: &str, name: &str, package: &str) -> String {
    format!("[{kind}] {name}, used by {package},")
}
