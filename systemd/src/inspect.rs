//! The type of a descriptor. Twisted has no such look: it believes the string's `domain`.
//!
//! Invariant: looking changes nothing.

use core::ffi::c_int;
use core::fmt;
use std::fs::{File, FileType};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileTypeExt as _;

use socket2::{SockRef, Type};

use crate::Domain;

/// The type of a descriptor, as getsockopt(2), getsockname(2) and fstat(2) tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Not a socket; the type in words.
    File(&'static str),
    /// A socket.
    Socket { family: c_int, kind: Type, listening: bool, connected: bool },
}

impl Kind {
    /// Looks at a descriptor.
    pub(crate) fn of(descriptor: BorrowedFd<'_>) -> io::Result<Self> {
        let socket = SockRef::from(&descriptor);
        let kind = match socket.r#type() {
            Ok(kind) => kind,
            Err(error) if error.raw_os_error() == Some(libc::ENOTSOCK) => {
                let file = File::from(descriptor.try_clone_to_owned()?);
                return Ok(Self::File(file_words(file.metadata()?.file_type())));
            }
            Err(error) => return Err(error),
        };
        Ok(Self::Socket {
            family: socket.local_addr()?.family().into(),
            kind,
            listening: socket.is_listener()?,
            connected: kind == Type::STREAM && socket.peer_addr().is_ok(),
        })
    }

    /// Whether it is a socket of one of these uses, and of the family, if one is given.
    pub(crate) fn fits(self, uses: &[Use], domain: Option<Domain>) -> bool {
        let Self::Socket { family, .. } = self else { return false };
        let Some(found) = Domain::from_family(family) else { return false };
        domain.is_none_or(|wanted| wanted == found)
            && self.uses().is_some_and(|it| uses.contains(&it))
    }

    /// Its use, if it has one here.
    pub(crate) fn uses(self) -> Option<Use> {
        match self {
            Self::Socket { kind: Type::STREAM, listening: true, .. } => Some(Use::Port),
            Self::Socket { kind: Type::STREAM, connected: true, .. } => Some(Use::Connection),
            Self::Socket { kind: Type::DGRAM, .. } => Some(Use::Datagrams),
            _ => None,
        }
    }
}

/// The use of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It accepts stream connections: `ListenStream=` with `Accept=no`.
    Port,
    /// It is one that was accepted: `ListenStream=` with `Accept=yes`.
    Connection,
    /// It receives datagrams: `ListenDatagram=`.
    Datagrams,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (family, kind, listening, connected) = match *self {
            Self::File(words) => return f.write_str(words),
            Self::Socket { family, kind, listening, connected } => {
                (family, kind, listening, connected)
            }
        };
        f.write_str(match (listening, connected) {
            (true, _) => "a listening ",
            (false, true) => "a connected ",
            (false, false) => "a ",
        })?;
        match kind {
            Type::STREAM => f.write_str("stream socket")?,
            Type::DGRAM => f.write_str("datagram socket")?,
            Type::SEQPACKET => f.write_str("sequential-packet socket")?,
            Type::RAW => f.write_str("raw socket")?,
            other => write!(f, "socket of type {}", c_int::from(other))?,
        }
        match Domain::from_family(family) {
            Some(domain) => write!(f, " of family {domain}")?,
            None => write!(f, " of address family number {family}")?,
        }
        let mute = kind == Type::STREAM && !listening && !connected;
        f.write_str(if mute { " that does not listen" } else { "" })
    }
}

/// The types that a descriptor may have, in words.
pub(crate) fn wanted(uses: &[Use], domain: Option<Domain>) -> String {
    let words = uses.iter().map(|it| match it {
        Use::Port => "a listening stream socket",
        Use::Connection => "a connected one",
        Use::Datagrams => "a datagram socket",
    });
    let words = words.collect::<Vec<_>>().join(" or ");
    match domain {
        Some(domain) => format!("{words} of family {domain}"),
        None => format!("{words} of family INET, INET6 or UNIX"),
    }
}

fn file_words(file_type: FileType) -> &'static str {
    match file_type {
        it if it.is_file() => "a regular file",
        it if it.is_dir() => "a directory",
        it if it.is_char_device() => "a character device",
        it if it.is_block_device() => "a block device",
        it if it.is_fifo() => "a pipe",
        // eventfd(2), epoll_create(2) and signalfd(2) make descriptors without a file type.
        _ => "not a file and not a socket",
    }
}
