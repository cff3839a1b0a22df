//! `ropewalk pipe`: standard input and output joined to a connection.
//!
//! Invariant: it ends well only when the peer has closed in order and all that it sent is written.

use std::io;
use std::rc::Rc;

use deferred::Deferred;
use interfaces::{ReactorThreads, Reason, StreamClientEndpoint};

use crate::app::{Inherited, Workshop};
use crate::arguments::Pipe;
use crate::exit_code::Exit;
use crate::pipe::{Ends, Input, Output};
use crate::report;

/// Pipes until the connection is over.
pub(crate) fn run(arguments: &Pipe) -> Result<Exit, Exit> {
    let workshop = Workshop::new(Inherited::LeftAlone)?;
    let connect = workshop.connect(&arguments.connect)?;
    let threads: Rc<dyn ReactorThreads> = Rc::new(workshop.reactor.clone());
    Ok(workshop.run(pipe(connect, arguments.connect.clone(), threads)))
}

async fn pipe(
    connect: Rc<dyn StreamClientEndpoint>,
    text: String,
    threads: Rc<dyn ReactorThreads>,
) -> Exit {
    let input = Input::new(threads.clone(), io::stdin());
    let output = Output::new(threads, io::stdout());
    let (over, promise) = Deferred::<Reason>::new();
    let ends = Ends::new(input.clone(), output.clone(), promise);
    if let Err(failure) = protocol::connect_protocol(&*connect, ends).await {
        // Its promise went with the protocol, which never had a connection.
        let _cancelled = over.add_errback(|_| Ok(Reason::Aborted));
        report::failed(&text, &failure);
        return Exit::Unavailable;
    }
    let reason = over.await.unwrap_or(Reason::Aborted);
    // It never fails: a write that failed is told below.
    let _ = output.finished().await;
    ending(&text, &reason, &input, &output)
}

/// The first thing that went wrong is the cause of the rest.
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
