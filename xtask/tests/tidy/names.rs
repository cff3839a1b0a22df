//! One type name means one thing in a package.
//!
//! Invariant: an associated type is not a definition: its name is its trait's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Ident, Item};

use crate::excused::is_excused;
use crate::source::{Read, Source, product, real};
use crate::workspace::{assert_none, files};

#[test]
fn no_type_name_is_defined_twice_in_a_package() {
    let packages = packages().into_iter().filter(|(directory, _)| !is_excused(directory));
    let findings = packages.flat_map(|(_, roots)| defined_twice(&roots, &real));
    assert_none(&findings.collect::<Vec<_>>());
}

#[test]
fn a_name_is_found_twice_across_files_modules_and_functions_but_not_in_tests() {
    let read = |file: &Path| match file.to_str()? {
        "p/src/lib.rs" => Some("mod a;\nmod b;\npub struct One<T>(T);\ntype Three = u8;".into()),
        "p/src/main.rs" => Some("mod c;\nfn main() { enum Two {} }".into()),
        "p/src/a.rs" => Some("mod inner {\n    trait One {}\n}".into()),
        "p/src/b.rs" => Some("impl Iterator for B {\n    type Two = u8;\n}".into()),
        "p/src/c.rs" => {
            Some("union Two { a: u8 }\n#[cfg(test)]\nmod tests { struct Three; }".into())
        }
        _ => None,
    };
    let roots = ["p/src/lib.rs", "p/src/main.rs"].map(PathBuf::from);
    let expected = [
        "One is defined at p/src/lib.rs:3, p/src/a.rs:2",
        "Two is defined at p/src/main.rs:2, p/src/c.rs:1",
    ];
    assert_eq!(defined_twice(&roots, &read), expected);
}

/// The packages by their directories, each with the roots of its crates.
pub(crate) fn packages() -> BTreeMap<PathBuf, Vec<PathBuf>> {
    let mut packages = BTreeMap::<_, Vec<_>>::new();
    for file in files() {
        let is_root = file.ends_with("src/lib.rs") || file.ends_with("src/main.rs");
        if let Some(directory) = file.parent().and_then(Path::parent).filter(|_| is_root) {
            packages.entry(directory.to_owned()).or_default().push(file);
        }
    }
    packages
}

/// The names that the crates of one package define twice or more, with the places.
fn defined_twice(roots: &[PathBuf], read: Read<'_>) -> Vec<String> {
    let mut places = BTreeMap::<String, Vec<String>>::new();
    for source in roots.iter().flat_map(|root| product(root, read)) {
        for Definition { name, line } in definitions(&source) {
            places.entry(name).or_default().push(format!("{}:{line}", source.file.display()));
        }
    }
    let twice = places.into_iter().filter(|(_, places)| places.len() > 1);
    twice.map(|(name, places)| format!("{name} is defined at {}", places.join(", "))).collect()
}

/// A struct, enum, union, trait or type alias.
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) line: usize,
}

/// Every definition of a file, in order; also those inside functions.
pub(crate) fn definitions(source: &Source) -> Vec<Definition> {
    let mut visitor = Definitions(Vec::new());
    visitor.visit_file(&source.syntax);
    visitor.0
}

struct Definitions(Vec<Definition>);

impl Visit<'_> for Definitions {
    fn visit_item(&mut self, item: &Item) {
        if let Some(name) = defined(item) {
            self.0.push(Definition { name: name.to_string(), line: name.span().start().line });
        }
        visit::visit_item(self, item);
    }
}

fn defined(item: &Item) -> Option<&Ident> {
    match item {
        Item::Enum(item) => Some(&item.ident),
        Item::Struct(item) => Some(&item.ident),
        Item::Trait(item) => Some(&item.ident),
        Item::TraitAlias(item) => Some(&item.ident),
        Item::Type(item) => Some(&item.ident),
        Item::Union(item) => Some(&item.ident),
        _ => None,
    }
}
