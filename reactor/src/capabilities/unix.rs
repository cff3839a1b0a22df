//! `ReactorUnix`; Twisted's `IReactorUNIX`.
//!
//! Invariant: an error of listening leaves neither a socket, a path nor a slot behind.

use std::rc::Rc;

use deferred::Deferred;
use interfaces::{
    Address, ConnectUnix, Factory, ListenError, ListenUnix, ListeningPort, ReactorUnix,
};

use crate::connect::attempt::Attempt;
use crate::listen::port::Port;
use crate::reactor::Reactor;
use crate::sys::StreamSys;

impl<S: StreamSys> ReactorUnix for Reactor<S> {
    fn listen_unix(
        &self,
        options: &ListenUnix,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        let listener = self.core().sys.listen_unix(options)?;
        let address = || Address::Unix(options.address.clone());
        Port::listen(self.core(), address, listener, factory)
    }

    fn connect_unix(&self, options: &ConnectUnix, factory: Rc<dyn Factory>) -> Deferred<()> {
        Attempt::unix(self.core(), options, factory)
    }
}
