//! A process as a connection: which event becomes which, and which call reaches the process.
//!
//! Invariant: no process is spawned.

use std::cell::RefCell;
use std::rc::Rc;

use deferred::{Cancelled, Deferred};
use interfaces::{
    Address, BufferLimits, ChildDescriptor, ChildDescriptors, ConnectError, Environment,
    ExitStatus, ProcessGroup, ProcessReason, Producer, PullProducer, Reason, SpawnError,
    SpawnProcess, StreamClientEndpoint as _, Transport, WindowSize,
};
use protocol::testing::{Record, Recorder};
use protocol::{FactoryFn, connect_protocol};
use ropewalk_endpoints::{ProcessEndpoint, StandardErrorBehavior};
use testkit::result_of;

use crate::process_double::{Process, Processes};

const KILLED: ProcessReason =
    ProcessReason::Terminated(ExitStatus::Signaled { signal: 9, core_dumped: false });

fn cat() -> SpawnProcess {
    SpawnProcess::new("cat")
}

/// A connect that is not decided, and what its protocol sees.
fn connecting(processes: &Processes) -> (Deferred<()>, Record) {
    let record = Record::new();
    let endpoint = ProcessEndpoint::new(processes.clone(), cat());
    let connected = connect_protocol(&endpoint, Recorder::new(&record));
    (connected.add_callback(|_| Ok(())), record)
}

/// A process that runs.
fn running() -> (Processes, Record, Rc<dyn Transport>) {
    let processes = Processes::default();
    let (connected, record) = connecting(&processes);
    processes.runs();
    result_of(connected).unwrap();
    let transport = record.transport();
    (processes, record, transport)
}

/// Twisted's environment is empty by default, and its standard error goes through a log.
#[test]
fn by_default_a_program_has_no_arguments_our_environment_and_pipes_but_our_standard_error() {
    let processes = Processes::default();
    let (_connected, _) = connecting(&processes);
    let options = processes.options.take().unwrap();
    assert_eq!((options.program, options.arguments), ("cat".into(), Vec::new()));
    assert_eq!(options.environment, Environment::Inherited);
    assert_eq!((options.directory, options.user, options.group), (None, None, None));
    let ChildDescriptors::Each(each) = options.descriptors else { panic!("a terminal") };
    let shown: Vec<_> =
        each.iter().map(|(fd, descriptor)| format!("{fd} {descriptor:?}")).collect();
    assert_eq!(shown, ["0 PipeToChild", "1 PipeFromChild", "2 Inherited"]);
}

#[test]
fn the_program_is_spawned_with_exactly_the_options_that_were_given() {
    let options = [
        cat()
            .with_arguments(["-u", "/etc/fstab"])
            .with_own_name("kitten")
            .with_environment(Environment::Exactly(vec![("HOME".into(), "/".into())]))
            .with_directory("/tmp")
            .with_user(7)
            .with_group(8)
            .with_process_group(ProcessGroup::Own)
            .with_buffer(BufferLimits::default().with_cap(1000))
            .with_descriptor(5, ChildDescriptor::PipeToChild)
            .with_descriptor(2, ChildDescriptor::Inherited),
        cat().with_terminal(WindowSize::new(24, 80)),
    ];
    for options in options {
        let processes = Processes::default();
        let endpoint = ProcessEndpoint::new(processes.clone(), options.clone());
        drop(connect_protocol(&endpoint, Recorder::new(&Record::new())));
        let spawned = processes.options.take().unwrap();
        assert_eq!(format!("{spawned:?}"), format!("{options:?}"));
    }
}

#[test]
fn the_factory_is_given_the_program_as_the_address() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let addresses = seen.clone();
    let factory = FactoryFn::new(move |address: &Address| {
        addresses.borrow_mut().push(address.to_string());
        Recorder::new(&Record::new())
    });
    let endpoint = ProcessEndpoint::new(Processes::default(), cat());
    drop(endpoint.connect(factory.into_rc()));
    assert_eq!(*seen.borrow(), ["process cat"]);
}

