//! The host of an endpoint: a numeric address, or a name for the resolver.
//!
//! Invariant: a text whose last label is a number is an address or a mistake, and never a name. So
//! no resolver is asked about `999.1.1.1`, and `1.2.3` is not 1.2.0.3, as the system reads it.

use alloc::string::String;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use core::str::FromStr;

use interfaces::AddressFamily;

use crate::ascii_name::to_ascii;

/// A numeric address or a host name.
///
/// # Examples
///
/// ```
/// use ropewalk_endpoints::Host;
///
/// let host: Host = "fe80::1%2".parse()?;
/// assert_eq!(host.socket_addr(80).unwrap().to_string(), "[fe80::1%2]:80");
/// assert!("example.com".parse::<Host>()?.socket_addr(80).is_none());
/// assert_eq!("bücher.example".parse::<Host>()?.to_string(), "xn--bcher-kva.example");
/// assert!("1.2.3".parse::<Host>().is_err());
/// # Ok::<(), ropewalk_endpoints::BadHost>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Host {
    /// A numeric address.
    Ip(IpAddr),
    /// An IPv6 address that holds on one network interface only (RFC 4007), by the interface's
    /// number or name. A name is for the resolver to look up.
    Zoned {
        /// The address.
        address: Ipv6Addr,
        /// The text behind the `%`.
        zone: String,
    },
    /// A host name. A parsed one is in ASCII, as DNS has it: `bücher.example` is
    /// `xn--bcher-kva.example`.
    Name(String),
}

/// The error of parsing a [`Host`]: the text is neither an address nor a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither an ip address nor a host name")]
#[non_exhaustive]
pub struct BadHost;

impl Host {
    /// Every IPv4 address of this machine.
    pub const ANY_IPV4: Host = Host::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    /// Every IPv6 address of this machine.
    pub const ANY_IPV6: Host = Host::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

    /// The address with a port, if no resolver is needed to tell it.
    pub fn socket_addr(&self, port: u16) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(SocketAddr::new(*address, port)),
            Self::Zoned { address, zone } => {
                let digits = zone.bytes().all(|byte| byte.is_ascii_digit());
                let zone = zone.parse().ok().filter(|_| digits)?;
                Some(SocketAddrV6::new(*address, port, 0, zone).into())
            }
            Self::Name(_) => None,
        }
    }

    /// The family of the address; any for a name.
    pub fn family(&self) -> AddressFamily {
        match self.is_ipv6() {
            Some(true) => AddressFamily::Ipv6,
            Some(false) => AddressFamily::Ipv4,
            None => AddressFamily::Any,
        }
    }

    /// Whether it is an IPv6 address; `None` for a name, which can have addresses of both families.
    pub(crate) fn is_ipv6(&self) -> Option<bool> {
        match self {
            Self::Ip(address) => Some(address.is_ipv6()),
            Self::Zoned { .. } => Some(true),
            Self::Name(_) => None,
        }
    }
}

impl FromStr for Host {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, BadHost> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        if let Some((address, zone)) = zoned(text) {
            return Ok(Self::Zoned { address, zone: zone.into() });
        }
        match to_ascii(text) {
            Some(name) if is_host_name(&name) => Ok(Self::Name(name.into_owned())),
            Some(_) | None => Err(BadHost),
        }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address)
    }
}

impl From<Ipv4Addr> for Host {
    fn from(address: Ipv4Addr) -> Self {
        Self::Ip(address.into())
    }
}

impl From<Ipv6Addr> for Host {
    fn from(address: Ipv6Addr) -> Self {
        Self::Ip(address.into())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Zoned { address, zone } => write!(f, "{address}%{zone}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Whether the text can stand in brackets: an IPv6 address, with a zone or without.
pub(crate) fn is_bare_ipv6(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok() || zoned(text).is_some()
}

fn zoned(text: &str) -> Option<(Ipv6Addr, &str)> {
    let (address, zone) = text.split_once('%')?;
    let fits = |character: char| {
        !character.is_control() && !character.is_whitespace() && !":/%=\\[]".contains(character)
    };
    let fits = !zone.is_empty() && zone.chars().all(fits);
    Some((address.parse().ok().filter(|_| fits)?, zone))
}

/// RFC 1123, with underscores.
fn is_host_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or(name);
    name.len() <= 253 && name.split('.').all(is_label) && !is_number(last)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The system reads a name that ends so as an IPv4 address of an old form (inet_aton(3)): `1.2.3`
/// as 1.2.0.3, `0x7f.1` as 127.0.0.1.
fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|digit| digit.is_ascii_hexdigit()),
        None => label.bytes().all(|digit| digit.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn an_address_with_a_zone_is_read_without_a_resolver_and_nothing_else_is() {
        for (text, zone) in [("::1", 0), ("fe80::1%3", 3)] {
            let host: Host = text.parse().expect("an address");
            let Some(SocketAddr::V6(address)) = host.socket_addr(2) else { panic!("{host:?}") };
            let ip = text.split('%').next().unwrap_or(text);
            assert_eq!((address.ip().to_string().as_str(), address.port()), (ip, 2));
            assert_eq!((address.flowinfo(), address.scope_id()), (0, zone));
        }
        let name: Host = "localhost".parse().expect("a name");
        assert_eq!(name.socket_addr(80), None);
        for text in ["localhost%1", "::1%", "::1% ", "1.2.3.4%1"] {
            assert_eq!(text.parse::<Host>(), Err(BadHost), "{text}");
        }
    }

    fn ip(text: &str) -> Option<IpAddr> {
        match text.parse() {
            Ok(Host::Ip(address)) => Some(address),
            _ => None,
        }
    }

    #[test]
    fn an_ipv4_address_is_four_decimal_numbers_below_256_and_nothing_else() {
        for text in ["0.1.2.3", "252.253.254.255"] {
            assert_eq!(ip(text).map(|address| address.to_string()), Some(text.into()));
        }
        for text in ["0", "0.1", "0.1.2", "0.1.2.3.4", "256.1.2.3", "1.2.3.-4", "01.2.3.4", ""] {
            assert_eq!(ip(text), None, "{text}");
            assert!(text.parse::<Host>().is_err(), "{text} is no name either");
        }
    }

    #[test]
    fn an_ipv6_address_may_have_any_zone_and_nothing_else_has_one() {
        assert_eq!(ip("::1"), Some(Ipv6Addr::LOCALHOST.into()));
        for text in ["", ":", ":::", "1:2:3:4:5:6:7:8:9"] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
        for zone in ["eth0", "1", "no-such-interface"] {
            let host =
                Host::Zoned { address: "fe80::1".parse().expect("an address"), zone: zone.into() };
            assert_eq!(alloc::format!("fe80::1%{zone}").parse(), Ok(host));
        }
        for text in ["%eth0", ":%eth0", "hello%eth0", "127.0.0.1%eth0", "fe80::1%"] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }
}
