//! `ropewalk relay`: every connection accepted is joined to a new one.
//!
//! Invariant: a shutdown waits for both connections of each pair.

use std::rc::Rc;
use std::sync::Arc;

use deferred::Chain;
use endpoints::{Description, FailoverClientEndpoint, ServerString};
use interfaces::{Deadline, Reason, StreamClientEndpoint};
use protocol::relay::{RelayEvent, RelayFactory, RelayOptions};

use crate::app::App;
use crate::arguments::Relay;
use crate::dump::Dump;
use crate::exit_code::Exit;
use crate::limits::{Descriptors, keep_alive, limited, paced};
use crate::log::Kind;
use crate::loop_check::LoopCheck;
use crate::report;
use crate::server::{Server, StopHandle};
use crate::status::{BackEndCheck, Board};
use crate::upgrade::Upgrade;
use crate::usage;
use crate::warnings;
use crate::workers;

/// Relays until a signal ends it.
pub(crate) fn run(arguments: &Relay) -> Result<Exit, Exit> {
    arguments.reporting.begin_log();
    let dump = arguments.reporting.open_dump()?;
    let dump = dump.as_ref();
    workers::run(arguments.workers, arguments.peers, |app| relay(app, arguments, dump))
}

fn relay(app: &App, arguments: &Relay, dump: Option<&Arc<Dump>>) -> Result<Exit, Exit> {
    let (server, check) = server(app, arguments, dump)?;
    let exit = server.run(app);
    drop(check);
    exit
}

/// The relay, which listens on nothing yet, and the look at its back end while its status is asked for.
pub(crate) fn server(
    app: &App,
    arguments: &Relay,
    dump: Option<&Arc<Dump>>,
) -> Result<(Server, Option<Rc<BackEndCheck>>), Exit> {
    // Both are parsed before either returns, so that both mistakes are reported at once.
    let listen = app.listen(&arguments.listen);
    let connect = connect(app, arguments);
    let status = app.listen_alone(arguments.reporting.status.as_ref());
    if listen.is_err() && connect.is_err() {
        let texts: Vec<_> = arguments.listen.iter().map(ServerString::as_str).collect();
        usage::tell_swapped(app, &texts, arguments.connect.as_str());
    }
    let (listen, connect, status) = (listen?, connect?, status?);
    let loop_check = Rc::new(LoopCheck::default());
    let board = app.worker.board();
    let observer = observer(arguments.connect.as_str(), &loop_check, board);
    let mut places = std::iter::once(&arguments.connect).chain(&arguments.backup);
    let may_be_visited = places.all(|place| is_visited(app, place.as_str()));
    let check = status.as_ref().filter(|_| may_be_visited).map(|_| {
        let text = arguments.connect.to_string();
        BackEndCheck::begin(connect.clone(), text, board, &app.reactor)
    });
    let clock = app.reactor.clone();
    let relay = RelayFactory::with_observer(connect, clock, options(arguments), observer);
    let (connections, handle) = (relay.pairs(), StopHandle::relay(relay.stop_handle()));
    let factory = arguments.reporting.around(relay.into_rc(), app, dump);
    let (factory, rate) = paced(factory, arguments.peers, &app.reactor);
    let handle = handle.with_rate(rate);
    let factory = limited(factory, &connections, arguments.peers, Descriptors::Two, &app.worker);
    let stopping = arguments.stopping;
    let upgrade = Upgrade::of(app, arguments.upgrading.upgrade.as_ref())?;
    let loop_check = Some(loop_check);
    let server =
        Server { listen, status, factory, connections, stopping, handle, loop_check, upgrade };
    Ok((server, check))
}

/// Whether a connection to this place may be made for nothing: to a program it would start one.
fn is_visited(app: &App, text: &str) -> bool {
    app.parse_client(text).is_ok_and(|parsed| !starts_program(&parsed.description))
}

fn starts_program(description: &Description) -> bool {
    description.layers.iter().any(|layer| layer == "process")
        || warnings::inner(description).any(starts_program)
}

/// The endpoint to connect to, with those that are tried after it.
fn connect(app: &App, arguments: &Relay) -> Result<Rc<dyn StreamClientEndpoint>, Exit> {
    let limit = arguments.connect_timeout;
    let first = app.connect_within(&arguments.connect, limit);
    let backups = arguments.backup.iter().map(|text| (text, app.connect_within(text, limit)));
    let backups: Vec<_> = backups.collect();
    let first = first?;
    if backups.is_empty() {
        return Ok(first);
    }
    let mut endpoint = FailoverClientEndpoint::new(arguments.connect.as_str(), first);
    for (text, backup) in backups {
        endpoint = endpoint.or(text.as_str(), backup?);
    }
    Ok(Rc::new(endpoint))
}

fn options(arguments: &Relay) -> RelayOptions {
    RelayOptions::default()
        .with_idle(arguments.idle_timeout.0)
        .with_half_closed(arguments.half_close_timeout.0)
        .with_retry(arguments.retry.0)
        .with_keep_alive(keep_alive(arguments.peers.keep_alive))
}

/// Reports what happens to the pairs.
fn observer(
    text: &str,
    loop_check: &Rc<LoopCheck>,
    board: &Arc<Board>,
) -> impl Fn(&RelayEvent<'_>) + 'static {
    let (text, loop_check, board) = (Rc::<str>::from(text), loop_check.clone(), board.clone());
    move |event| match event {
        RelayEvent::Connected { transport, .. } => {
            board.metrics.dialled(None);
            board.readiness.set_back_end_up();
            loop_check.connected(&transport.host(), &transport.peer());
        }
        RelayEvent::NotConnected { peer, failure } => {
            let chain = Chain(failure.as_error());
            board.metrics.dialled(Some(failure));
            board.readiness.set_back_end_down(&text, &chain.to_string());
            let text = format_args!("error: relaying {peer} to {text}: {chain}");
            report::repeated(Kind::Dial, text);
        }
        // Its limit is told with the accepted connection.
        RelayEvent::Broken { reason: Reason::TimedOut(Deadline::Total), .. } => {}
        RelayEvent::Broken { peer, side, reason } => {
            let chain = Chain(*reason);
            let text = format_args!("error: relaying {peer} to {text}: {side}: {chain}");
            report::repeated(Kind::Connection, text);
        }
        RelayEvent::TimedOut { peer, deadline } => {
            let text = format_args!("warning: relaying {peer} to {text}: {deadline} timed out");
            report::repeated(Kind::TimeLimit, text);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use systemd::ListenFds;

    #[test]
    fn a_program_is_not_started_for_a_visit_at_any_depth() {
        let app = App::new(ListenFds::default()).expect("a reactor");
        for (text, expected) in [
            ("tcp:localhost:1", true),
            ("process:cat", false),
            ("haproxy:process:cat", false),
            ("sni:for=a:tcp:h:1:for=*:process:cat", false),
            ("sni:for=a:tcp:h:1:for=*:unix:/a", true),
        ] {
            assert_eq!(is_visited(&app, text), expected, "{text}");
        }
    }
}