/// In Twisted that is so before `connect` returns.
#[test]
fn the_connect_fires_as_soon_as_the_process_runs_with_the_transport_there() {
    let processes = Processes::default();
    let (connected, record) = connecting(&processes);
    assert!(!connected.is_fired() && record.calls().is_empty());
    let seen = record.clone();
    let connected = connected.add_callback(move |()| Ok(seen.transport().peer().to_string()));
    processes.runs();
    assert_eq!(result_of(connected).unwrap(), "process cat");
    assert_eq!(record.calls(), ["connection_made"]);
    assert_eq!(format!("{:?}", record.transport()), "Transport(process cat 42)");
}

#[test]
fn a_spawn_that_fails_fails_the_connect_and_the_protocol_is_told_nothing() {
    let processes = Processes::default();
    processes.refuses.set(true);
    let (connected, record) = connecting(&processes);
    let failure = result_of(connected).unwrap_err();
    assert_eq!(failure.downcast_ref::<SpawnError>(), Some(&Processes::refusal()));
    assert!(record.calls().is_empty());
}

/// In Twisted the result has no protocol then.
#[test]
fn a_factory_that_declines_fails_the_connect_and_nothing_is_spawned() {
    let processes = Processes::default();
    let factory = FactoryFn::optional(|_| None::<Recorder>).into_rc();
    let connected = ProcessEndpoint::new(processes.clone(), cat()).connect(factory);
    let failure = result_of(connected).unwrap_err();
    assert!(matches!(failure.downcast_ref(), Some(ConnectError::NoProtocol { .. })), "{failure:?}");
    assert!(processes.options.take().is_none());
}

#[test]
fn standard_output_is_what_the_protocol_receives_and_standard_error_is_dropped() {
    let processes = Processes::default();
    let record = Record::new();
    let endpoint = ProcessEndpoint::new(processes.clone(), cat())
        .with_error_output(StandardErrorBehavior::Drop);
    let connected = connect_protocol(&endpoint, Recorder::new(&record));
    processes.runs();
    drop(result_of(connected).map_err(|failure| failure.to_string()).unwrap());
    let spawned = format!("{:?}", processes.options.take().unwrap().descriptors);
    assert!(spawned.contains("2: PipeFromChild"), "{spawned}");
    processes.writes(1, b"foo");
    processes.writes(2, b"not this");
    processes.writes(3, b"nor this");
    processes.writes(1, b"bar");
    assert_eq!(record.received(), b"foobar");
    assert_eq!(record.count("data_received"), 2);
}

#[test]
fn the_connection_is_lost_when_the_process_has_ended_and_not_when_its_output_has() {
    let (processes, record, _) = running();
    processes.loses(1, &Reason::Done);
    processes.loses(0, &Reason::Done);
    processes.exits(ProcessReason::Done);
    assert_eq!(record.calls(), ["connection_made"]);
    processes.ends(ProcessReason::Done);
    assert!(matches!(record.lost(), Some(Reason::Done)));
    assert_eq!(record.calls(), ["connection_made", "connection_lost"]);
}

#[test]
fn a_half_closeable_protocol_is_told_of_each_end_of_file() {
    let (processes, record) = (Processes::default(), Record::new());
    let endpoint = ProcessEndpoint::new(processes.clone(), cat());
    drop(connect_protocol(&endpoint, Recorder::new(&record).half_closeable()));
    processes.runs();
    processes.loses(1, &Reason::Done);
    processes.loses(0, &Reason::Done);
    processes.ends(ProcessReason::Done);
    let expected =
        ["connection_made", "read_connection_lost", "write_connection_lost", "connection_lost"];
    assert_eq!(record.calls(), expected);
}

#[test]
fn any_other_end_is_unclean_and_has_the_processs_reason() {
    let failed = ProcessReason::Terminated(ExitStatus::Exited(3));
    for reason in [failed, KILLED] {
        let (processes, record, _) = running();
        processes.ends(reason);
        let Some(Reason::Lost(cause)) = record.lost() else { panic!("{record:?}") };
        assert_eq!(cause.downcast_ref(), Some(&reason));
    }
    let (processes, record, _) = running();
    processes.ends(ProcessReason::Stopped);
    assert!(matches!(record.lost(), Some(Reason::Stopped)));
}

