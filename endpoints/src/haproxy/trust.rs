//! [`TrustedProxies`]: the peers whose PROXY headers are believed.
//!
//! Invariant: an IPv4 peer of a port for both families is matched as IPv4.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use interfaces::Address;

/// The word for 127.0.0.0/8 and ::1.
const LOOPBACK: &str = "loopback";

/// The word for UNIX sockets, and for every other peer without an IP address, such as a pipe.
const UNIX: &str = "unix";

/// The peers whose headers are believed; every client can write one, so any other peer is turned away. The
/// default is this machine: loopback addresses, and UNIX sockets.
///
/// `FromStr` and `Display` have the form of the strings: addresses and prefixes, `loopback` and `unix`,
/// separated by commas.
///
/// ```
/// use ropewalk_endpoints::haproxy::TrustedProxies;
///
/// let trust: TrustedProxies = "10.0.0.0/8,fd00::/8,unix".parse()?;
/// assert!(trust.trusts(&core::net::SocketAddr::from(([10, 1, 2, 3], 80)).into()));
/// assert!(!trust.trusts(&core::net::SocketAddr::from(([127, 0, 0, 1], 80)).into()));
/// assert!("10.1.0.0/8".parse::<TrustedProxies>().is_err());
/// # Ok::<(), ropewalk_endpoints::haproxy::BadTrust>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedProxies {
    trusted: Vec<Trusted>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trusted {
    Loopback,
    Unix,
    Prefix(Prefix),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Prefix {
    address: IpAddr,
    bits: u8,
}

/// A list of trusted proxies that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadTrust {
    /// An entry of another form.
    #[error("`{0}` is no address, no prefix such as 10.0.0.0/8, and neither `loopback` nor `unix`")]
    Entry(String),
    /// A prefix with bits beyond its length.
    #[error("`{given}` has bits beyond its length: it could be {meant}")]
    Bits {
        /// The prefix.
        given: String,
        /// Without these bits.
        meant: String,
    },
}

impl TrustedProxies {
    /// No peer at all.
    pub fn none() -> Self {
        Self { trusted: Vec::new() }
    }

    /// With one more address, or all addresses that begin with the first `bits` of it; more bits than it
    /// has are all.
    #[must_use]
    pub fn with_prefix(self, address: IpAddr, bits: u8) -> Self {
        self.with(Trusted::Prefix(Prefix::new(address, bits)))
    }

    /// With the loopback addresses.
    #[must_use]
    pub fn with_loopback(self) -> Self {
        self.with(Trusted::Loopback)
    }

    /// With UNIX sockets, and every other peer without an IP address.
    #[must_use]
    pub fn with_unix(self) -> Self {
        self.with(Trusted::Unix)
    }

    fn with(mut self, trusted: Trusted) -> Self {
        self.trusted.push(trusted);
        self
    }

    /// Whether headers of this peer are believed.
    pub fn trusts(&self, peer: &Address) -> bool {
        let ip = peer.as_socket_addr().map(|address| address.ip().to_canonical());
        self.trusted.iter().any(|trusted| match (trusted, ip) {
            (Trusted::Loopback, Some(ip)) => ip.is_loopback(),
            (Trusted::Prefix(prefix), Some(ip)) => prefix.has(ip),
            (Trusted::Unix, None) => true,
            (Trusted::Unix, Some(_)) | (Trusted::Loopback | Trusted::Prefix(_), None) => false,
        })
    }
}

impl Default for TrustedProxies {
    fn default() -> Self {
        Self::none().with_loopback().with_unix()
    }
}

impl Prefix {
    /// Without the bits beyond its length.
    fn new(address: IpAddr, bits: u8) -> Self {
        match address {
            IpAddr::V4(v4) => {
                let bits = bits.min(32);
                let address = Ipv4Addr::from_bits(v4.to_bits() & high_bits_v4(bits));
                Self { address: address.into(), bits }
            }
            IpAddr::V6(v6) => {
                let bits = bits.min(128);
                let address = Ipv6Addr::from_bits(v6.to_bits() & high_bits_v6(bits));
                Self { address: address.into(), bits }
            }
        }
    }

    /// No address of the other family: its prefix is one of that family.
    fn has(self, ip: IpAddr) -> bool {
        Self::new(ip, self.bits) == self
    }
}

fn high_bits_v4(bits: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0)
}

fn high_bits_v6(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

impl FromStr for TrustedProxies {
    type Err = BadTrust;

    fn from_str(text: &str) -> Result<Self, BadTrust> {
        let trusted = text.split(',').map(entry).collect::<Result<_, _>>()?;
        Ok(Self { trusted })
    }
}

fn entry(text: &str) -> Result<Trusted, BadTrust> {
    let wrong = || BadTrust::Entry(text.into());
    let (address, bits) = match (text, text.split_once('/')) {
        (LOOPBACK, _) => return Ok(Trusted::Loopback),
        (UNIX, _) => return Ok(Trusted::Unix),
        (_, Some((address, bits))) => (address, Some(bits)),
        (_, None) => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        None => most,
        // Digits alone: `u8` takes a sign, too.
        Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
            bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(wrong)?
        }
        Some(_) => return Err(wrong()),
    };
    let prefix = Prefix::new(address, bits);
    if prefix.address != address {
        let meant = alloc::format!("{prefix}");
        return Err(BadTrust::Bits { given: text.into(), meant });
    }
    Ok(Trusted::Prefix(prefix))
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, trusted) in self.trusted.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match trusted {
                Trusted::Loopback => f.write_str(LOOPBACK)?,
                Trusted::Unix => f.write_str(UNIX)?,
                Trusted::Prefix(prefix) => prefix.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}
