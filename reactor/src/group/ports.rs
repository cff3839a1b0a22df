//! The ports of a group: the member that listens first opens one, the others that listen on the same join
//! it.
//!
//! Invariant: a port is on the list before its first connection is accepted, and off it before it is closed.

use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::rc::Rc;
use std::sync::Arc;

use interfaces::{
    Address, Factory, ListenError, ListenTcp, ListenUnix, ListeningPort, ReactorTcp as _,
};

use super::handing::Handing;
use super::joined_port::JoinedPort;
use super::member::Member;
use super::sent_address::SentAddress;
use super::shared_port::{PortKey, SharedPort};
use crate::kernel::KernelListener;
use crate::listen::port::Port;
use crate::sys::StreamSys as _;

/// A free port that one member found, for the others to bind to, too.
pub(super) struct ReusedPort {
    asked: SocketAddr,
    address: SocketAddr,
    members: Vec<usize>,
}

impl Member {
    /// Listens on a TCP address whose connections go to the member with the fewest.
    pub(super) fn share_tcp(
        &self,
        options: &ListenTcp,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        let address = Address::from(options.address);
        let key = PortKey::Asked(SentAddress::of(&address));
        self.share(&key, factory, || self.reactor().core().sys.listen_tcp(options))
    }

    /// Listens on a UNIX address whose connections go to the member with the fewest.
    pub(super) fn share_unix(
        &self,
        options: &ListenUnix,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        let address = Address::Unix(options.address.clone());
        let key = PortKey::Asked(SentAddress::of(&address));
        self.share(&key, factory, || self.reactor().core().sys.listen_unix(options))
    }

    /// Shares a socket that listens. Each member gives a copy of its descriptor.
    pub(super) fn share_adopted(
        &self,
        descriptor: OwnedFd,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        let file = File::from(descriptor);
        let metadata = file.metadata().map_err(|error| ListenError::Unsuitable {
            reason: format!("it cannot be told from others: {error}"),
        })?;
        let key = PortKey::Socket(metadata.dev(), metadata.ino());
        let adopt = || self.reactor().core().sys.adopt_listener(OwnedFd::from(file));
        self.share(&key, factory, adopt)
    }

    /// Shares a socket of an address that the first member opens with `open`.
    pub(super) fn share_opened(
        &self,
        address: &Address,
        open: &mut dyn FnMut() -> Result<OwnedFd, ListenError>,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        let key = PortKey::Asked(SentAddress::of(address));
        self.share(&key, factory, || self.reactor().core().sys.adopt_listener(open()?))
    }

    fn share(
        &self,
        key: &PortKey,
        factory: Rc<dyn Factory>,
        open: impl FnOnce() -> Result<KernelListener, ListenError>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        let (core, member) = (self.reactor().core(), self.index());
        let mut ports = self.shared().ports();
        let unjoined = |port: &&Arc<SharedPort>| port.key == *key && !port.has(member);
        while let Some(port) = ports.iter().find(unjoined).cloned() {
            drop(ports);
            if let Some(joined) = JoinedPort::join(core, &port, member, &factory) {
                return Ok(joined);
            }
            // It was closed meanwhile, and is off the list.
            ports = self.shared().ports();
        }
        // With the list locked, so that no other member opens the same.
        let listener = open()?;
        let address = core.sys.listener_address(&listener);
        let port = SharedPort::new(key.clone(), SentAddress::of(&address), member);
        let port = Arc::new(port);
        ports.push(Arc::clone(&port));
        drop(ports);
        let handing = Box::new(Handing { group: Arc::clone(self.shared()), port });
        Port::listen_for_several(core, || address, listener, factory, Some(handing))
    }

    /// Listens on a TCP address with a socket of this member's own, as each of the others does.
    pub(super) fn listen_reusing(
        &self,
        options: &ListenTcp,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        let mut reusing = options.clone();
        reusing.options = reusing.options.with_reuse_port(true);
        if options.address.port() != 0 {
            return self.reactor().listen_tcp(&reusing, factory);
        }
        let (asked, member) = (options.address, self.index());
        let mut reused = self.shared().reused_ports();
        let found = reused.iter_mut().find(|it| it.asked == asked && !it.members.contains(&member));
        let Some(found) = found else {
            let listener = self.reactor().core().sys.listen_tcp(&reusing)?;
            let bound = self.reactor().core().sys.listener_address(&listener);
            let address = bound.as_socket_addr().unwrap_or(asked);
            reused.push(ReusedPort { asked, address, members: vec![member] });
            drop(reused);
            return Port::listen(self.reactor().core(), || bound, listener, factory);
        };
        found.members.push(member);
        reusing.address = found.address;
        drop(reused);
        self.reactor().listen_tcp(&reusing, factory)
    }
}
