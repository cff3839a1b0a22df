//! The child modules of one root module, and which of them owns what.
//!
//! Invariant: a name that the root re-exports belongs to the child that it comes from.

use std::collections::{BTreeMap, BTreeSet};

use syn::Item;

use super::methods::Methods;
use super::paths::{absolute, imported};
use crate::names::definitions;
use crate::source::Source;

/// A root module and its children, each a file or a folder.
pub(crate) struct House {
    /// The path of the root's module from the crate's root on.
    root: Vec<String>,
    children: BTreeSet<String>,
    /// The names that the root re-exports or imports, and their paths in this crate.
    imports: BTreeMap<String, Option<Vec<String>>>,
    /// The modules that define something of that name: the children a type, the root also a function.
    definitions: BTreeMap<String, BTreeSet<String>>,
    methods: Methods,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Into a child, or to the root itself, under the name that the map has for it.
    Module(String),
    /// Out of the house, which the map says nothing about.
    Outside,
    /// Cannot be told without compiling: through a glob, or to a name that a macro defines.
    Unknown,
}

impl House {
    /// Reads the house of these sources, the first of which is its root.
    pub(crate) fn new(sources: &[Source]) -> Self {
        let root = &sources[0];
        let mut house = Self {
            root: root.module.clone(),
            children: BTreeSet::new(),
            imports: BTreeMap::new(),
            definitions: BTreeMap::new(),
            methods: Methods::default(),
        };
        house.children = sources.iter().filter_map(|it| house.child(&it.module)).collect();
        house.read_root(root);
        for source in sources {
            let owner = house.owner(source);
            for definition in definitions(source) {
                house.definitions.entry(definition.name).or_default().insert(owner.clone());
            }
        }
        let mut methods = Methods::default();
        for source in sources {
            methods.add(source, &house.owner(source), &|name| house.definitions.contains_key(name));
        }
        house.methods = methods;
        house
    }

    /// The methods that the modules define.
    pub(crate) fn methods(&self) -> &Methods {
        &self.methods
    }

    /// The modules that a map has to draw.
    pub(crate) fn children(&self) -> &BTreeSet<String> {
        &self.children
    }

    /// The root's name on the map: its module, or `lib`.
    pub(crate) fn root_name(&self) -> &str {
        self.root.last().map_or("lib", String::as_str)
    }

    /// The module that a file belongs to, under the name that the map has for it.
    pub(crate) fn owner(&self, source: &Source) -> String {
        self.child(&source.module).unwrap_or_else(|| self.root_name().to_owned())
    }

    /// Where a path from the crate's root on leads.
    pub(crate) fn target(&self, path: &[String]) -> Target {
        let Some(inside) = path.strip_prefix(self.root.as_slice()) else { return Target::Outside };
        let Some(name) = inside.first() else {
            return Target::Module(self.root_name().to_owned());
        };
        if self.children.contains(name) {
            return Target::Module(name.clone());
        }
        match self.imports.get(name) {
            Some(None) => Target::Outside,
            Some(Some(origin)) if origin != path => self.target(origin),
            _ if self.owners(name).contains(self.root_name()) => {
                Target::Module(self.root_name().to_owned())
            }
            _ => Target::Unknown,
        }
    }

    /// The modules that define a type of that name.
    pub(crate) fn owners(&self, name: &str) -> BTreeSet<String> {
        self.definitions.get(name).cloned().unwrap_or_default()
    }

    fn child(&self, module: &[String]) -> Option<String> {
        module.get(self.root.len()).cloned()
    }

    /// Reads what the root re-exports, imports and defines beside types.
    fn read_root(&mut self, root: &Source) {
        for item in &root.syntax.items {
            match item {
                Item::Use(item) => {
                    for (written, name) in imported(item) {
                        let path = self.path_from_root(&written);
                        self.imports.insert(name, path);
                    }
                }
                Item::Fn(item) => self.define_in_root(item.sig.ident.to_string()),
                Item::Const(item) => self.define_in_root(item.ident.to_string()),
                Item::Static(item) => self.define_in_root(item.ident.to_string()),
                _ => {}
            }
        }
    }

    fn define_in_root(&mut self, name: String) {
        let root = self.root_name().to_owned();
        self.definitions.entry(name).or_default().insert(root);
    }

    /// The path of what the root imports; `None` when it begins with the name of another crate.
    fn path_from_root(&self, written: &[String]) -> Option<Vec<String>> {
        let is_child = written.first().is_some_and(|name| self.children.contains(name));
        let child = is_child.then(|| [self.root.as_slice(), written].concat());
        child.or_else(|| absolute(written, &self.root))
    }
}
