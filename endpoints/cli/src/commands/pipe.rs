//! `ropewalk pipe`: standard input and output joined to a connection.
//!
//! Invariant: the exit code is 0 only if the peer closed in order and every byte from it is written.

use std::rc::Rc;

use deferred::Deferred;
use interfaces::{ReactorStdio as _, Reason, StreamClientEndpoint};
use reactor::Reactor;
use systemd::ListenFds;

use crate::app::App;
use crate::arguments::Pipe;
use crate::exit_code::Exit;
use crate::pipe::{Directions, Joint, NetworkSide, Outcome, PipeOptions, Trouble};
use crate::report;

/// Pipes until the connection is over.
pub(crate) fn run(arguments: &Pipe) -> Result<Exit, Exit> {
    let app = App::new(ListenFds::default())?;
    let connect = app.connect(&arguments.connect)?;
    let options = PipeOptions {
        half_closes: !arguments.no_half_close,
        directions: match (arguments.receive_only, arguments.send_only) {
            (true, _) => Directions::Receive,
            (_, true) => Directions::Send,
            (false, false) => Directions::Both,
        },
        silence: arguments.half_close_timeout.0,
    };
    Ok(app.run(pipe(connect, arguments.connect.to_string(), options, app.reactor.clone())))
}

async fn pipe(
    connect: Rc<dyn StreamClientEndpoint>,
    text: String,
    options: PipeOptions,
    reactor: Reactor,
) -> Exit {
    let (over, promise) = Deferred::<Outcome>::new();
    let stdio = reactor.clone();
    let joint = Joint::new(reactor, options, move |side| stdio.open_stdio(side), promise);
    if let Err(failure) = protocol::connect_protocol(&*connect, NetworkSide(joint)).await {
        // The joint, which never had a connection, is dropped with the promise.
        let _cancelled = over.add_errback(|_| Ok(lost_promise()));
        report::failed(&text, &failure);
        return Exit::of(&failure);
    }
    ending(&text, over.await.unwrap_or_else(|_| lost_promise()))
}

/// The outcome of a joint that was dropped.
fn lost_promise() -> Outcome {
    Outcome { reason: Reason::Aborted, trouble: None }
}

fn ending(text: &str, outcome: Outcome) -> Exit {
    match outcome.trouble {
        Some(Trouble::Output(error)) => {
            report::note(format_args!("error: cannot write to standard output: {error}"));
        }
        Some(Trouble::Input(error)) => {
            report::note(format_args!("error: cannot read standard input: {error}"));
        }
        None if outcome.reason.is_clean() => return Exit::Done,
        None => report::failed(text, &deferred::Failure::new(outcome.reason)),
    }
    Exit::Unavailable
}
