//! The address of a socket between a virtual machine and its host (vsock(7)).
//!
//! Invariant: what it prints is the endpoint string of the same place.

use alloc::string::ToString as _;
use core::fmt::{self, Display as _};

use crate::Address;

/// A context and a port of vsock(7). `Display` is the endpoint string: `vsock:2:5000`, `vsock:any:5000`.
///
/// As an [`Address`] it is an [`Address::Other`] with that text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VsockAddress {
    /// The context: the machine.
    pub cid: u32,
    /// The port. Those below 1024 need `CAP_NET_BIND_SERVICE`.
    pub port: u32,
}

impl VsockAddress {
    /// Every context of this machine (`VMADDR_CID_ANY`).
    pub const CID_ANY: u32 = u32::MAX;
    /// The machine itself (`VMADDR_CID_LOCAL`), where the kernel has that transport.
    pub const CID_LOCAL: u32 = 1;
    /// The host of a virtual machine (`VMADDR_CID_HOST`).
    pub const CID_HOST: u32 = 2;
    /// A port that the system chooses (`VMADDR_PORT_ANY`).
    pub const PORT_ANY: u32 = u32::MAX;
}

impl fmt::Display for VsockAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("vsock:")?;
        shown(self.cid, f)?;
        f.write_str(":")?;
        shown(self.port, f)
    }
}

/// A number, or `any` for the largest, which stands for all of them.
fn shown(number: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if number == u32::MAX { f.write_str("any") } else { number.fmt(f) }
}

impl From<VsockAddress> for Address {
    fn from(address: VsockAddress) -> Self {
        Self::Other(address.to_string().into())
    }
}
