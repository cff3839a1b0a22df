//! The rules about arrows, shown on small trees that break them.

use super::*;

const ROOT: &str = "house/src/lib.rs";

/// A map of three layers, in the form that the headers have.
const HEADER: &str = "\
//! A house.
//!
//! # Map
//!
//! ```text
//! top → { middle, side } → bottom
//! side → middle;  nothing → top
//! ```
mod bottom;
mod middle;
mod side;
mod top;
pub use middle::Middle;
pub(crate) fn helper() {}
";

/// The findings of a house with these files beside its root and empty ones for the other children.
fn findings(files: &[(&str, &str)]) -> Vec<String> {
    let read = |file: &Path| tree(HEADER, files, file);
    undrawn(Path::new(ROOT), &read, true)
}

fn tree(root: &str, files: &[(&str, &str)], file: &Path) -> Option<String> {
    let name = file.strip_prefix("house/src").ok()?.to_str()?;
    if name == "lib.rs" {
        return Some(root.to_owned());
    }
    if let Some((_, text)) = files.iter().find(|(it, _)| *it == name) {
        return Some((*text).to_owned());
    }
    let folder = name.strip_suffix(".rs")?;
    let has_folder = files.iter().any(|(it, _)| it.starts_with(&format!("{folder}/")));
    (!has_folder && !folder.contains('/')).then(String::new)
}

#[track_caller]
fn assert_one(findings: &[String], parts: [&str; 2]) {
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(parts.iter().all(|part| findings[0].contains(part)), "{findings:#?}");
}

#[test]
fn what_the_map_reaches_may_be_used_over_any_number_of_arrows() {
    let top = "use crate::middle::Middle;\nuse crate::{bottom, side::Side};\nfn run() { crate::bottom::run(); }\n";
    assert_none(&findings(&[("top.rs", top), ("side.rs", "use super::middle::{self, Middle};")]));
}

#[test]
fn an_arrow_that_is_not_drawn_is_found_in_each_way_to_write_it() {
    for file in [
        "use crate::side::Side;",
        "use crate::{bottom::Bottom, side};",
        "use super::side::Side as Other;",
        "fn run() { crate::side::run(); }",
        "fn run(side: &dyn crate::side::Side) {}",
        "fn run() { println!(\"{}\", [1, crate::side::COUNT].len()); }",
        "mod inner { use super::super::side::Side; }",
        "use crate::side::*;",
    ] {
        assert_one(&findings(&[("middle.rs", file)]), ["house/src/middle.rs:1", "middle → side"]);
    }
}

#[test]
fn a_folder_is_one_module_and_its_files_use_each_other_freely() {
    let folder = [
        ("middle/mod.rs", "mod inner;\npub(crate) struct Middle;"),
        (
            "middle/inner.rs",
            "use super::Middle;\nuse crate::middle::Middle as Again;\nuse crate::bottom;",
        ),
    ];
    assert_none(&findings(&folder));
    let upward = [folder[0], ("middle/inner.rs", "\nuse super::super::top::Top;")];
    assert_one(&findings(&upward), ["house/src/middle/inner.rs:2", "middle → top"]);
}

#[test]
fn a_name_that_the_root_exports_belongs_to_the_module_it_comes_from() {
    let middle = ("middle.rs", "pub struct Middle;");
    assert_none(&findings(&[middle, ("side.rs", "use crate::Middle;")]));
    let below = [middle, ("bottom.rs", "use crate::Middle;")];
    assert_one(&findings(&below), ["bottom → middle", "not drawn: Middle"]);
    assert_one(&findings(&[("bottom.rs", "use crate::helper;")]), ["bottom → lib", "helper"]);
}

#[test]
fn a_name_whose_owner_cannot_be_told_is_found() {
    assert_one(&findings(&[("top.rs", "use crate::*;")]), ["cannot be told", "crate::*"]);
    assert_one(&findings(&[("top.rs", "use crate::Lost;")]), ["cannot be told", "crate::Lost"]);
}

