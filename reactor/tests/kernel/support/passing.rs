//! A protocol that takes descriptors, descriptors whose last copy is noticed, and messages laid out by hand.
//!
//! Invariant: nothing here waits without a bound but for the kernel to close what is under way.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read as _};
use std::mem;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use interfaces::{FileDescriptorReceiver, Protocol, ReactorSocket as _, Reason, Transport};
use ropewalk_reactor::Reactor;
use testkit::once;

use super::turn_until;

/// A piece that a protocol has received.
#[derive(Debug)]
pub(crate) enum Came {
    Bytes(Vec<u8>),
    Descriptor(OwnedFd),
}

#[derive(Default)]
pub(crate) struct Log {
    pub(crate) came: RefCell<Vec<Came>>,
    pub(crate) lost: RefCell<Option<Reason>>,
    transport: RefCell<Option<Rc<dyn Transport>>>,
}

impl Log {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let came = self.came.borrow();
        let bytes = came.iter().filter_map(|came| match came {
            Came::Bytes(bytes) => Some(bytes.as_slice()),
            Came::Descriptor(_) => None,
        });
        bytes.collect::<Vec<_>>().concat()
    }

    pub(crate) fn descriptors(&self) -> usize {
        let is_descriptor = |came: &&Came| matches!(came, Came::Descriptor(_));
        self.came.borrow().iter().filter(is_descriptor).count()
    }

    /// Each descriptor's open file, with the number of bytes that were delivered before it.
    pub(crate) fn files(&self) -> Vec<(u64, usize)> {
        let mut bytes_before = 0;
        let mut files = Vec::new();
        for came in &*self.came.borrow() {
            match came {
                Came::Bytes(bytes) => bytes_before += bytes.len(),
                Came::Descriptor(descriptor) => files.push((inode(descriptor), bytes_before)),
            }
        }
        files
    }

    pub(crate) fn made(&self, transport: &Rc<dyn Transport>) {
        self.transport.replace(Some(transport.clone()));
    }

    pub(crate) fn transport(&self) -> Rc<dyn Transport> {
        self.transport.borrow().clone().unwrap()
    }

    pub(crate) fn forget(&self) {
        drop((self.transport.take(), self.came.take()));
    }
}

/// Takes descriptors; pauses at each, if it is told to.
pub(crate) struct Taker {
    pub(crate) log: Rc<Log>,
    pub(crate) pauses: bool,
}

impl Protocol for Taker {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.log.made(transport);
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, data: &[u8]) {
        self.log.came.borrow_mut().push(Came::Bytes(data.to_vec()));
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.log.lost.replace(Some(reason.clone()));
    }

    fn as_file_descriptor_receiver(&mut self) -> Option<&mut dyn FileDescriptorReceiver> {
        Some(self)
    }
}

impl FileDescriptorReceiver for Taker {
    fn file_descriptor_received(&mut self, transport: &Rc<dyn Transport>, descriptor: OwnedFd) {
        self.log.came.borrow_mut().push(Came::Descriptor(descriptor));
        if self.pauses {
            transport.pause_producing();
        }
    }
}

pub(crate) fn inode(descriptor: &OwnedFd) -> u64 {
    File::from(descriptor.try_clone().unwrap()).metadata().unwrap().ino()
}

pub(crate) fn adopt<P: Protocol>(reactor: &Reactor, end: UnixStream, protocol: P) {
    reactor.adopt_stream_connection(OwnedFd::from(end), once(protocol)).unwrap();
}

/// A receiver, and the end that sends to it.
pub(crate) fn receiver(reactor: &Reactor, pauses: bool) -> (Rc<Log>, UnixStream) {
    let (ours, peer) = UnixStream::pair().unwrap();
    let log = Rc::new(Log::default());
    adopt(reactor, ours, Taker { log: log.clone(), pauses });
    turn_until(reactor, "it is connected", || log.transport.borrow().is_some());
    (log, peer)
}

/// A pipe: the end to send, its open file, and the end that sees when no copy is left.
pub(crate) fn token() -> (OwnedFd, u64, File) {
    let (reader, writer) = io::pipe().unwrap();
    let writer = OwnedFd::from(writer);
    let number = inode(&writer);
    (writer, number, File::from(OwnedFd::from(reader)))
}

/// Whether every copy of the other end is closed; waits for it, as the kernel frees what is under way later.
pub(crate) fn is_closed(mut token: File) -> bool {
    token.read(&mut [0]).unwrap() == 0
}

/// Sends bytes with descriptors, as many in each control message as the groups have.
pub(crate) fn send_raw(peer: &UnixStream, data: &[u8], groups: &[&[&OwnedFd]]) {
    let mut control = [0_usize; 32];
    let mut piece = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    // SAFETY: the message and what it leads to outlive the call, and each header is within `control`.
    unsafe {
        let mut message: libc::msghdr = mem::zeroed();
        message.msg_iov = &raw mut piece;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = mem::size_of_val(&control);
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        let mut used = 0;
        for group in groups {
            let bytes = (group.len() * 4) as libc::c_uint;
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(bytes) as _;
            for (index, descriptor) in group.iter().enumerate() {
                let place = libc::CMSG_DATA(header).cast::<libc::c_int>().add(index);
                place.write_unaligned(descriptor.as_raw_fd());
            }
            used += libc::CMSG_SPACE(bytes) as usize;
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
        message.msg_controllen = used as _;
        let sent = libc::sendmsg(peer.as_raw_fd(), &raw const message, 0);
        assert_eq!(sent, data.len() as isize, "{}", io::Error::last_os_error());
    }
}

/// Has the kernel put the sender's credentials beside each message.
pub(crate) fn pass_credentials(socket: &UnixStream) {
    let on: libc::c_int = 1;
    // SAFETY: the pointer leads to an `int`, which outlives the call.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PASSCRED,
            (&raw const on).cast(),
            mem::size_of_val(&on) as libc::socklen_t,
        )
    };
    assert_eq!(set, 0);
}
