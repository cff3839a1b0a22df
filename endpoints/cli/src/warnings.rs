//! What an endpoint string allows that its author may not mean.
//!
//! Invariant: an endpoint inside another one's string is looked at, too.

use endpoints::Description;
use ropewalk::tls::UNVERIFIED_LAYER;

/// The warning about an endpoint, if there is one: one line, without an end.
pub(crate) fn warning(description: &Description) -> Option<&'static str> {
    is_unverified(description).then_some(
        "verify=danger-none: the server's certificate is not verified, so anyone on the way can read \
         and change what is sent",
    )
}

/// Whether a layer is unverified, of the endpoint or of one behind it.
fn is_unverified(description: &Description) -> bool {
    let wrapped = description.wrapped.iter().map(|wrapped| &**wrapped);
    let inner = wrapped.chain(description.routes.iter().map(|route| &route.endpoint));
    description.layers.iter().any(|layer| layer == UNVERIFIED_LAYER)
        || inner.into_iter().any(is_unverified)
}

#[cfg(test)]
mod tests {
    use super::*;
    use endpoints::Registry;
    use reactor::Reactor;

    #[test]
    fn a_server_that_is_not_verified_is_found_at_any_depth() {
        let standard = Registry::standard(Reactor::simulated(1));
        let registry = ropewalk::tls::register(standard, Reactor::simulated(1));
        let registry = endpoints::sni::register(registry, Reactor::simulated(1));
        for (text, is_found) in [
            ("tls:h:443", false),
            ("tls:h:443:verify=danger-none", true),
            ("ssl:h:443:verify=danger-none", true),
            (r"tls:h:443:endpoint=tcp\:h\:443", false),
            (r"tls:h:443:endpoint=ssl\:h\:443\:verify=danger-none", true),
            ("sni:for=a:tls:h:443:for=*:tls:h:443:verify=danger-none", true),
            ("sni:for=a:tls:h:443:for=*:tls:h:443", false),
            ("unix:danger-none", false),
        ] {
            let description = registry.parse_client(text).unwrap().description;
            assert_eq!(warning(&description).is_some(), is_found, "{text}");
        }
    }
}
