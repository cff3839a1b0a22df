//! `--upgrade`: the listening sockets of a version that runs, for the next one.
//!
//! ```text
//!   old: listens on PATH ──◀── connects ── new: has opened nothing
//!        each socket, its address ──────▶  opens its endpoints, with these where the addresses are the same
//!        releases its ports  ◀── ready ──  accepts
//!        leaves PATH, drains ─── gone ──▶  listens on PATH
//! ```
//!
//! Both accept from one queue until the old one has released its ports, so no client is refused. Until `ready` has
//! come, the old version has changed nothing: the end of the new one in the middle leaves it as it was.
//!
//! Invariant: sockets are given to and taken from a process of this user or of root alone.

mod messages;
mod predecessor;
mod reactor;
mod sockets;
mod successor;

use std::cell::RefCell;
use std::rc::Rc;

use ::reactor::Reactor;
use deferred::Failure;
use endpoints::{UnixClientConfig, UnixServerConfig};

use crate::app::App;
use crate::exit_code::Exit;
use crate::report;

pub(crate) use self::reactor::UpgradeReactor;
use predecessor::{Predecessor, take_over};
pub(crate) use sockets::Sockets;
use successor::listen_for_successor;

/// The upgrade of one command: from the version before, and to the next.
pub(crate) struct Upgrade {
    reactor: Reactor,
    path: UnixServerConfig,
    sockets: Rc<Sockets>,
    predecessor: RefCell<Option<Predecessor>>,
}

impl Upgrade {
    /// The one of this path, if one is given.
    ///
    /// # Errors
    ///
    /// The exit code, for a command of several workers; it was reported.
    pub(crate) fn of(app: &App, path: Option<&UnixServerConfig>) -> Result<Option<Self>, Exit> {
        let Some(path) = path else { return Ok(None) };
        let Some(sockets) = app.sockets.clone() else {
            report::note("error: --upgrade is for one worker: leave --workers out");
            return Err(Exit::Usage);
        };
        let (reactor, path) = (app.reactor.clone(), path.clone());
        Ok(Some(Self { reactor, path, sockets, predecessor: RefCell::default() }))
    }

    /// Takes the sockets of the version that runs, before the first port is opened.
    ///
    /// # Errors
    ///
    /// The exit code, where there is one that has not given them; it was reported.
    pub(crate) async fn begin(&self) -> Result<(), Exit> {
        let client = UnixClientConfig::new(self.path.address.clone());
        let taken = match client.client(self.reactor.clone()) {
            Ok(client) => take_over(&self.reactor, &client, &self.sockets).await,
            Err(mistake) => Err(Failure::new(mistake)),
        };
        match taken {
            Ok(predecessor) => drop(self.predecessor.replace(predecessor)),
            Err(failure) => {
                report::failed(&self.path.to_string(), &failure);
                return Err(Exit::of(&failure));
            }
        }
        Ok(())
    }

    /// Has the version before leave, and waits for the next one; `leave` is called when that accepts.
    pub(crate) async fn complete(&self, leave: impl Fn() + 'static) {
        for address in self.sockets.close_unclaimed() {
            report::note(format_args!("note: no endpoint wants {address} of the version before"));
        }
        let predecessor = self.predecessor.take();
        if let Some(predecessor) = predecessor {
            predecessor.relieve(&self.reactor).await;
        }
        let listens = match self.path.server(self.reactor.clone()) {
            Ok(server) => listen_for_successor(&server, &self.sockets, leave).await,
            Err(mistake) => Err(Failure::new(mistake)),
        };
        if let Err(failure) = listens {
            report::note(format_args!("warning: no next version can take over: {failure:#}"));
        }
    }
}
