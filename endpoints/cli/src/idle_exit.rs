//! `--exit-idle`: the end of a command that no client needs any more, for a server that is started by its
//! socket (systemd-socket-proxyd(8), `--exit-idle-time=`).
//!
//! Invariant: it ends as it does after SIGTERM, so a client that comes in that moment is served.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use interfaces::ReactorTime as _;
use protocol::policies::ConnectionTotal;
use reactor::Reactor;

use crate::app::App;
use crate::report;

/// The shortest time between two looks.
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// Ends the command when no connection of any worker was open for `limit`, which is noticed at most a quarter
/// of it later. Its drop ends the watch.
pub(crate) struct IdleWatch {
    reactor: Reactor,
    connections: ConnectionTotal,
    limit: Duration,
    /// When the last connection was seen, or the watch began.
    began: Cell<Duration>,
    /// The connections that there had been by then.
    counted: Cell<u64>,
}

impl IdleWatch {
    /// Begins to watch the connections of all workers.
    pub(crate) fn begin(app: &App, limit: Duration) -> Rc<Self> {
        let reactor = app.reactor.clone();
        let began = Cell::new(reactor.now());
        let connections = app.worker.connections().clone();
        let watch = Rc::new(Self { reactor, connections, limit, began, counted: Cell::new(0) });
        watch.look();
        watch
    }

    fn look(self: &Rc<Self>) {
        let counted = self.connections.counted();
        if self.connections.connections() > 0 || counted != self.counted.replace(counted) {
            self.began.set(self.reactor.now());
        }
        if self.reactor.now().saturating_sub(self.began.get()) < self.limit {
            return self.look_later();
        }
        report::note(format_args!("ended: no connection for {:?}, see --exit-idle", self.limit));
        // Every worker catches it.
        if let Err(error) = signal_hook::low_level::raise(libc::SIGTERM) {
            report::note(format_args!("error: cannot end: raise: {error}"));
        }
    }

    fn look_later(self: &Rc<Self>) {
        let this = Rc::downgrade(self);
        let look = move || this.upgrade().into_iter().for_each(|this| this.look());
        // It ends with the watch.
        drop(self.reactor.call_later((self.limit / 4).max(PAUSE_MIN), Box::new(look)));
    }
}
