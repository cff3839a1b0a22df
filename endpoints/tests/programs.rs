//! Real programs as connections, on the kernel.
//!
//! Invariant: each program ends by itself, or is killed by its test.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::rc::Rc;

use deferred::Deferred;
use interfaces::{ProcessReason, ReactorCore as _, Reason, SpawnError};
use protocol::connect_protocol;
use protocol::testing::{Record, Recorder};
use reactor::Reactor;
use ropewalk_endpoints::{ProcessClientParser, Registry};

/// Runs the program of this string until its connection is lost.
fn life(text: &str, input: &'static [u8]) -> Record {
    let reactor = Reactor::new().unwrap();
    let registry = Registry::new().with_client(ProcessClientParser::new(reactor.clone()));
    let record = Record::new();
    let stop = reactor.clone();
    let protocol = Recorder::new(&record)
        .on_made(move |transport| {
            transport.write(input);
            transport.as_half_closeable().unwrap().lose_write_connection();
        })
        .on_lost(move |_| {
            let _ = stop.stop();
        });
    let connected = connect_protocol(&*registry.client(text).unwrap(), protocol);
    let failed = Rc::new(RefCell::new(None));
    let (failure, stop) = (failed.clone(), reactor.clone());
    let _: Deferred<()> = connected.add_callback(|_| Ok(())).add_errback(move |error| {
        failure.replace(Some(error));
        let _ = stop.stop();
        Ok(())
    });
    reactor.run().unwrap();
    assert_eq!(failed.take().map(|failure| failure.to_string()), None);
    record
}

#[test]
fn sort_sorts_what_is_written_to_it() {
    let record = life("process:sort:-n", b"10\n9\n100\n");
    assert_eq!(record.received(), b"9\n10\n100\n");
    assert!(record.lost().unwrap().is_clean());
}

#[test]
fn a_shell_that_fails_is_an_unclean_end_with_its_code() {
    let record = life(r"process:sh:-c:echo out; echo err >&2; exit 3:stderr=drop", b"");
    assert_eq!(record.received(), b"out\n");
    let Some(Reason::Lost(cause)) = record.lost() else { panic!("{record:?}") };
    assert_eq!(cause.downcast_ref::<ProcessReason>().unwrap().exit_code(), Some(3));
}

#[test]
fn a_program_that_does_not_exist_fails_the_connect() {
    let reactor = Reactor::new().unwrap();
    let registry = Registry::new().with_client(ProcessClientParser::new(reactor));
    let endpoint = registry.client("process:/no/such/program").unwrap();
    let connected = connect_protocol(&*endpoint, Recorder::new(&Record::new()));
    let failure = testkit::result_of(connected).map(|_| ()).unwrap_err();
    assert!(failure.check::<SpawnError>(), "{failure:?}");
}