#[test]
fn an_impl_for_a_type_of_another_module_is_an_arrow_to_it() {
    let side = ("side.rs", "pub struct Side<T>(T);");
    let upward = [side, ("middle.rs", "impl<T> Drop for &Side<T> {}")];
    assert_one(&findings(&upward), ["middle → side", "not drawn: Side"]);
    assert_none(&findings(&[side, ("top.rs", "impl<T> Clone for Side<T> {}")]));
}

#[test]
fn a_call_of_a_method_that_one_module_defines_is_an_arrow_to_it() {
    let side =
        ("side.rs", "struct Side;\nimpl Side { pub fn run_side(&self) {} pub fn push(&self) {} }");
    let call = "fn f(a: &impl Sized) {\n    a.run_side();\n    a.push();\n}";
    let upward = [side, ("middle.rs", call)];
    assert_one(&findings(&upward), ["house/src/middle.rs:2 middle → side", "Side::run_side"]);
    assert_none(&findings(&[side, ("top.rs", call)]));
}

#[test]
fn a_method_that_several_modules_or_a_foreign_trait_define_is_no_arrow() {
    let call = ("middle.rs", "fn f(a: &impl Sized) { a.go(); }");
    let several = [
        ("side.rs", "impl Side { pub fn go(&self) {} }"),
        ("top.rs", "pub trait Go { fn go(&self); }"),
    ];
    assert_none(&findings(&[several[0], several[1], call]));
    let foreign = ("side.rs", "impl std::process::Go for Side { fn go(&self) {} }");
    assert_none(&findings(&[foreign, call]));
    let own = ("side.rs", "pub trait Go { fn go(&self); }\nimpl Go for u8 { fn go(&self) {} }");
    assert_one(&findings(&[own, call]), ["middle → side", "not drawn: Go::go"]);
    assert_none(&findings(&[("side.rs", "pub fn go(a: u8) {}"), call]));
}

#[test]
fn a_method_that_its_module_hides_or_the_caller_has_too_is_no_arrow() {
    let call = ("middle.rs", "fn f(a: &impl Sized) { a.go(); }");
    assert_none(&findings(&[("side.rs", "impl Side { fn go(&self) {} }"), call]));
    let folder = |visibility: &str| {
        let method = format!("impl Side {{ {visibility} fn go(&self) {{}} }}");
        findings(&[("side/mod.rs", "mod inner;"), ("side/inner.rs", &method), call])
    };
    assert_none(&folder("pub(super)"));
    assert_one(&folder("pub(crate)"), ["middle → side", "Side::go"]);
    let side = ("side.rs", "impl Side { pub(super) fn go(&self) {} }");
    assert_one(&findings(&[side, call]), ["middle → side", "Side::go"]);
    let both = ("middle.rs", "fn f(a: &impl Sized) { a.go(); }\nimpl Middle { fn go(&self) {} }");
    assert_none(&findings(&[side, both]));
}

#[test]
fn what_a_test_uses_is_not_an_arrow() {
    let middle = "#[cfg(test)]\nmod tests { use crate::top::Top; }\n#[cfg(test)]\nuse crate::side;\n#[cfg(all(test, unix))]\nmod absent;\n";
    assert_none(&findings(&[("middle.rs", middle)]));
    let product = "#[cfg(not(test))]\nuse crate::side;\n";
    assert_one(&findings(&[("middle.rs", product)]), ["middle → side", "middle.rs:2"]);
}

#[test]
fn comments_and_visibilities_use_nothing() {
    let middle =
        "//! [`Top`](crate::top::Top)\n/// See crate::side.\npub(in crate::side) struct A;\n";
    assert_none(&findings(&[("middle.rs", middle)]));
}

