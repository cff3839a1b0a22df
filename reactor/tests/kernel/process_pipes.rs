//! Processes: bytes through their pipes, both ways, and what holds them back.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use interfaces::{
    AlreadyProducing, BufferLimits, ChildDescriptor, NoSuchChildFd, ProcessReason,
    ProcessTransport, Producer, PullProducer, PushProducer, Reason, SpawnProcess,
};
use protocol::testing::ProcessSeen;
use ropewalk_reactor::{Counts, Reactor};
use testkit::pattern;

use crate::support::child::in_child;
use crate::support::program::{Program, run_program, script};
use crate::support::turn_until;

fn cat() -> SpawnProcess {
    SpawnProcess::new("cat")
}

#[test]
fn bytes_reach_the_child_by_each_way_of_writing() {
    let reactor = Reactor::new().unwrap();
    let ways: [fn(&Rc<dyn ProcessTransport>); 3] = [
        |transport| transport.write(b"one line\n"),
        |transport| {
            transport.write_sequence(vec![b"one ".to_vec().into(), b"line\n".to_vec().into()]);
        },
        |transport| transport.write_to_child(0, b"one line\n").unwrap(),
    ];
    for way in ways {
        let program = Program::spawn(&reactor, &cat());
        way(&program.transport);
        program.expect(&reactor, 1, b"one line\n");
        program.transport.close_stdin();
        assert_eq!(program.run(&reactor).ended(), Some(ProcessReason::Done));
    }
}

#[test]
fn writing_to_a_descriptor_without_a_pipe_is_an_error_and_the_process_goes_on() {
    let reactor = Reactor::new().unwrap();
    let program = Program::spawn(&reactor, &cat());
    for child_fd in [1, 7, -1] {
        let failed = program.transport.write_to_child(child_fd, b"lost");
        assert_eq!(failed, Err(NoSuchChildFd { child_fd }));
    }
    assert_eq!(program.transport.close_child_fd(7), Err(NoSuchChildFd { child_fd: 7 }));
    program.transport.write(b"alive");
    program.expect(&reactor, 1, b"alive");
    program.transport.close_stdin();
    assert_eq!(program.run(&reactor).ended(), Some(ProcessReason::Done));
}

#[test]
fn seventy_thousand_bytes_come_back_in_order_and_the_end_of_the_input_ends_the_child() {
    let reactor = Reactor::new().unwrap();
    let piece = pattern(1, 7007);
    let all: Vec<u8> = piece.repeat(10);
    let program = Program::spawn_with(&reactor, &cat(), move |seen, transport| {
        if matches!(seen, ProcessSeen::ConnectionMade) {
            (0..8).for_each(|_| transport.write(&piece));
            transport.write_sequence(vec![piece.clone().into(), piece.clone().into()]);
            transport.close_stdin();
        }
    });
    let seen = program.run(&reactor);
    assert!(seen.received(1) == all);
    assert_eq!(seen.ended(), Some(ProcessReason::Done));
    let reasons = [0, 1, 2].map(|child_fd| seen.lost(child_fd).unwrap());
    assert!(reasons.iter().all(Reason::is_clean), "{reasons:?}");
}

#[test]
fn writes_and_then_the_end_of_the_input_reach_a_program_that_answers_at_its_end() {
    let reactor = Reactor::new().unwrap();
    let packer = Program::spawn(&reactor, &SpawnProcess::new("gzip").with_arguments(["-c"]));
    let data = pattern(2, 200_000);
    packer.transport.write(&data[..5]);
    packer.transport.write(&data[5..]);
    packer.transport.close_stdin();
    let packed = packer.run(&reactor).received(1);
    let unpacker = Program::spawn(&reactor, &SpawnProcess::new("gzip").with_arguments(["-dc"]));
    unpacker.transport.write(&packed);
    unpacker.transport.close_stdin();
    assert!(unpacker.run(&reactor).received(1) == data);
}

#[test]
fn three_writes_and_the_end_of_the_input_come_back_joined() {
    let reactor = Reactor::new().unwrap();
    let program = Program::spawn(&reactor, &cat());
    ["one, ", "two, ", "three"].iter().for_each(|it| program.transport.write(it.as_bytes()));
    program.transport.close_stdin();
    let seen = program.run(&reactor);
    assert_eq!(
        (seen.received(1), seen.ended()),
        (b"one, two, three".to_vec(), Some(ProcessReason::Done))
    );
}

