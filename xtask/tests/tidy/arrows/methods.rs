//! Methods that only one module defines, and the calls of them.
//!
//! A call names no module, so without this rule methods could lead against the arrows unseen.
//!
//! Invariant: a name that a trait of another crate defines, or std, belongs to no module, and a call in a
//! module that has such a method itself stays there.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{ExprMethodCall, ImplItem, ItemImpl, ItemTrait, Signature, TraitItem, Visibility};

use super::type_name;
use crate::source::Source;

/// Method names of std and of other crates that modules also give to methods of their own.
const SHARED_NAMES: [&str; 64] = [
    "all", "any", "append", "chain", "clear", "collect", "count", "drain", "elapsed", "end",
    "entry", "extend", "filter", "find", "first", "flush", "fold", "get", "get_mut", "insert",
    "is_empty", "iter", "join", "keys", "kind", "last", "len", "lock", "map", "max", "min", "next",
    "now", "pause", "pending", "poll", "pop", "position", "push", "read", "recv", "remove",
    "replace", "reserve", "resize", "resume", "retain", "rev", "send", "set", "skip", "sort",
    "split", "start", "sum", "swap", "take", "truncate", "values", "wait", "wake", "with", "write",
    "zip",
];

/// The methods of all modules, by name.
#[derive(Default)]
pub(crate) struct Methods {
    by_name: BTreeMap<String, Owners>,
}

#[derive(Default)]
struct Owners {
    /// Every module that defines the method, and those of them from which others can call it.
    all: BTreeSet<String>,
    open: BTreeSet<String>,
    types: BTreeSet<String>,
    is_foreign: bool,
}

/// A call of a method.
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) line: usize,
}

impl Methods {
    /// Adds the methods of a file of this module. `is_ours` tells the traits of the house from others.
    pub(crate) fn add(&mut self, source: &Source, module: &str, is_ours: &dyn Fn(&str) -> bool) {
        let is_child = source.module.last().is_some_and(|last| last == module);
        let mut visitor = Definitions { methods: self, is_child, module, is_ours };
        visitor.visit_file(&source.syntax);
    }

    /// The other module that a call in `from` leads to, and the types that have the method.
    pub(crate) fn owner(&self, name: &str, from: &str) -> Option<(&str, &BTreeSet<String>)> {
        let owners = self.by_name.get(name)?;
        let is_known =
            !owners.is_foreign && !SHARED_NAMES.contains(&name) && !owners.all.contains(from);
        let module = owners.open.first().filter(|_| is_known && owners.open.len() == 1)?;
        Some((module, &owners.types))
    }
}

/// The method calls of a file, without those inside macros.
pub(crate) fn calls(source: &Source) -> Vec<Call> {
    let mut visitor = Calls(Vec::new());
    visitor.visit_file(&source.syntax);
    visitor.0
}

struct Definitions<'a> {
    methods: &'a mut Methods,
    is_child: bool,
    module: &'a str,
    is_ours: &'a dyn Fn(&str) -> bool,
}

impl Definitions<'_> {
    fn define(&mut self, method: &Signature, of: &str, is_open: bool, is_foreign: bool) {
        if method.receiver().is_none() {
            return;
        }
        let owners = self.methods.by_name.entry(method.ident.to_string()).or_default();
        owners.all.insert(self.module.to_owned());
        owners.is_foreign |= is_foreign;
        if is_open {
            owners.open.insert(self.module.to_owned());
            owners.types.insert(of.to_owned());
        }
    }

    /// Whether a method of this visibility can be called from other modules. `pub(super)` is open only
    /// in a child itself, not in a file of its folder.
    fn is_open(&self, visibility: &Visibility) -> bool {
        match visibility {
            Visibility::Public(_) => true,
            Visibility::Restricted(to) if to.path.is_ident("super") => self.is_child,
            Visibility::Restricted(to) => !to.path.is_ident("self"),
            Visibility::Inherited => false,
        }
    }
}

impl Visit<'_> for Definitions<'_> {
    fn visit_item_impl(&mut self, block: &ItemImpl) {
        let of = type_name(&block.self_ty).unwrap_or_default();
        let implemented = block.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
        let is_foreign = implemented.is_some_and(|it| !(self.is_ours)(&it.ident.to_string()));
        for item in &block.items {
            if let ImplItem::Fn(method) = item {
                let is_open = implemented.is_none() && self.is_open(&method.vis);
                self.define(&method.sig, &of, is_open, is_foreign);
            }
        }
        visit::visit_item_impl(self, block);
    }

    fn visit_item_trait(&mut self, item: &ItemTrait) {
        for method in &item.items {
            if let TraitItem::Fn(method) = method {
                let is_open = self.is_open(&item.vis);
                self.define(&method.sig, &item.ident.to_string(), is_open, false);
            }
        }
        visit::visit_item_trait(self, item);
    }
}

struct Calls(Vec<Call>);

impl Visit<'_> for Calls {
    fn visit_expr_method_call(&mut self, call: &ExprMethodCall) {
        let line = call.method.span().start().line;
        self.0.push(Call { name: call.method.to_string(), line });
        visit::visit_expr_method_call(self, call);
    }
}
