//! The built-in kinds: `tcp`, `tcp6` and `unix`.
//!
//! Invariant: all of them run on one reactor.

use alloc::rc::Rc;

use interfaces::{ReactorTcp, ReactorUnix, Resolver};

use crate::Registry;
use crate::tcp_reactor::TcpReactor;
use crate::tcp_strings::{Tcp6ClientParser, Tcp6ServerParser, TcpClientParser, TcpServerParser};
use crate::unix_strings::{UnixClientParser, UnixServerParser};

impl Registry {
    /// A registry with `tcp`, `tcp6` and `unix`, server and client, on this reactor.
    pub fn standard<R: ReactorTcp + ReactorUnix + Resolver + 'static>(reactor: R) -> Self {
        let reactor = Rc::new(reactor);
        let unix: Rc<dyn ReactorUnix> = reactor.clone();
        let tcp: Rc<dyn TcpReactor> = reactor;
        Registry::new()
            .with_server(TcpServerParser(Rc::clone(&tcp)))
            .with_server(Tcp6ServerParser(Rc::clone(&tcp)))
            .with_server(UnixServerParser(Rc::clone(&unix)))
            .with_client(TcpClientParser(Rc::clone(&tcp)))
            .with_client(Tcp6ClientParser(tcp))
            .with_client(UnixClientParser(unix))
    }
}
