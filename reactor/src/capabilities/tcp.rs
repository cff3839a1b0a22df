//! `ReactorTcp`; Twisted's `IReactorTCP`.
//!
//! Invariant: an error of listening leaves neither a socket nor a slot behind.

use std::rc::Rc;

use deferred::Deferred;
use interfaces::{Address, ConnectTcp, Factory, ListenError, ListenTcp, ListeningPort, ReactorTcp};

use crate::connect::attempt::Attempt;
use crate::listen::port::Port;
use crate::reactor::Reactor;
use crate::sys::StreamSys;

impl<S: StreamSys> ReactorTcp for Reactor<S> {
    fn listen_tcp(
        &self,
        options: &ListenTcp,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        let listener = self.core().sys.listen_tcp(options)?;
        let address = || Address::from(options.address);
        Port::listen(self.core(), address, listener, factory)
    }

    fn connect_tcp(&self, options: &ConnectTcp, factory: Rc<dyn Factory>) -> Deferred<()> {
        Attempt::tcp(self.core(), options, factory)
    }
}
