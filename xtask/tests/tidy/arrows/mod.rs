//! A module uses only the modules that its parent's map allows, and a type's methods lie in its module.
//!
//! An arrow is a path into another child of the same root, an `impl` for a type of another child, or a
//! call of a method that only another child defines.
//!
//! Invariant: the rules read product code only; a map does not draw the arrows of tests.

mod house;
mod map;
mod methods;
mod paths;
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Expr, ExprMethodCall, ItemImpl, Member, Type, TypeParamBound};

use crate::excused::is_excused;
use crate::source::{Read, Source, header, product, real};
use crate::workspace::{assert_none, files, text};
use house::{House, Target};
use map::{Exception, Map};
use methods::calls;
use paths::named_paths;

/// The root modules that must draw a map, and in which one file makes every transition of the state. Any
/// other root module may draw a map.
const MAPPED: [&str; 2] = ["reactor/src/lib.rs", "tls/src/layer/mod.rs"];

#[test]
fn modules_use_only_what_the_map_of_their_parent_draws() {
    let mut findings = Vec::new();
    for root in roots() {
        let is_required = MAPPED.iter().any(|mapped| root == Path::new(mapped));
        findings.extend(undrawn(&root, &real, is_required));
    }
    assert_none(&findings);
}

#[test]
fn only_the_module_that_owns_a_type_writes_methods_on_it() {
    let roots = roots().into_iter().flat_map(|root| foreign_methods(&root, &real));
    assert_none(&roots.collect::<Vec<_>>());
}

#[test]
fn one_file_sets_the_state() {
    let roots = MAPPED.iter().map(Path::new).filter(|root| !is_excused(root));
    let setters = roots.map(|root| (root, state_setters(root, &real)));
    let several = setters.filter(|(_, files)| files.len() > 1);
    let say = |(root, files): (&Path, BTreeSet<PathBuf>)| {
        format!("below {} the state is set in {files:?}", root.display())
    };
    assert_none(&several.map(say).collect::<Vec<_>>());
}

/// The roots under the rules: those that must draw a map, and those that do.
fn roots() -> Vec<PathBuf> {
    let is_root = |file: &PathBuf| file.ends_with("lib.rs") || file.ends_with("mod.rs");
    let is_product = |file: &PathBuf| file.iter().any(|part| part == "src");
    let is_mapped = |file: &PathBuf| {
        MAPPED.iter().any(|mapped| file == Path::new(mapped))
            || Map::read(&header(&text(file))) != Ok(None)
    };
    let roots = files().into_iter().filter(|file| is_root(file) && is_product(file));
    roots.filter(|root| !is_excused(root) && is_mapped(root)).collect()
}

/// The arrows of a house that its map does not draw, and the modules of the map that do not exist.
fn undrawn(root: &Path, read: Read<'_>, is_required: bool) -> Vec<String> {
    let sources = product(root, read);
    let house = House::new(&sources);
    let root_name = root.display();
    let map = match Map::read(&sources[0].header) {
        Ok(Some(map)) => map,
        Ok(None) if is_required => return vec![format!("{root_name} draws no map")],
        Ok(None) => return Vec::new(),
        Err(error) => return vec![format!("{root_name}: {error}")],
    };
    let drawn: BTreeSet<&str> = map.names().collect();
    let existing: BTreeSet<&str> = house.children().iter().map(String::as_str).collect();
    let stale = drawn.difference(&existing).filter(|name| **name != house.root_name());
    let stale = stale.map(|name| format!("{root_name} draws {name}, which does not exist"));
    let missing = existing.difference(&drawn);
    let missing = missing.map(|name| format!("{root_name} does not draw {name}"));
    let mut findings: Vec<String> = stale.chain(missing).collect();
    let arrows: Vec<Arrow> = sources[1..].iter().flat_map(|it| arrows(it, &house)).collect();
    let unused = map.exceptions().iter().filter(|it| !arrows.iter().any(|arrow| arrow.is(it)));
    findings.extend(unused.map(|it| {
        format!("{root_name}: {} does not use {}::{} any more", it.from, it.to, it.item)
    }));
    findings.extend(arrows.iter().filter_map(|arrow| arrow.finding(&map)));
    findings
}

/// The use of one module by another.
struct Arrow {
    from: String,
    to: Target,
    /// The path that names it, the type that has an `impl`, or the types and the name of a method.
    path: Vec<String>,
    place: String,
}

impl Arrow {
    fn is(&self, exception: &Exception) -> bool {
        let Target::Module(to) = &self.to else { return false };
        self.from == exception.from && *to == exception.to && self.path.contains(&exception.item)
    }

