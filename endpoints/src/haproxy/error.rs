//! The errors of PROXY headers.
//!
//! Invariant: an error carries no bytes of the peer, so it can go to a log as it is.

/// A header that is not one; Twisted's `InvalidProxyHeader` and its kinds. The sender of the bytes behind it
/// is unknown, so the connection is closed.
#[doc(alias = "InvalidNetworkProtocol")]
#[doc(alias = "MissingAddressData")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProxyHeader {
    /// The first bytes are those of neither version.
    #[error(
        "it does not begin with a PROXY header: expected `PROXY ` or the signature of version 2"
    )]
    NoHeader,
    /// A line without its end in 107 bytes.
    #[error("its line is longer than the 107 bytes that version 1 allows")]
    LineTooLong,
    /// A network protocol other than `TCP4`, `TCP6` and `UNKNOWN`. Twisted's `InvalidNetworkProtocol`.
    #[error("its line names a network protocol other than TCP4, TCP6 and UNKNOWN")]
    NetworkProtocol,
    /// Fewer fields than two addresses and two ports. Twisted's `MissingAddressData`.
    #[error("its line has fewer than two addresses and two ports")]
    MissingAddress,
    /// An address that is not one of the line's family in its canonical form.
    #[error("its line has an address that is not of the family that it names")]
    Address,
    /// A port that is not a number from 0 to 65535 in its shortest form.
    #[error("its line has a port that is not a number from 0 to 65535")]
    Port,
    /// More fields than two addresses and two ports.
    #[error("its line has text behind the second port")]
    Surplus,
    /// A version other than 2 behind the signature.
    #[error("its version is {version}, and not 2")]
    Version {
        /// The version.
        version: u8,
    },
    /// A command other than LOCAL and PROXY.
    #[error("its command is {command}, and neither LOCAL nor PROXY")]
    Command {
        /// The command.
        command: u8,
    },
    /// A family or a transport protocol that is not known.
    #[error("its family and transport 0x{byte:02x} are not known")]
    Family {
        /// Both, as in the header.
        byte: u8,
    },
    /// More bytes than the limit behind the first 16.
    #[error("it announces {length} bytes, and the limit is {limit}")]
    TooLong {
        /// The bytes that it announces.
        length: usize,
        /// The limit of the parser.
        limit: usize,
    },
    /// Fewer bytes than the addresses of its family take.
    #[error("it announces {length} bytes, and its addresses take {needed}")]
    TooShort {
        /// The bytes that it announces.
        length: usize,
        /// What the addresses take.
        needed: usize,
    },
    /// A TLV that does not end where the header ends, or has not the length of its kind.
    #[error("its TLV at byte {offset} is malformed")]
    Tlv {
        /// Where it begins, in bytes from the beginning of the header.
        offset: usize,
    },
    /// A CRC32c that is not the header's: it was damaged.
    #[error("its checksum is wrong: it was damaged on its way")]
    Checksum,
}

/// A header, or a TLV, of more than 65535 bytes: its length does not fit into its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PROXY header cannot carry {length} bytes: the most are 65535")]
pub struct HeaderTooLong {
    /// The length, in bytes.
    pub length: usize,
}