#[test]
fn two_children_end_one_by_one_when_their_inputs_do() {
    let reactor = Reactor::new().unwrap();
    let programs = [(); 2].map(|()| Program::spawn(&reactor, &cat()));
    for (index, program) in programs.iter().enumerate() {
        turn_until(&reactor, "it runs", || !program.seen.stages().is_empty());
        let others: Vec<_> = programs[index + 1..].iter().map(|it| it.seen.ended()).collect();
        assert!(others.iter().all(Option::is_none));
        program.transport.lose_connection();
        turn_until(&reactor, "it ended", || program.seen.ended().is_some());
        assert_eq!(program.seen.ended(), Some(ProcessReason::Done));
    }
}

#[test]
fn errors_come_apart_from_output() {
    let reactor = Reactor::new().unwrap();
    let seen = run_program(&reactor, &script("echo out; echo err >&2"));
    assert_eq!((seen.received(1), seen.received(2)), (b"out\n".to_vec(), b"err\n".to_vec()));
}

#[test]
fn more_pipes_than_the_standard_three_work_both_ways() {
    let reactor = Reactor::new().unwrap();
    let options = script("cat <&5 >&4; echo done >&6")
        .with_descriptor(4, ChildDescriptor::PipeFromChild)
        .with_descriptor(5, ChildDescriptor::PipeToChild)
        .with_descriptor(6, ChildDescriptor::PipeFromChild);
    let program = Program::spawn(&reactor, &options);
    program.transport.write_to_child(5, b"through five and four").unwrap();
    program.transport.close_child_fd(5).unwrap();
    let seen = program.run(&reactor);
    assert_eq!(seen.received(4), b"through five and four");
    assert_eq!(seen.received(6), b"done\n");
    assert_eq!(seen.stages().len(), 9);
}

#[test]
fn a_child_that_never_reads_costs_bounded_memory_and_can_be_left_and_killed() {
    let reactor = Reactor::new().unwrap();
    let limits = BufferLimits::default().with_cap(1 << 20);
    let options = SpawnProcess::new("sleep").with_arguments(["60"]).with_buffer(limits);
    let program = Program::spawn(&reactor, &options);
    assert_eq!(program.transport.buffer_limits(), limits);
    program.transport.write(&pattern(3, 200_000));
    turn_until(&reactor, "it runs", || !program.seen.stages().is_empty());
    program.transport.lose_connection();
    turn_until(&reactor, "its output was left", || program.seen.lost(2).is_some());
    assert!(program.seen.lost(0).is_none(), "its input is not written yet");
    program.transport.write(b"too late");
    program.transport.signal_process(&"KILL".into()).unwrap();
    let seen = program.run(&reactor);
    assert!(matches!(seen.lost(0), Some(Reason::Lost(_))), "{:?}", seen.lost(0));
    assert_eq!(seen.ended().unwrap().signal(), Some(libc::SIGKILL));

    let program = Program::spawn(&reactor, &options);
    for _ in 0..100 {
        program.transport.write(&[0; 65536]);
        reactor.turn(Some(std::time::Duration::ZERO)).unwrap();
    }
    let lost = program.seen.lost(0);
    assert!(matches!(lost, Some(Reason::WriteBufferExceeded { cap: 1_048_576 })), "{lost:?}");
    program.transport.signal_process(&9.into()).unwrap();
    program.run(&reactor);
    assert_eq!(reactor.counts(), Counts::default());
}

/// Counts what it is told.
#[derive(Default)]
struct Source {
    paused: Cell<usize>,
    resumed: Cell<usize>,
    stopped: Cell<usize>,
}

impl PushProducer for Source {
    fn pause_producing(&self) {
        self.paused.set(self.paused.get() + 1);
    }
    fn resume_producing(&self) {
        self.resumed.set(self.resumed.get() + 1);
    }
    fn stop_producing(&self) {
        self.stopped.set(self.stopped.get() + 1);
    }
}

