//! The product code below one root module, parsed.
//!
//! Invariant: no item under `#[cfg(test)]` is in it, and no file that only such an item declares.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Expr, ImplItem, Item, ItemMod, Lit, Meta, Stmt};

use crate::workspace::root;

/// One file of product code.
pub(crate) struct Source {
    pub(crate) file: PathBuf,
    /// The path of its module from the crate's root.
    pub(crate) module: Vec<String>,
    /// The text of its `//!` lines.
    pub(crate) header: String,
    pub(crate) syntax: syn::File,
}

/// Gives the text of a file, and `None` for a file that does not exist.
pub(crate) type Read<'a> = &'a dyn Fn(&Path) -> Option<String>;

/// The files of the workspace, for [`product`].
pub(crate) fn real(file: &Path) -> Option<String> {
    fs::read_to_string(root().join(file)).ok()
}

/// The text of the `//!` lines that a file opens with.
pub(crate) fn header(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Parses `root`, which is a `lib.rs`, `main.rs` or `mod.rs`, and every file that it declares; `root` is the first.
pub(crate) fn product(root: &Path, read: Read<'_>) -> Vec<Source> {
    let parents = root.parent().into_iter().flat_map(Path::components);
    let names = parents.map(|part| part.as_os_str().to_string_lossy().into_owned());
    let module = names.skip_while(|name| name != "src").skip(1).collect();
    let mut sources = Vec::new();
    parse(root.to_path_buf(), module, read, &mut sources);
    sources
}

fn parse(file: PathBuf, module: Vec<String>, read: Read<'_>, sources: &mut Vec<Source>) {
    let text = read(&file).unwrap_or_else(|| panic!("{} does not exist", file.display()));
    let mut syntax = syn::parse_file(&text)
        .unwrap_or_else(|error| panic!("{} cannot be parsed: {error}", file.display()));
    WithoutTests.visit_file_mut(&mut syntax);
    let below = directory(&file);
    let declared = declared(&syntax.items, &below, &module, read);
    sources.push(Source { file, module, header: header(&text), syntax });
    for (file, module) in declared {
        parse(file, module, read, sources);
    }
}

/// Where the files of a file's modules lie.
fn directory(file: &Path) -> PathBuf {
    match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "main" | "mod") => file.with_file_name(""),
        _ => file.with_extension(""),
    }
}

/// The files that `mod name;` items declare, with the paths of their modules.
fn declared(
    items: &[Item],
    below: &Path,
    module: &[String],
    read: Read<'_>,
) -> Vec<(PathBuf, Vec<String>)> {
    let mut files = Vec::new();
    for item in items {
        let Item::Mod(item) = item else { continue };
        let name = item.ident.to_string();
        let path = [module, std::slice::from_ref(&name)].concat();
        match &item.content {
            Some((_, inner)) => files.extend(declared(inner, &below.join(name), &path, read)),
            None => files.push((file_of(item, below, read), path)),
        }
    }
    files
}

fn file_of(item: &ItemMod, below: &Path, read: Read<'_>) -> PathBuf {
    if let Some(path) = item.attrs.iter().find_map(path_attribute) {
        return below.join(path);
    }
    let flat = below.join(format!("{}.rs", item.ident));
    if read(&flat).is_some() { flat } else { below.join(item.ident.to_string()).join("mod.rs") }
}

fn path_attribute(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else { return None };
    let Expr::Lit(value) = &meta.value else { return None };
    match &value.lit {
        Lit::Str(text) if meta.path.is_ident("path") => Some(text.value()),
        _ => None,
    }
}

/// Removes what is compiled for tests only.
struct WithoutTests;

impl VisitMut for WithoutTests {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(|item| !is_test_only(attributes(item)));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !is_test_only(attributes(item)));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, block: &mut syn::ItemImpl) {
        block.items.retain(|item| match item {
            ImplItem::Fn(function) => !is_test_only(&function.attrs),
            ImplItem::Const(constant) => !is_test_only(&constant.attrs),
            _ => true,
        });
        visit_mut::visit_item_impl_mut(self, block);
    }

    fn visit_block_mut(&mut self, block: &mut syn::Block) {
        block.stmts.retain(|statement| match statement {
            Stmt::Local(local) => !is_test_only(&local.attrs),
            Stmt::Item(item) => !is_test_only(attributes(item)),
            _ => true,
        });
        visit_mut::visit_block_mut(self, block);
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether it is `#[cfg(test)]`, `#[cfg(doctest)]` or `#[cfg(all(test, …))]`.
fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let words = words(list.tokens.clone());
            let has = |word: &str| words.iter().any(|it| it == word);
            (has("test") || has("doctest")) && !has("not") && !has("any")
        }
        _ => false,
    })
}

fn words(tokens: TokenStream) -> Vec<String> {
    let words = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(word) => vec![word.to_string()],
        TokenTree::Group(group) => words(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => Vec::new(),
    });
    words.flatten().collect()
}
