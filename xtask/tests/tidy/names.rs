//! The names of types that product code defines.
//!
//! Invariant: an associated type is not a definition: its name is its trait's.

use syn::visit::{self, Visit};
use syn::{Ident, Item};

use crate::source::Source;

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