#[test]
fn a_producer_is_paused_while_the_child_does_not_read_and_holds_the_close_back() {
    let reactor = Reactor::new().unwrap();
    let program = Program::spawn(&reactor, &script("read line; cat"));
    let source = Rc::new(Source::default());
    program.transport.register_producer(Producer::Push(source.clone())).unwrap();
    let another = program.transport.register_producer(Producer::Push(source.clone()));
    assert_eq!(another, Err(AlreadyProducing));
    let told = || [&source.paused, &source.resumed, &source.stopped].map(Cell::get);
    program.transport.write(b"line\n");
    program.transport.write(&pattern(4, 300_000));
    assert_eq!(told(), [1, 0, 0]);
    program.transport.close_stdin();
    turn_until(&reactor, "all was taken", || source.resumed.get() == 1);
    program.transport.write(b"end");
    assert!(program.seen.lost(0).is_none());
    program.transport.unregister_producer();
    let seen = program.run(&reactor);
    assert_eq!(seen.received(1).len(), 300_003);
    assert_eq!(told(), [1, 1, 0]);
}

#[test]
fn a_producer_of_a_child_that_is_gone_is_stopped() {
    let reactor = Reactor::new().unwrap();
    let program = Program::spawn(&reactor, &script("exec 0<&-; exec sleep 60"));
    let source = Rc::new(Source::default());
    program.transport.register_producer(Producer::Push(source.clone())).unwrap();
    turn_until(&reactor, "its input is closed", || program.seen.lost(0).is_some());
    assert_eq!(source.stopped.get(), 1);
    program.transport.register_producer(Producer::Push(source.clone())).unwrap();
    assert_eq!(source.stopped.get(), 2);
    program.transport.signal_process(&"KILL".into()).unwrap();
    program.run(&reactor);
}

/// Writes a file of lines, one at a time.
struct Lines {
    transport: Rc<dyn ProcessTransport>,
    left: RefCell<Vec<Vec<u8>>>,
}

impl PullProducer for Lines {
    fn resume_producing(&self) {
        let line = self.left.borrow_mut().pop();
        match line {
            Some(line) => self.transport.write(&line),
            None => {
                self.transport.unregister_producer();
                self.transport.close_stdin();
            }
        }
    }
    fn stop_producing(&self) {}
}

#[test]
fn a_pull_producer_is_asked_until_it_has_no_more() {
    let reactor = Reactor::new().unwrap();
    let program = Program::spawn(&reactor, &cat());
    let lines: Vec<Vec<u8>> = (0..1024).map(|number| format!("line {number}\n").into()).collect();
    let left = RefCell::new(lines.iter().rev().cloned().collect());
    let producer = Rc::new(Lines { transport: program.transport.clone(), left });
    program.transport.register_producer(Producer::Pull(producer)).unwrap();
    assert!(program.run(&reactor).received(1) == lines.concat());
}

#[test]
fn a_paused_process_is_not_read_and_all_comes_when_it_is_resumed() {
    let reactor = Reactor::new().unwrap();
    let program =
        Program::spawn(&reactor, &script("head -c 300000 /dev/zero; exec 1>&-; exec sleep 60"));
    program.transport.pause_producing();
    program.transport.resume_producing();
    program.transport.pause_producing();
    for _ in 0..20 {
        reactor.turn(Some(std::time::Duration::from_millis(5))).unwrap();
    }
    assert!(program.seen.received(1).is_empty());
    program.transport.resume_producing();
    turn_until(&reactor, "all came", || program.seen.lost(1).is_some());
    assert_eq!(program.seen.received(1).len(), 300_000);
    program.transport.signal_process(&"KILL".into()).unwrap();
    program.run(&reactor);
}

#[test]
fn memory_stays_bounded_while_a_child_floods_a_protocol_that_pauses() {
    in_child(|| {
        let reactor = Reactor::new().unwrap();
        let pause = |seen: &ProcessSeen, transport: &Rc<dyn ProcessTransport>| {
            if let ProcessSeen::ChildDataReceived(..) = seen {
                transport.pause_producing();
            }
        };
        let program = Program::spawn_with(&reactor, &SpawnProcess::new("yes"), pause);
        turn_until(&reactor, "the first bytes came", || !program.seen.received(1).is_empty());
        for _ in 0..50 {
            reactor.turn(Some(std::time::Duration::from_millis(1))).unwrap();
        }
        let received = program.seen.received(1).len();
        assert!(received <= 128 * 1024, "one read buffer: {received}");
        program.transport.lose_connection();
        let seen = program.run(&reactor);
        assert_eq!(seen.ended().unwrap().signal(), Some(libc::SIGPIPE));
    });
}
