//! `ropewalk serve`: one protocol on several endpoints.
//!
//! Invariant: no port opens before every endpoint is parsed.

use std::sync::Arc;

use protocol::policies::{ConnectionCount, TimeoutFactory, Timeouts};

use crate::app::App;
use crate::arguments::{Serve, Service};
use crate::dump::Dump;
use crate::exit_code::Exit;
use crate::limits::{keep_alive, limited, paced};
use crate::served::{self, Served};
use crate::server::{Server, StopHandle};
use crate::upgrade::Upgrade;
use crate::workers;

/// Serves until a signal ends it.
pub(crate) fn run(arguments: &Serve) -> Result<Exit, Exit> {
    arguments.reporting.begin_log();
    let served = Served::read(arguments)?;
    let dump = arguments.reporting.open_dump()?;
    let dump = dump.as_ref();
    workers::run(arguments.workers, arguments.peers, |app| serve(app, arguments, &served, dump))
}

fn serve(
    app: &App,
    arguments: &Serve,
    served: &Served,
    dump: Option<&Arc<Dump>>,
) -> Result<Exit, Exit> {
    server(app, arguments, served, dump)?.run(app)
}

/// The server, which listens on nothing yet.
pub(crate) fn server(
    app: &App,
    arguments: &Serve,
    served: &Served,
    dump: Option<&Arc<Dump>>,
) -> Result<Server, Exit> {
    let factory = served.factory(arguments.protocol, app);
    let listen = app.listen(&arguments.listen);
    let status = app.listen_alone(arguments.reporting.status.as_ref());
    let (listen, status) = (listen?, status?);
    let connections = ConnectionCount::new();
    let factory = arguments.reporting.around(factory, app, dump);
    let factory = connections.counting(factory);
    let clock = app.reactor.clone();
    let timed = TimeoutFactory::with_timeouts(factory, clock, timeouts(arguments));
    let handle = StopHandle::serve(timed.drain_handle());
    let (factory, rate) = paced(timed.into_rc(), arguments.peers, &app.reactor);
    let handle = handle.with_rate(rate);
    let factory = limited(
        factory,
        &connections,
        arguments.peers,
        served::descriptors(arguments.protocol),
        &app.worker,
    );
    let stopping = arguments.stopping;
    let upgrade = Upgrade::of(app, arguments.upgrading.upgrade.as_ref())?;
    let loop_check = None;
    Ok(Server { listen, status, factory, connections, stopping, handle, loop_check, upgrade })
}

fn timeouts(arguments: &Serve) -> Timeouts {
    let first_byte = match arguments.protocol {
        Service::Echo | Service::Discard | Service::HttpFile | Service::Redis | Service::Socks5 => {
            arguments.first_byte_timeout.0
        }
        // Their clients have nothing to say.
        Service::Chargen | Service::Daytime | Service::Time | Service::Qotd => None,
    };
    Timeouts::default()
        .with_first_byte(first_byte)
        .with_idle(arguments.idle_timeout.0)
        .with_keep_alive(keep_alive(arguments.peers.keep_alive))
}
