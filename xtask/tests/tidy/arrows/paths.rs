//! The paths by which a file names what lies in other modules of its crate.
//!
//! Invariant: paths in visibilities and in comments are not read: they use nothing.

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{ItemMod, ItemUse, Macro, UseTree, Visibility};

use crate::source::Source;

/// A path, from the crate's root on; a glob ends in `*`.
pub(crate) struct NamedPath {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

/// Every path of a file that begins with `crate`, `self` or `super`.
pub(crate) fn named_paths(source: &Source) -> Vec<NamedPath> {
    let mut visitor = Paths { module: source.module.clone(), found: Vec::new() };
    visitor.visit_file(&source.syntax);
    visitor.found
}

/// The paths that one `use` item imports, as they are written, each with the name it gets.
pub(crate) fn imported(item: &ItemUse) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    flatten(&item.tree, &mut Vec::new(), &mut found);
    found
}

/// The path from the crate's root on, of one that is written in `module`; `None` when it begins with a name.
pub(crate) fn absolute(written: &[String], module: &[String]) -> Option<Vec<String>> {
    let (first, mut rest) = written.split_first()?;
    let mut path = match first.as_str() {
        "crate" => Vec::new(),
        "self" => module.to_vec(),
        "super" => module.split_last()?.1.to_vec(),
        _ => return None,
    };
    while rest.first().is_some_and(|next| next == "super") {
        path.pop()?;
        rest = &rest[1..];
    }
    path.extend_from_slice(rest);
    Some(path)
}

struct Paths {
    module: Vec<String>,
    found: Vec<NamedPath>,
}

impl Paths {
    fn add(&mut self, written: &[String], line: usize) {
        let path = (written.len() > 1).then(|| absolute(written, &self.module));
        if let Some(segments) = path.flatten() {
            self.found.push(NamedPath { segments, line });
        }
    }

    /// Macros are not parsed: their paths are sequences of tokens.
    fn scan(&mut self, tokens: TokenStream) {
        let (mut written, mut line, mut colons) = (Vec::new(), 0, 0);
        for token in tokens {
            match token {
                TokenTree::Punct(mark) if mark.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(word) if colons == 2 => written.push(word.to_string()),
                TokenTree::Ident(word) => {
                    self.add(&written, line);
                    line = word.span().start().line;
                    written = vec![word.to_string()];
                }
                TokenTree::Group(group) => self.scan(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.add(&std::mem::take(&mut written), line);
                }
            }
            colons = 0;
        }
        self.add(&written, line);
    }
}

impl Visit<'_> for Paths {
    fn visit_item_use(&mut self, item: &ItemUse) {
        for (written, _) in imported(item) {
            self.add(&written, item.use_token.span.start().line);
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let written: Vec<String> = path.segments.iter().map(|it| it.ident.to_string()).collect();
        self.add(&written, path.span().start().line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &Macro) {
        self.visit_path(&invocation.path);
        self.scan(invocation.tokens.clone());
    }

    fn visit_item_mod(&mut self, module: &ItemMod) {
        self.module.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_visibility(&mut self, _: &Visibility) {}
}

fn flatten(tree: &UseTree, before: &mut Vec<String>, found: &mut Vec<(Vec<String>, String)>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, found);
            before.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|it| flatten(it, before, found)),
        UseTree::Name(name) if name.ident == "self" && !before.is_empty() => {
            found.push((before.clone(), before.last().cloned().unwrap_or_default()));
        }
        UseTree::Name(name) => push(before, &name.ident.to_string(), None, found),
        UseTree::Rename(name) => {
            push(before, &name.ident.to_string(), Some(name.rename.to_string()), found);
        }
        UseTree::Glob(_) => push(before, "*", None, found),
    }
}

fn push(
    before: &[String],
    name: &str,
    renamed: Option<String>,
    found: &mut Vec<(Vec<String>, String)>,
) {
    let path = [before, &[name.to_owned()]].concat();
    found.push((path, renamed.unwrap_or_else(|| name.to_owned())));
}
