//! Groups of receivers; Twisted's `IMulticastTransport`.
//!
//! Invariant: interfaces are numbers, names or addresses of this machine; no host name is looked up.

use alloc::format;
use alloc::string::String;
use core::fmt;
use core::net::IpAddr;

use crate::{OsError, printable};

/// The abilities of multicast (ip(7), ipv6(7)). Twisted's `IMulticastTransport`.
///
/// # Differences from Twisted
///
/// All answer at once, as no name is looked up. A port that the reactor opens receives what is sent to its
/// own groups alone; with Linux's default, which Twisted leaves, it receives what any socket of the machine
/// has joined (`IP_MULTICAST_ALL`, `IPV6_MULTICAST_ALL`). An adopted socket keeps its own setting.
#[doc(alias = "IMulticastTransport")]
pub trait MulticastTransport {
    /// Receives what is sent to a group, on an interface. A port may be in several groups.
    ///
    /// # Errors
    ///
    /// [`MulticastError`]; Twisted's `MulticastJoinError`.
    #[doc(alias = "MulticastJoinError")]
    #[doc(alias = "joinGroup")]
    fn join_group(
        &self,
        group: IpAddr,
        interface: &MulticastInterface,
    ) -> Result<(), MulticastError>;

    /// Ends a membership, with the arguments that began it.
    ///
    /// # Errors
    ///
    /// [`MulticastError`].
    #[doc(alias = "leaveGroup")]
    fn leave_group(
        &self,
        group: IpAddr,
        interface: &MulticastInterface,
    ) -> Result<(), MulticastError>;

    /// The interface that datagrams to groups leave by: what was set, or else the system's choice.
    fn outgoing_interface(&self) -> MulticastInterface;

    /// Sets the interface that datagrams to groups leave by.
    ///
    /// # Errors
    ///
    /// [`MulticastError`].
    #[doc(alias = "setOutgoingInterface")]
    fn set_outgoing_interface(&self, interface: &MulticastInterface) -> Result<(), MulticastError>;

    /// Whether this machine's members receive what this port sends. On at first.
    fn multicast_loop(&self) -> bool;

    /// Sets whether this machine's members receive what this port sends. Twisted's `setLoopbackMode`.
    ///
    /// # Errors
    ///
    /// [`MulticastError`].
    #[doc(alias = "setLoopbackMode")]
    fn set_multicast_loop(&self, on: bool) -> Result<(), MulticastError>;

    /// How many networks datagrams to groups pass through: 1 at first, the own network.
    fn multicast_ttl(&self) -> u8;

    /// Sets how many networks datagrams to groups pass through; IPv6's hop limit.
    ///
    /// # Errors
    ///
    /// [`MulticastError`].
    fn set_multicast_ttl(&self, ttl: u8) -> Result<(), MulticastError>;
}

/// An interface of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MulticastInterface {
    /// The system's choice, by its routes.
    #[default]
    Any,
    /// The one that has this address.
    Address(IpAddr),
    /// The one of this name, as `ip link` prints it.
    Name(String),
    /// The one of this number (`if_nametoindex`(3)).
    Index(u32),
}

impl fmt::Display for MulticastInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("the system's choice"),
            Self::Address(address) => address.fmt(f),
            Self::Name(name) if name.is_empty() => f.write_str("with an empty name"),
            Self::Name(name) => printable(name.as_str()).fmt(f),
            Self::Index(index) => write!(f, "number {index}"),
        }
    }
}

/// What a refused operation was about, with a blank before it.
fn operands(group: Option<IpAddr>, interface: Option<&MulticastInterface>) -> String {
    match (group, interface) {
        (None, None) => String::new(),
        (None, Some(interface)) => format!(" {interface}"),
        (Some(group), None | Some(MulticastInterface::Any)) => format!(" {group}"),
        (Some(group), Some(interface)) => format!(" {group} on interface {interface}"),
    }
}

/// Why an operation on groups failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MulticastError {
    /// The address is not that of a group.
    #[error("cannot {attempt} {group}: it is not a multicast address")]
    NotAGroup {
        /// "join" or "leave".
        attempt: &'static str,
        /// The address.
        group: IpAddr,
    },
    /// The group or the interface's address is of another family than the port.
    #[error("cannot {attempt} {address}: the port is of another address family")]
    WrongFamily {
        /// "join", "leave" or "send groups by".
        attempt: &'static str,
        /// The address.
        address: IpAddr,
    },
    /// This machine has no such interface.
    #[error("cannot {attempt}: there is no interface {interface}")]
    NoInterface {
        /// The operation.
        attempt: &'static str,
        /// The interface.
        interface: MulticastInterface,
    },
    /// The system refused.
    #[error("cannot {attempt}{}", operands(*.group, .interface.as_ref()))]
    Refused {
        /// The operation.
        attempt: &'static str,
        /// The group, if it is about one.
        group: Option<IpAddr>,
        /// The interface, if it is about one.
        interface: Option<MulticastInterface>,
        /// The system call's answer.
        #[source]
        source: OsError,
    },
    /// The port is closed.
    #[error("cannot {attempt}: the port is closed")]
    Closed {
        /// The operation.
        attempt: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use core::net::Ipv4Addr;

    #[test]
    fn an_error_says_what_was_attempted_and_with_what() {
        let source = OsError::from_raw_os_error(12);
        let group = Some(IpAddr::from(Ipv4Addr::new(239, 1, 2, 3)));
        let text = |attempt, group, interface| {
            MulticastError::Refused { attempt, group, interface, source }.to_string()
        };
        let index = || Some(MulticastInterface::Index(3));
        let any = Some(MulticastInterface::Any);
        assert_eq!(text("join", group, any.clone()), "cannot join 239.1.2.3");
        assert_eq!(text("join", group, index()), "cannot join 239.1.2.3 on interface number 3");
        assert_eq!(text("send groups by", None, index()), "cannot send groups by number 3");
        assert_eq!(text("send groups by", None, any), "cannot send groups by the system's choice");
        assert_eq!(text("set the hops of groups", None, None), "cannot set the hops of groups");
        let interface = MulticastInterface::Name(String::new());
        let error = MulticastError::NoInterface { attempt: "join", interface };
        assert_eq!(error.to_string(), "cannot join: there is no interface with an empty name");
    }
}
