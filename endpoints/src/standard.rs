//! The built-in kinds: `tcp`, `tcp6` and `unix`.
//!
//! Invariant: all of them run on one reactor.

use alloc::rc::Rc;

use interfaces::{ReactorTcp, ReactorTime, ReactorUnix, Resolver};

use crate::Registry;
use crate::config::TcpKind;
use crate::tcp_reactor::{ClientReactor, TcpReactor};
use crate::tcp_strings::{TcpClientParser, TcpServerParser};
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
        let mut registry = Registry::new();
        for kind in [TcpKind::Tcp, TcpKind::Tcp6] {
            let (server, client) = (Rc::clone(&tcp), Rc::clone(&client));
            registry = registry
                .with_server(TcpServerParser { kind, reactor: server })
                .with_client(TcpClientParser { kind, reactor: client });
        }
        registry
            .with_server(UnixServerParser(Rc::clone(&unix)))
            .with_client(UnixClientParser { reactor: unix, time })
    }
}
