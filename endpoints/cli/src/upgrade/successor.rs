//! The side of the version that runs: it waits for the next one, gives it the sockets, and leaves when that accepts.
//!
//! Invariant: nothing has changed here before the next version is ready.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use deferred::Failure;
use interfaces::{ListeningPort, Protocol, StreamServerEndpoint, Transport};
use protocol::policies::LimitTotalConnectionsFactory;

use super::Sockets;
use super::messages::{END, GONE, Lines, READY, SOCKET, is_trusted};
use crate::report;

/// The most versions that ask at a time; the others wait.
const SUCCESSORS_MAX: usize = 4;

/// Begins to listen for the next version. `leave` is called once that one has the sockets and accepts.
///
/// # Errors
///
/// When it cannot listen there.
pub(crate) async fn listen_for_successor(
    endpoint: &dyn StreamServerEndpoint,
    sockets: &Rc<Sockets>,
    leave: impl Fn() + 'static,
) -> Result<(), Failure> {
    let giving = Rc::new(Giving {
        sockets: sockets.clone(),
        port: RefCell::default(),
        leave: Box::new(leave),
    });
    let weak = Rc::downgrade(&giving);
    let factory =
        protocol::factory_fn(move |_| Asked { giving: weak.clone(), lines: Lines::default() });
    let factory = LimitTotalConnectionsFactory::new(factory, SUCCESSORS_MAX).into_rc();
    let port = endpoint.listen(factory).await?;
    giving.port.replace(Some(Kept { port, _giving: giving.clone() }));
    Ok(())
}

/// What the next version gets.
struct Giving {
    sockets: Rc<Sockets>,
    /// The port of the upgrade, until it is left; it keeps this alive.
    port: RefCell<Option<Kept>>,
    leave: Box<dyn Fn()>,
}

struct Kept {
    port: Rc<dyn ListeningPort>,
    _giving: Rc<Giving>,
}

impl Giving {
    /// Gives the ports up, and begins to leave.
    fn go(&self, transport: &Rc<dyn Transport>) {
        let kept = self.port.take();
        let Some(kept) = kept else { return };
        self.sockets.release();
        let transport = transport.clone();
        let _closed = kept.port.stop_listening().add_both(move |_| {
            transport.write(format!("{GONE}\n").as_bytes());
            transport.lose_connection();
            Ok::<(), Failure>(())
        });
        report::note("the next version has the sockets, and this one ends");
        (self.leave)();
    }
}

/// One connection of a version that wants the sockets.
struct Asked {
    giving: Weak<Giving>,
    lines: Lines,
}

impl Protocol for Asked {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        let (Some(giving), Some(unix)) = (self.giving.upgrade(), transport.as_unix()) else {
            return transport.abort_connection();
        };
        if !is_trusted(transport) {
            report::note("warning: --upgrade: refused a process of another user");
            return transport.abort_connection();
        }
        for (address, socket) in giving.sockets.copies() {
            unix.send_file_descriptor(socket);
            transport.write(format!("{SOCKET}{address}\n").as_bytes());
        }
        transport.write(format!("{END}\n").as_bytes());
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        match self.lines.take(data).as_deref() {
            Some([]) => {}
            Some([line]) if line == READY => {
                if let Some(giving) = self.giving.upgrade() {
                    giving.go(transport);
                }
            }
            _ => transport.abort_connection(),
        }
    }
}
