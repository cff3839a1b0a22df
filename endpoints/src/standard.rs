//! The built-in kinds: `tcp`, `tcp6` and `unix`.
//!
//! Invariant: all of them run on one reactor.

use alloc::rc::Rc;

use interfaces::{ReactorTcp, ReactorTime, ReactorUnix, Resolver};

use crate::Registry;
use crate::tcp_reactor::{ClientReactor, TcpReactor};
use crate::tcp_strings::{Tcp6ClientParser, Tcp6ServerParser, TcpClientParser, TcpServerParser};
use crate::unix_strings::{UnixClientParser, UnixServerParser};

impl Registry {
    /// A registry with `tcp`, `tcp6` and `unix`, server and client, on this reactor.
    pub fn standard<R>(reactor: R) -> Self
    where
        R: ReactorTcp + ReactorUnix + ReactorTime + Resolver + 'static,
    {
        let reactor = Rc::new(reactor);
        let unix: Rc<dyn ReactorUnix> = reactor.clone();
        let tcp: Rc<dyn TcpReactor> = reactor.clone();
        let time: Rc<dyn ReactorTime> = reactor.clone();
        let client: Rc<dyn ClientReactor> = reactor;
        Registry::new()
            .with_server(TcpServerParser(Rc::clone(&tcp)))
            .with_server(Tcp6ServerParser(tcp))
            .with_server(UnixServerParser(Rc::clone(&unix)))
            .with_client(TcpClientParser(Rc::clone(&client)))
            .with_client(Tcp6ClientParser(client))
            .with_client(UnixClientParser { reactor: unix, time })
    }
}
