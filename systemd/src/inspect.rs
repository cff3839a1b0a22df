//! What a descriptor really is; nothing in Twisted, which believes the `domain` it is told.
//!
//! Invariant: looking changes nothing.

use core::ffi::c_int;
use core::fmt;
use std::io;
use std::os::fd::BorrowedFd;

use crate::{Domain, sys};

/// What fstat(2), getsockname(2) and getsockopt(2) tell of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Not a socket; the words for what it is.
    File(&'static str),
    /// A socket.
    Socket { family: c_int, kind: c_int, listening: bool },
}

impl Kind {
    /// Looks at a descriptor.
    pub(crate) fn of(descriptor: BorrowedFd<'_>) -> io::Result<Self> {
        let file_type = sys::file_type(descriptor)?;
        if file_type != libc::S_IFSOCK {
            return Ok(Self::File(file_words(file_type)));
        }
        Ok(Self::Socket {
            family: sys::family(descriptor)?,
            kind: sys::socket_option(descriptor, libc::SO_TYPE)?,
            listening: sys::socket_option(descriptor, libc::SO_ACCEPTCONN)? != 0,
        })
    }

    /// Whether connections can be accepted on it, and it is of the family, where one is asked for.
    pub(crate) fn is_stream_port(self, domain: Option<Domain>) -> bool {
        let Self::Socket { family, kind: libc::SOCK_STREAM, listening: true } = self else {
            return false;
        };
        Domain::from_family(family).is_some_and(|found| domain.is_none_or(|wanted| wanted == found))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (family, kind, listening) = match *self {
            Self::File(words) => return f.write_str(words),
            Self::Socket { family, kind, listening } => (family, kind, listening),
        };
        f.write_str(if listening { "a listening " } else { "a " })?;
        match kind {
            libc::SOCK_STREAM => f.write_str("stream socket")?,
            libc::SOCK_DGRAM => f.write_str("datagram socket")?,
            libc::SOCK_SEQPACKET => f.write_str("sequential-packet socket")?,
            libc::SOCK_RAW => f.write_str("raw socket")?,
            other => write!(f, "socket of type {other}")?,
        }
        match Domain::from_family(family) {
            Some(domain) => write!(f, " of family {domain}")?,
            None => write!(f, " of address family number {family}")?,
        }
        let mute = kind == libc::SOCK_STREAM && !listening;
        f.write_str(if mute { " that does not listen" } else { "" })
    }
}

/// What a descriptor has to be, to be listened on.
pub(crate) fn wanted(domain: Option<Domain>) -> String {
    match domain {
        Some(domain) => format!("a listening stream socket of family {domain}"),
        None => String::from("a listening stream socket of family INET, INET6 or UNIX"),
    }
}

fn file_words(file_type: libc::mode_t) -> &'static str {
    match file_type {
        libc::S_IFREG => "a regular file",
        libc::S_IFDIR => "a directory",
        libc::S_IFCHR => "a character device",
        libc::S_IFBLK => "a block device",
        libc::S_IFIFO => "a pipe",
        // What has no file type is made by eventfd(2), epoll_create(2), signalfd(2)…
        _ => "not a file and not a socket",
    }
}
