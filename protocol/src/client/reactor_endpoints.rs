//! A reactor's own ways to connect, as endpoints: no names are looked up.
//!
//! Invariant: the options go to the reactor as they were given, at each attempt.

use alloc::rc::Rc;

use deferred::Deferred;
use interfaces::{ConnectTcp, ConnectUnix, Factory, ReactorTcp, ReactorUnix, StreamClientEndpoint};

pub(super) struct TcpOfReactor<R> {
    pub(super) reactor: R,
    pub(super) options: ConnectTcp,
}

impl<R: ReactorTcp> StreamClientEndpoint for TcpOfReactor<R> {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.reactor.connect_tcp(&self.options, factory)
    }
}

pub(super) struct UnixOfReactor<R> {
    pub(super) reactor: R,
    pub(super) options: ConnectUnix,
}

impl<R: ReactorUnix> StreamClientEndpoint for UnixOfReactor<R> {
    fn connect(&self, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.reactor.connect_unix(&self.options, factory)
    }
}
