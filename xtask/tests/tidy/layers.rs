//! A layer answers every method that the trait it passes on has, those with a default included.
//!
//! A role that is added to a transport later has a default, `None`; so a layer that does not know of it
//! compiles, and hides the role of the transport below. Invariant: a layer that is
//! listed here and gone, or whose trait is, fails.

use std::collections::BTreeSet;
use std::path::Path;

use syn::{ImplItem, Item, TraitItem, Type};

use crate::source::{Read, real};
use crate::workspace::assert_none;

/// The traits that layers pass on, and the layers: file and type.
const LAYERS: [(&str, &str, &str, &str); 4] = [
    ("interfaces/src/transport.rs", "Transport", "tls/src/layer/transport.rs", "Connection"),
    ("interfaces/src/deliver.rs", "Deliver", "tls/src/layer/tls_layer.rs", "TlsLayer"),
    (
        "interfaces/src/transport.rs",
        "Transport",
        "protocol/src/layer/layer_transport.rs",
        "LayerTransport",
    ),
    (
        "interfaces/src/deliver.rs",
        "Deliver",
        "protocol/src/layer/protocol_wrapper.rs",
        "ProtocolWrapper",
    ),
];

#[test]
fn every_layer_answers_all_that_a_transport_can_do() {
    let missing = LAYERS.into_iter().flat_map(|(trait_file, name, file, layer)| {
        let defined = defined(Path::new(trait_file), name, &real);
        let answered = answered(Path::new(file), name, layer, &real);
        let missing = defined.difference(&answered).cloned().collect::<Vec<_>>();
        missing.into_iter().map(move |method| format!("{file}: {layer} has no {name}::{method}"))
    });
    assert_none(&missing.collect::<Vec<_>>());
}

#[test]
fn a_method_with_a_default_is_missed_in_the_layer_that_lacks_it_alone() {
    let read = |file: &Path| {
        match file.to_str()? {
        "trait.rs" => Some("trait Other { fn no(); }\ntrait T { fn a(); fn b() {} }".into()),
        "layer.rs" => Some(
            "impl a::T for Layer { fn a() {} }\nimpl<L> T for Whole<L> { fn a() {} fn b() {} }\nimpl Layer { fn b() {} }"
                .into(),
        ),
        _ => None,
    }
    };
    let defined = defined(Path::new("trait.rs"), "T", &read);
    assert_eq!(defined, BTreeSet::from(["a", "b"].map(String::from)));
    let of = |layer| answered(Path::new("layer.rs"), "T", layer, &read);
    assert_eq!(of("Layer"), BTreeSet::from(["a".to_owned()]));
    assert_eq!(of("Whole"), defined);
}

fn items(file: &Path, read: Read<'_>) -> Vec<Item> {
    let text = read(file).unwrap_or_else(|| panic!("{} does not exist", file.display()));
    syn::parse_file(&text).expect("it is Rust").items
}

/// The methods of a trait.
fn defined(file: &Path, name: &str, read: Read<'_>) -> BTreeSet<String> {
    let traits = items(file, read).into_iter().filter_map(|item| match item {
        Item::Trait(item) if item.ident == name => Some(item.items),
        _ => None,
    });
    let methods: BTreeSet<_> = traits
        .flatten()
        .filter_map(|item| match item {
            TraitItem::Fn(method) => Some(method.sig.ident.to_string()),
            _ => None,
        })
        .collect();
    assert!(!methods.is_empty(), "{} has no trait {name}", file.display());
    methods
}

/// The methods of the trait that this type has in its file.
fn answered(file: &Path, name: &str, layer: &str, read: Read<'_>) -> BTreeSet<String> {
    let impls = items(file, read).into_iter().filter_map(|item| match item {
        Item::Impl(item) => {
            let (_, path, _) = item.trait_.as_ref()?;
            let is_trait = path.segments.last()?.ident == name;
            let Type::Path(this) = &*item.self_ty else { return None };
            let is_layer = this.path.segments.last()?.ident == layer;
            (is_trait && is_layer).then_some(item.items)
        }
        _ => None,
    });
    let methods = impls.flatten().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(method.sig.ident.to_string()),
        _ => None,
    });
    methods.collect()
}
