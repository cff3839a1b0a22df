//! `ropewalk pipe`: standard input and output joined to a connection.
//!
//! Invariant: the exit code is 0 only if the peer closed in order and every byte from it is written.

use std::io;
use std::rc::Rc;

use deferred::Deferred;
use interfaces::{ReactorThreads, Reason, StreamClientEndpoint};

use crate::app::{App, Inherited};
use crate::arguments::Pipe;
use crate::exit_code::Exit;
use crate::pipe::{Input, Output, StdioProtocol};
use crate::report;

/// Pipes until the connection is over.
pub(crate) fn run(arguments: &Pipe) -> Result<Exit, Exit> {
    let app = App::new(Inherited::LeftAlone)?;
    let connect = app.connect(&arguments.connect)?;
    Ok(app.run(pipe(connect, arguments.connect.clone(), app.reactor.clone())))
}

async fn pipe(
    connect: Rc<dyn StreamClientEndpoint>,
    text: String,
    threads: impl ReactorThreads + Clone + 'static,
) -> Exit {
    let input = Input::new(threads.clone(), io::stdin());
    let output = Output::new(threads, io::stdout());
    let (over, promise) = Deferred::<Reason>::new();
    let protocol = StdioProtocol::new(input.clone(), output.clone(), promise);
    if let Err(failure) = protocol::connect_protocol(&*connect, protocol).await {
        // The protocol, which never had a connection, is dropped with the promise.
        let _cancelled = over.add_errback(|_| Ok(Reason::Aborted));
        report::failed(&text, &failure);
        return Exit::Unavailable;
    }
    let reason = over.await.unwrap_or(Reason::Aborted);
    // It never fails; a failed write is reported below.
    let _ = output.finished().await;
    ending(&text, &reason, &input, &output)
}

/// Reports the first error, as it is the cause of the others.
fn ending(text: &str, reason: &Reason, input: &Input, output: &Output) -> Exit {
    if let Some(error) = output.take_failure() {
        report::note(format_args!("error: cannot write to standard output: {error}"));
    } else if let Some(error) = input.take_failure() {
        report::note(format_args!("error: cannot read standard input: {error}"));
    } else if reason.is_clean() {
        return Exit::Done;
    } else {
        report::failed(text, &deferred::Failure::new(reason.clone()));
    }
    Exit::Unavailable
}