#[test]
fn one_item_may_be_used_against_the_arrows_where_the_map_says_why() {
    let with = |exception: &str, files: &[(&str, &str)]| {
        let root = HEADER.replace("nothing → top\n", &format!("nothing → top\n//! {exception}\n"));
        undrawn(Path::new(ROOT), &|file: &Path| tree(&root, files, file), true)
    };
    let reason = "bottom ⇢ top::Top: it is held by value";
    assert_none(&with(reason, &[("bottom.rs", "use crate::top::Top;")]));
    let more = [("bottom.rs", "use crate::top::{Top, Hat};")];
    assert_one(&with(reason, &more), ["bottom → top", "top::Hat"]);
    assert_one(&with(reason, &[]), ["bottom does not use top::Top any more", ROOT]);
    for wrong in ["bottom ⇢ top::Top", "bottom ⇢ top: all of it", "bottom ⇢ top::Top: "] {
        assert_one(&with(wrong, &[]), [ROOT, "not of the form"]);
    }
}

#[test]
fn a_map_that_is_missing_stale_incomplete_or_circular_is_found() {
    let with = |header: &str| {
        let root = format!("{header}mod low;\nmod high;\n");
        undrawn(Path::new(ROOT), &|file: &Path| tree(&root, &[], file), true)
    };
    let map = |lines: &str| with(&format!("//! # Arrows\n//! ```text\n//! {lines}\n//! ```\n"));
    assert_none(&map("high → low"));
    assert_one(&with("//! Nothing.\n"), [ROOT, "draws no map"]);
    assert_one(&with("//! ```text\n//! high → low\n//! ```\n"), [ROOT, "draws no map"]);
    assert_one(&map("high → low → cellar"), ["cellar", "does not exist"]);
    assert_one(&map("high → lib"), ["does not draw", "low"]);
    assert_one(&map("high → low → high"), ["cycle", "high → low"]);
    assert_one(&map("nothing → high;  low → high"), ["low → high", "nothing → high"]);
    assert_one(&map("high → the low one"), ["the low one", "not the name"]);
}

#[test]
fn a_map_may_go_over_several_lines_and_have_prose_between_them() {
    let header = " # Map\n ```text\n core   what all stand on\n a, b → { c,\n   d } →\n   e;  f → e\n → g\n ```\n # Else\n ```text\n g → a\n ```\n";
    let map = Map::read(header).expect("it is of the form").expect("it is one");
    assert_eq!(map.names().collect::<Vec<_>>(), ["a", "b", "c", "d", "e", "f", "g"]);
    for (from, to) in [("a", "c"), ("b", "d"), ("a", "g"), ("f", "g")] {
        assert!(map.allows(from, to), "{from} → {to}");
    }
    for (from, to) in [("c", "a"), ("c", "d"), ("f", "a"), ("g", "a"), ("e", "f")] {
        assert!(!map.allows(from, to), "{from} → {to}");
    }
}

#[test]
fn a_method_of_core_outside_core_is_found_also_where_the_map_draws_the_arrow() {
    let files = [
        ("bottom/mod.rs", "mod more;\npub(crate) struct Core<S>(S);"),
        ("bottom/more.rs", "use super::Core;\nimpl<S> Core<S> { fn here(&self) {} }"),
        ("top.rs", "use crate::bottom::Core;\nimpl<S: Sized> Core<S> { fn there(&self) {} }"),
        ("side.rs", "use crate::bottom::Core;\nimpl<S> Drop for Core<S> {}\nimpl Vec<u8> {}"),
    ];
    let read = |file: &Path| tree(HEADER, &files, file);
    assert_none(&undrawn(Path::new(ROOT), &read, true));
    let found = foreign_methods(Path::new(ROOT), &read);
    assert_one(&found, ["house/src/top.rs:2", "methods of Core lie outside {\"bottom\"}"]);
}

#[test]
fn each_file_that_sets_a_state_is_found() {
    let files = [
        ("middle.rs", "fn set(it: &It) { it.state.set(1); }"),
        ("side.rs", "fn set(it: &It) { it\n.inner.state()\n.replace(2); it.place.set(1); }"),
        ("top.rs", "// state.set(3)\nfn get(it: &It) { it.state.get(); it.status.set(0); }"),
    ];
    let setters = state_setters(Path::new(ROOT), &|file: &Path| tree(HEADER, &files, file));
    let expected = ["house/src/middle.rs", "house/src/side.rs"].map(PathBuf::from);
    assert_eq!(setters, BTreeSet::from(expected));
}
