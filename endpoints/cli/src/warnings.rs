//! What an endpoint string allows that its author may not mean.
//!
//! Invariant: an endpoint inside another one's string is looked at, too.

use std::borrow::Cow;

use endpoints::{Description, Value};
use ropewalk::tls::UNVERIFIED_LAYER;

/// The warning about an endpoint, if there is one: one line, without an end.
pub(crate) fn warning(description: &Description) -> Option<Cow<'static, str>> {
    if is_unverified(description) {
        return Some(
            "verify=danger-none: the server's certificate is not verified, so anyone on the way can read \
             and change what is sent"
                .into(),
        );
    }
    odd_path(description).or_else(|| odd_interface(description))
}

/// The endpoints behind one: the one that it wraps, and those of its routes.
pub(crate) fn inner(description: &Description) -> impl Iterator<Item = &Description> {
    let wrapped = description.wrapped.iter().map(|wrapped| &**wrapped);
    wrapped.chain(description.routes.iter().map(|route| &route.endpoint))
}

/// A path that a shell, or another program, takes for something else, of the endpoint or of one behind it.
fn odd_path(description: &Description) -> Option<Cow<'static, str>> {
    let own = match (description.kind, description.arguments.first()) {
        ("unix", Some((_, Value::Text(path)))) => other_reading(path),
        _ => None,
    };
    own.or_else(|| inner(description).find_map(odd_path))
}

fn other_reading(path: &str) -> Option<Cow<'static, str>> {
    match path.strip_prefix('@') {
        Some(name) => Some(
            format!("`@{name}` is a file of that name: an abstract name is `abstract={name}`")
                .into(),
        ),
        None if path == "~" || path.starts_with("~/") => {
            Some("`~` is a folder of that name here, and not the home folder".into())
        }
        None => None,
    }
}

/// An interface that is looked up as a host, and has the name of an option or of a network device; of the endpoint or
/// of one behind it.
fn odd_interface(description: &Description) -> Option<Cow<'static, str>> {
    let mut arguments = description.arguments.iter();
    let interface = arguments.find(|(name, _)| *name == "interface");
    let own = match (description.kind, interface) {
        ("tcp" | "tcp6", Some((_, Value::Text(interface)))) => other_meaning(interface),
        _ => None,
    };
    own.or_else(|| inner(description).find_map(odd_interface))
}

fn other_meaning(interface: &str) -> Option<Cow<'static, str>> {
    if OPTIONS.contains(&interface) {
        let meant = format!("an option is `{interface}=` and a value");
        return Some(format!("`{interface}` is looked up as a host: {meant}").into());
    }
    let letters = interface.split(|it: char| it.is_ascii_digit()).next().unwrap_or("");
    let has_number = letters != interface && interface.bytes().all(|it| it.is_ascii_alphanumeric());
    let is_device = interface == "lo" || (has_number && DEVICES.contains(&letters));
    is_device.then(|| {
        let meant = format!("one network device alone is `device={interface}`");
        format!("`{interface}` is looked up as a host: {meant}").into()
    })
}

/// Options of servers that may stand where an interface is read by position.
const OPTIONS: [&str; 5] = ["noDelay", "keepAlive", "device", "reusePort", "ipv6Only"];

/// The names of network devices before their first number (systemd.net-naming-scheme(7)).
const DEVICES: [&str; 12] =
    ["eth", "eno", "ens", "enp", "enX", "wlan", "wlp", "br", "docker", "tun", "tap", "wg"];

/// Whether a layer is unverified, of the endpoint or of one behind it.
fn is_unverified(description: &Description) -> bool {
    description.layers.iter().any(|layer| layer == UNVERIFIED_LAYER)
        || inner(description).any(is_unverified)
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

    #[test]
    fn an_interface_by_the_name_of_a_device_or_an_option_is_told() {
        let registry = Registry::standard(Reactor::simulated(1));
        let registry = endpoints::haproxy::register(registry, Reactor::simulated(1));
        for (text, word) in [
            ("tcp:80:reusePort", Some("`reusePort=`")),
            ("tcp:80:interface=eth0", Some("`device=eth0`")),
            ("haproxy:tcp:80:interface=lo", Some("`device=lo`")),
            ("tcp6:80:interface=enp5s0", Some("`device=enp5s0`")),
            ("tcp:80:interface=localhost", None),
            ("tcp:80:interface=web1", None),
            ("tcp:80:interface=eth", None),
            ("tcp:80:interface=eth0.example", None),
            ("tcp:80:interface=10.0.0.1", None),
            ("tcp:80", None),
        ] {
            let told = warning(&registry.parse_server(text).unwrap().description);
            assert_eq!(told.is_some(), word.is_some(), "{text}: {told:?}");
            assert!(word.is_none_or(|word| told.unwrap().contains(word)), "{text}");
        }
    }

    #[test]
    fn a_path_that_other_programs_read_otherwise_is_told() {
        let registry = Registry::standard(Reactor::simulated(1));
        let registry = endpoints::haproxy::register(registry, Reactor::simulated(1));
        for (text, word) in [
            ("unix:@door", Some("abstract=door")),
            ("unix:~/x.sock", Some("home folder")),
            ("haproxy:unix:~/x.sock", Some("home folder")),
            ("unix:/run/~/@x", None),
            ("unix:abstract=@door", None),
            ("unix:~x", None),
        ] {
            let description = registry.parse_server(text).unwrap().description;
            let told = warning(&description);
            assert_eq!(told.is_some(), word.is_some(), "{text}: {told:?}");
            assert!(word.is_none_or(|word| told.unwrap().contains(word)), "{text}");
        }
    }
}