    /// The complaint about it, if the map does not allow it.
    fn finding(&self, map: &Map) -> Option<String> {
        let Self { from, to, path, place } = self;
        let path = path.join("::");
        match to {
            Target::Unknown => Some(format!("{place} the owner of crate::{path} cannot be told")),
            Target::Module(to) if !map.allows(from, to) => {
                let is_excepted = map.exceptions().iter().any(|it| self.is(it));
                (!is_excepted).then(|| format!("{place} {from} → {to} is not drawn: {path}"))
            }
            Target::Module(_) | Target::Outside => None,
        }
    }
}

/// The arrows of one file, without those to its own module.
fn arrows(source: &Source, house: &House) -> Vec<Arrow> {
    let from = house.owner(source);
    let place = |line: usize| format!("{}:{line}", source.file.display());
    let mut arrows = Vec::new();
    for path in named_paths(source) {
        let (to, place) = (house.target(&path.segments), place(path.line));
        arrows.push(Arrow { from: from.clone(), to, path: path.segments, place });
    }
    for block in impls(source) {
        let owners = house.owners(&block.owner);
        for owner in owners.iter().filter(|_| !owners.contains(&from)) {
            let path = vec![block.owner.clone()];
            let (to, place) = (Target::Module(owner.clone()), place(block.line));
            arrows.push(Arrow { from: from.clone(), to, path, place });
        }
    }
    for call in calls(source) {
        if let Some((owner, types)) = house.methods().owner(&call.name, &from) {
            let path = types.iter().cloned().chain([call.name.clone()]).collect();
            let (to, place) = (Target::Module(owner.to_owned()), place(call.line));
            arrows.push(Arrow { from: from.clone(), to, path, place });
        }
    }
    arrows.retain(|arrow| arrow.to != Target::Module(from.clone()));
    arrows
}

/// The inherent methods that lie elsewhere than their type.
fn foreign_methods(root: &Path, read: Read<'_>) -> Vec<String> {
    let sources = product(root, read);
    let house = House::new(&sources);
    let mut findings = Vec::new();
    for source in &sources {
        let module = house.owner(source);
        for block in impls(source).into_iter().filter(|block| block.is_inherent) {
            let owners = house.owners(&block.owner);
            if !owners.is_empty() && !owners.contains(&module) {
                let (file, line, name) = (source.file.display(), block.line, block.owner);
                findings.push(format!("{file}:{line} methods of {name} lie outside {owners:?}"));
            }
        }
    }
    findings
}

/// The files that call `state.set(…)` or `state.replace(…)`, whatever the state belongs to.
fn state_setters(root: &Path, read: Read<'_>) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    for source in product(root, read) {
        let mut setters = StateSetters(false);
        setters.visit_file(&source.syntax);
        if setters.0 {
            files.insert(source.file);
        }
    }
    files
}

/// An `impl` block.
struct Impl {
    owner: String,
    is_inherent: bool,
    line: usize,
}

fn impls(source: &Source) -> Vec<Impl> {
    let mut visitor = Impls(Vec::new());
    visitor.visit_file(&source.syntax);
    visitor.0
}

struct Impls(Vec<Impl>);

impl Visit<'_> for Impls {
    fn visit_item_impl(&mut self, block: &ItemImpl) {
        if let Some(owner) = type_name(&block.self_ty) {
            let line = block.self_ty.span().start().line;
            self.0.push(Impl { owner, is_inherent: block.trait_.is_none(), line });
        }
        visit::visit_item_impl(self, block);
    }
}

/// The last name of a type, behind references.
fn type_name(of: &Type) -> Option<String> {
    match of {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        Type::Reference(reference) => type_name(&reference.elem),
        Type::Paren(inner) => type_name(&inner.elem),
        Type::Group(inner) => type_name(&inner.elem),
        Type::TraitObject(object) => object.bounds.iter().find_map(|bound| match bound {
            TypeParamBound::Trait(it) => it.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        }),
        _ => None,
    }
}

struct StateSetters(bool);

impl Visit<'_> for StateSetters {
    fn visit_expr_method_call(&mut self, call: &ExprMethodCall) {
        let is_state = match &*call.receiver {
            Expr::Field(field) => matches!(&field.member, Member::Named(name) if name == "state"),
            Expr::Path(path) => path.path.is_ident("state"),
            Expr::MethodCall(inner) => inner.method == "state",
            _ => false,
        };
        self.0 |= is_state && (call.method == "set" || call.method == "replace");
        visit::visit_expr_method_call(self, call);
    }
}
