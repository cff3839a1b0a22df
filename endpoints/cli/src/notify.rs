//! What the command tells the service manager that started it, if one did: `NOTIFY_SOCKET` and
//! `WATCHDOG_USEC` (sd_notify(3)).
//!
//! Invariant: a wrong variable costs a warning, and the command works without.

use std::cell::Cell;
use std::rc::Rc;

use deferred::Chain;
use interfaces::ListeningPort;
use protocol::policies::ConnectionTotal;
use systemd::{ManagedService, Notification, Notifier, NotifyError, Watchdog, WatchedLoop};

use crate::app::App;
use crate::report;

/// The manager, for all workers.
#[derive(Debug, Default)]
pub(crate) struct Manager {
    notifier: Option<Notifier>,
    watchdog: Option<Watchdog>,
}

impl Manager {
    /// The one that the environment names.
    pub(crate) fn from_environment() -> Self {
        let notifier = Notifier::from_environment().unwrap_or_else(unknown);
        let watchdog = notifier.as_ref().map(Watchdog::from_environment);
        let watchdog = watchdog.and_then(|watchdog| watchdog.unwrap_or_else(unknown));
        Self { notifier, watchdog }
    }

    /// Whether there is one.
    pub(crate) fn is_there(&self) -> bool {
        self.notifier.is_some()
    }
}

/// How far the command is, as the manager was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServiceState {
    Starting,
    Running,
    Stopping,
}

/// What one worker tells the manager; its loop is watched until this is dropped.
pub(crate) struct Notify {
    service: ManagedService,
    connections: ConnectionTotal,
    state: Cell<ServiceState>,
    _watched: Option<WatchedLoop>,
}

impl Notify {
    /// For this worker.
    pub(crate) fn new(app: &App) -> Rc<Self> {
        let manager = app.worker.manager();
        let (notifier, reactor) = (manager.notifier.clone(), app.reactor.clone());
        Rc::new(Self {
            service: ManagedService::new(notifier, reactor.clone(), warn),
            connections: app.worker.connections().clone(),
            state: Cell::new(ServiceState::Starting),
            _watched: manager.watchdog.as_ref().map(|watchdog| watchdog.watch(reactor)),
        })
    }

    /// All workers listen.
    pub(crate) fn ready(&self, ports: &[Rc<dyn ListeningPort>]) {
        let hosts: Vec<String> =
            ports.iter().flat_map(|port| port.hosts()).map(|host| host.to_string()).collect();
        self.state.set(ServiceState::Running);
        self.service.ready(&format!("listening on {}", hosts.join(", ")));
    }

    /// Reloads. The manager is told before and after it, as `Type=notify-reload` wants; not of a service that has
    /// not started, or that ends.
    pub(crate) fn reload(&self, reload: impl FnOnce()) {
        match self.state.get() {
            ServiceState::Starting | ServiceState::Stopping => reload(),
            ServiceState::Running => {
                self.service.reloading();
                reload();
                self.service.notify(Notification::new().ready());
            }
        }
    }

    /// A signal has come: from now on the manager gets the number of connections that are left, each second.
    pub(crate) fn draining(&self) {
        self.state.set(ServiceState::Stopping);
        let connections = self.connections.clone();
        self.service.draining(move || match connections.connections() {
            1 => "stopping: 1 connection is left".into(),
            left => format!("stopping: {left} connections are left"),
        });
    }
}

fn unknown<T>(error: NotifyError) -> Option<T> {
    warn(&error);
    None
}

fn warn(error: &NotifyError) {
    report::note(format_args!("warning: {}", Chain(error)));
}
