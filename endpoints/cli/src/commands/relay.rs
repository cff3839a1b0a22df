//! `ropewalk relay`: every connection accepted is joined to a new one.
//!
//! Invariant: a shutdown waits for both connections of each pair.

use std::rc::Rc;

use deferred::Chain;
use protocol::relay::{RelayEvent, RelayFactory, RelayOptions};

use crate::app::App;
use crate::arguments::Relay;
use crate::connection_report;
use crate::exit_code::Exit;
use crate::limits::{Descriptors, keep_alive, limited};
use crate::log::Kind;
use crate::loop_check::LoopCheck;
use crate::report;
use crate::server::{Server, StopHandle};
use crate::workers;

/// Relays until a signal ends it.
pub(crate) fn run(arguments: &Relay) -> Result<Exit, Exit> {
    workers::run(arguments.workers, arguments.peers, |app| relay(app, arguments))
}

fn relay(app: &App, arguments: &Relay) -> Result<Exit, Exit> {
    // Both are parsed before either returns, so that both mistakes are reported at once.
    let listen = app.listen(std::slice::from_ref(&arguments.listen));
    let connect = app.connect_within(&arguments.connect, arguments.connect_timeout);
    let (listen, connect) = (listen?, connect?);
    let loop_check = Rc::new(LoopCheck::default());
    let observer = observer(&arguments.connect, &loop_check);
    let clock = app.reactor.clone();
    let relay = RelayFactory::with_observer(connect, clock, options(arguments), observer);
    let (connections, handle) = (relay.pairs(), StopHandle::Relay(relay.stop_handle()));
    let factory = connection_report::around(relay.into_rc());
    let factory = limited(factory, &connections, arguments.peers, Descriptors::Two, &app.worker);
    let grace = arguments.stopping.grace;
    let loop_check = Some(loop_check);
    Server { listen, factory, connections, grace, handle, loop_check }.run(app)
}

fn options(arguments: &Relay) -> RelayOptions {
    RelayOptions::default()
        .with_idle(arguments.idle_timeout.0)
        .with_half_closed(arguments.half_close_timeout.0)
        .with_retry(arguments.retry.0)
        .with_keep_alive(keep_alive(arguments.peers.keep_alive))
}

/// Reports what happens to the pairs.
fn observer(text: &str, loop_check: &Rc<LoopCheck>) -> impl Fn(&RelayEvent<'_>) + 'static {
    let (text, loop_check) = (Rc::<str>::from(text), loop_check.clone());
    move |event| match event {
        RelayEvent::Connected { transport, .. } => {
            loop_check.connected(&transport.host(), &transport.peer());
        }
        RelayEvent::NotConnected { peer, failure } => {
            let chain = Chain(failure.as_error());
            let text = format_args!("error: relaying {peer} to {text}: {chain}");
            report::repeated(Kind::Dial, text);
        }
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
