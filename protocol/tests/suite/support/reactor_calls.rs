//! A reactor that keeps the options of what it is to connect, and connects by hand.

use std::cell::RefCell;
use std::rc::Rc;

use deferred::Deferred;
use interfaces::{
    ConnectTcp, ConnectUnix, Factory, ListenError, ListenTcp, ListenUnix, ListeningPort,
    ReactorTcp, ReactorUnix, StreamClientEndpoint as _,
};

use super::by_hand::ByHand;

/// A clone is the same reactor.
#[derive(Clone, Default)]
pub(crate) struct ReactorCalls {
    pub(crate) endpoint: ByHand,
    pub(crate) tcp: Rc<RefCell<Vec<ConnectTcp>>>,
    pub(crate) unix: Rc<RefCell<Vec<ConnectUnix>>>,
}

impl ReactorTcp for ReactorCalls {
    fn listen_tcp(
        &self,
        _: &ListenTcp,
        _: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        panic!("a client does not listen")
    }

    fn connect_tcp(&self, options: &ConnectTcp, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.tcp.borrow_mut().push(options.clone());
        self.endpoint.connect(factory)
    }
}

impl ReactorUnix for ReactorCalls {
    fn listen_unix(
        &self,
        _: &ListenUnix,
        _: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        panic!("a client does not listen")
    }

    fn connect_unix(&self, options: &ConnectUnix, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.unix.borrow_mut().push(options.clone());
        self.endpoint.connect(factory)
    }
}