#[test]
fn what_is_written_goes_to_the_process_in_order() {
    let (processes, _, transport) = running();
    transport.write(b"one");
    transport.write_sequence(vec![b"two ".to_vec().into(), b"three".to_vec().into()]);
    assert_eq!(processes.process.calls(), ["write one", "write_sequence two three"]);
}

#[test]
fn losing_the_connection_half_or_whole_closes_pipes_and_aborting_kills() {
    let (processes, record, transport) = running();
    let process: &Process = &processes.process;
    transport.as_half_closeable().unwrap().lose_write_connection();
    assert_eq!(process.calls(), ["close 0"]);
    transport.lose_connection();
    assert_eq!(process.calls(), ["lose_connection"]);
    transport.abort_connection();
    assert_eq!(process.calls(), ["signal Name(\"KILL\")", "lose_connection"]);
    processes.ends(KILLED);
    assert!(matches!(record.lost(), Some(Reason::Aborted)));
}

#[test]
fn pausing_resuming_and_stopping_reach_the_process() {
    let (processes, _, transport) = running();
    transport.pause_producing();
    transport.resume_producing();
    transport.stop_producing();
    assert_eq!(processes.process.calls(), ["pause", "resume", "stop"]);
}

struct Idle;

impl PullProducer for Idle {
    fn resume_producing(&self) {}
    fn stop_producing(&self) {}
}

#[test]
fn a_producer_is_registered_with_the_process_and_unregistered() {
    let (processes, _, transport) = running();
    let is_registered = || processes.process.producer.borrow().is_some();
    transport.register_producer(Producer::Pull(Rc::new(Idle))).unwrap();
    assert!(is_registered());
    assert!(transport.register_producer(Producer::Pull(Rc::new(Idle))).is_err());
    transport.unregister_producer();
    assert!(!is_registered());
    transport.set_buffer_limits(BufferLimits::default().with_cap(9));
    assert_eq!(processes.process.calls(), ["cap 9"]);
}

/// So that a layer above, as TLS, begins with them.
#[test]
fn the_limits_of_the_connection_are_those_of_the_process() {
    let limits = BufferLimits::default().with_cap(1 << 20).with_high_water(9);
    let processes = Processes::default();
    processes.process.limits.set(limits);
    let (connected, record) = connecting(&processes);
    processes.runs();
    result_of(connected).unwrap();
    assert_eq!(record.transport().buffer_limits(), limits);
}

#[test]
fn a_panic_and_bytes_that_are_too_many_kill_the_process_and_are_the_reason() {
    for reason in [Reason::Panicked("oh".into()), Reason::WriteBufferExceeded { cap: 5 }] {
        let (processes, record, _) = running();
        processes.loses(i32::from(matches!(reason, Reason::Panicked(_))), &reason);
        assert_eq!(processes.process.calls(), ["signal Name(\"KILL\")", "lose_connection"]);
        processes.ends(KILLED);
        assert_eq!(record.lost().unwrap().to_string(), reason.to_string());
    }
}

#[test]
fn cancelling_before_it_runs_kills_it_and_the_protocol_is_told_nothing() {
    let processes = Processes::default();
    let (connected, record) = connecting(&processes);
    connected.cancel_handle().cancel();
    assert!(result_of(connected).unwrap_err().check::<Cancelled>());
    assert_eq!(processes.process.calls(), ["signal Name(\"KILL\")", "lose_connection"]);
    processes.runs();
    processes.writes(1, b"late");
    processes.loses(1, &Reason::Done);
    processes.ends(KILLED);
    assert!(record.calls().is_empty(), "{record:?}");
}

#[test]
fn cancelling_what_runs_does_nothing() {
    let processes = Processes::default();
    let (connected, _) = connecting(&processes);
    let handle = connected.cancel_handle();
    processes.runs();
    handle.cancel();
    assert!(processes.process.calls().is_empty());
    result_of(connected).unwrap();
}
