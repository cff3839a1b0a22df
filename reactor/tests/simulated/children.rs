//! Children in the simulation, under seeds: slow ones, ones that die in the middle, ones that never read.

mod scene;

use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    BufferLimits, ChildDescriptor, ExitStatus, ProcessReason, ReactorProcess as _, Reason,
    SignalError, SpawnError, SpawnProcess, WindowSize,
};
use protocol::process::{RunError, RunProcess, get_process_output, get_process_output_and_value};
use protocol::testing::{ProcessRecord, ProcessRecorder, ProcessSeen};
use ropewalk_reactor::simulated::{Faults, Script, Simulated};
use ropewalk_reactor::{Counts, Limits, Reactor};
use testkit::{Dice, pattern};

use self::scene::{Scene, TURNS_MAX};

const SEEDS: u64 = 40;

#[test]
fn all_bytes_come_back_from_slow_children_that_echo() {
    for seed in 0..SEEDS {
        let scene = Scene::new(seed);
        let slow = Duration::ZERO..=Duration::from_millis(1 + seed * 3);
        let (seen, transport) = scene.spawn(Script::new().paced(slow).echo());
        let dice = Dice::new(seed);
        let data = pattern(seed, 100_000);
        let mut sent = 0;
        while sent < data.len() {
            let length = (1 + dice.below(20_000)).min(data.len() - sent);
            transport.write(&data[sent..sent + length]);
            sent += length;
            scene.reactor.turn(Some(Duration::from_millis(1))).unwrap();
        }
        transport.close_stdin();
        assert_eq!(scene.end(&seen), ProcessReason::Done, "seed {seed}");
        assert!(seen.received(1) == data, "seed {seed}");
        assert_eq!(seen.stages().len(), 6, "seed {seed}");
        assert!([0, 1, 2].iter().all(|fd| seen.lost(*fd).unwrap().is_clean()), "seed {seed}");
    }
}

#[test]
fn what_a_child_wrote_before_it_dies_is_delivered_and_then_its_end_is_told() {
    for seed in 0..SEEDS {
        let scene = Scene::new(seed);
        let (out, err) = (pattern(seed, 90_000), pattern(seed + 1, 300));
        let script = Script::new().write(1, out.clone()).write(2, err.clone()).die(libc::SIGSEGV);
        let (seen, transport) = scene.spawn(script);
        transport.write(&[0; 10_000]);
        let reason = scene.end(&seen);
        assert_eq!(reason.signal(), Some(libc::SIGSEGV), "seed {seed}");
        assert!(seen.received(1) == out && seen.received(2) == err, "seed {seed}");
        let stages = seen.stages();
        assert_eq!((stages[0].as_str(), stages[5].as_str()), ("made", "ended"), "seed {seed}");
        assert_eq!(seen.exited(), Some(reason), "seed {seed}");
    }
}

#[test]
fn a_child_that_is_killed_in_the_middle_of_a_write_ends_with_the_bytes_so_far() {
    let mut cut = 0;
    for seed in 0..SEEDS {
        let scene = Scene::new(seed);
        let data = pattern(seed, 500_000);
        let (seen, transport) = scene.spawn(Script::new().write(1, data.clone()));
        let until = 1 + (seed as usize * 12_000);
        scene.turn_until("some came", || seen.received(1).len() >= until || seen.ended().is_some());
        let sent = transport.signal_process(&"KILL".into());
        let reason = scene.end(&seen);
        assert!(sent.is_ok() || sent == Err(SignalError::ProcessExitedAlready), "{sent:?}");
        if reason.signal() == Some(libc::SIGKILL) {
            cut += usize::from(seen.received(1).len() < data.len());
        }
        assert!(data.starts_with(&seen.received(1)), "seed {seed}");
        let late = transport.signal_process(&"KILL".into());
        assert_eq!(late, Err(SignalError::ProcessExitedAlready), "seed {seed}");
    }
    assert!(cut > SEEDS as usize / 2, "{cut}");
}

#[test]
fn a_child_that_exits_before_it_reads_costs_its_input_and_no_more() {
    for seed in 0..SEEDS {
        let scene = Scene::new(seed);
        let (seen, transport) = scene.spawn(Script::new().write(1, b"all").exit(4));
        transport.write(&[0; 200_000]);
        assert_eq!(scene.end(&seen).exit_code(), Some(4), "seed {seed}");
        assert_eq!(seen.received(1), b"all", "seed {seed}");
        let lost = seen.lost(0).unwrap();
        assert!(matches!(lost, Reason::Lost(_)), "seed {seed}: {lost:?}");
    }
}

#[test]
fn a_child_that_never_reads_costs_bounded_memory_and_can_be_left_and_killed() {
    for seed in 0..SEEDS {
        let scene = Scene::new(seed);
        let limits = BufferLimits::default().with_cap(300_000);
        let sleeps = Script::new().sleep(Duration::from_secs(3600));
        let (seen, transport) =
            scene.spawn_with(sleeps.clone(), |options| options.with_buffer(limits), |_, _| {});
        for _ in 0..10 {
            transport.write(&[0; 50_000]);
            scene.reactor.turn(Some(Duration::ZERO)).unwrap();
        }
        scene.turn_until("its input was given up", || seen.lost(0).is_some());
        assert!(matches!(seen.lost(0), Some(Reason::WriteBufferExceeded { cap: 300_000 })));
        transport.signal_process(&"TERM".into()).unwrap();
        assert_eq!(scene.end(&seen).signal(), Some(libc::SIGTERM), "seed {seed}");

        let (seen, transport) = scene.spawn(sleeps.ignoring(libc::SIGTERM));
        transport.write(&[0; 100_000]);
        transport.lose_connection();
        transport.signal_process(&"TERM".into()).unwrap();
        scene.turn_until("its output is closed", || seen.lost(2).is_some());
        assert!(seen.lost(0).is_none() && seen.exited().is_none(), "seed {seed}");
        transport.signal_process(&"KILL".into()).unwrap();
        assert_eq!(scene.end(&seen).signal(), Some(libc::SIGKILL), "seed {seed}");
    }
}

#[test]
fn a_child_whose_output_is_not_taken_dies_of_its_broken_pipe_unless_it_ignores_that() {
    for seed in 0..SEEDS {
        let scene = Scene::new(seed);
        let endless = Script::new().write(1, vec![0; 300_000]).exit(5);
        let (seen, transport) = scene.spawn(endless.clone());
        transport.pause_producing();
        for _ in 0..20 {
            scene.reactor.turn(Some(Duration::from_secs(1))).unwrap();
        }
        assert!(seen.received(1).is_empty() && seen.exited().is_none(), "seed {seed}");
        transport.lose_connection();
        assert_eq!(scene.end(&seen).signal(), Some(libc::SIGPIPE), "seed {seed}");
        let (seen, transport) = scene.spawn(endless.ignoring(libc::SIGPIPE));
        transport.close_stdout();
        assert_eq!(scene.end(&seen).exit_code(), Some(5), "seed {seed}");
    }
}

#[test]
fn a_panic_in_the_bytes_closes_their_pipe_and_the_process_goes_on() {
    for seed in 0..SEEDS {
        let scene = Scene::new(seed);
        struct Quiet;
        impl interfaces::Observer for Quiet {
            fn observe(&self, _: &interfaces::ReactorEvent<'_>) {}
        }
        scene.reactor.set_observer(Rc::new(Quiet));
        let script = Script::new().write(2, b"bad").read_to_end().write(1, b"good").exit(0);
        let (seen, transport) = scene.spawn_with(
            script,
            |options| options,
            |seen, _| {
                if let ProcessSeen::ChildDataReceived(2, _) = seen {
                    std::panic::resume_unwind(Box::new("as the test wants"));
                }
            },
        );
        scene.turn_until("it was closed", || seen.lost(2).is_some());
        assert!(matches!(seen.lost(2), Some(Reason::Panicked(_))), "seed {seed}");
        transport.close_stdin();
        assert_eq!(scene.end(&seen), ProcessReason::Done, "seed {seed}");
        assert_eq!(seen.received(1), b"good", "seed {seed}");
    }
}

#[test]
fn the_end_of_the_last_pipe_and_the_exit_come_in_either_order_and_the_end_behind_both() {
    let (mut exit_first, mut pipes_first) = (0, 0);
    for seed in 0..SEEDS {
        let scene = Scene::new(seed);
        let (seen, _transport) = scene.spawn(Script::new().close(0).close(1).close(2).exit(1));
        scene.end(&seen);
        let stages = seen.stages();
        assert_eq!((stages.len(), stages[5].as_str()), (6, "ended"), "seed {seed}");
        match stages[4].as_str() {
            "exited" => pipes_first += 1,
            _ => exit_first += 1,
        }
    }
    assert!(exit_first > 0 && pipes_first > 0, "{exit_first} {pipes_first}");
}

#[test]
fn a_terminal_is_one_way_for_all_and_losing_it_hangs_its_child_up() {
    for seed in 0..SEEDS {
        let scene = Scene::new(seed);
        let script = Script::new().read(4).write(2, b"answer").read_to_end();
        let on_terminal = |options: SpawnProcess| options.with_terminal(WindowSize::default());
        let (seen, transport) = scene.spawn_with(script, on_terminal, |_, _| {});
        let process = transport.pid().unwrap();
        assert_eq!(scene.network.window_size(process), Some(WindowSize::default()));
        transport.set_window_size(WindowSize::new(7, 133)).unwrap();
        assert_eq!(scene.network.window_size(process), Some(WindowSize::new(7, 133)));
        transport.write(b"word");
        scene.turn_until("it answered", || seen.received(1) == b"answer");
        transport.lose_connection();
        assert_eq!(scene.end(&seen).signal(), Some(libc::SIGHUP), "seed {seed}");
        let mut stages = seen.stages();
        stages[1..3].sort();
        assert_eq!(stages, ["made", "exited", "lost 1", "ended"], "seed {seed}");
    }
}

#[test]
fn a_terminal_that_is_lost_with_unsent_bytes_ends_with_them_or_with_its_child() {
    let on_terminal = |options: SpawnProcess| options.with_terminal(WindowSize::default());
    let bytes = vec![7; 100_000];
    for seed in 0..SEEDS {
        let scene = Scene::new(seed);
        // It writes before it reads on, more than its terminal holds.
        let (seen, transport) = scene.spawn_with(Script::new().echo(), on_terminal, |_, _| {});
        transport.write(&bytes);
        transport.lose_connection();
        assert_eq!(scene.end(&seen).signal(), Some(libc::SIGHUP), "seed {seed}");
        assert!(seen.lost(1).unwrap().is_clean(), "seed {seed}: {:?}", seen.lost(1));

        let hour = Duration::from_secs(3600);
        for loses in [true, false] {
            let script = Script::new().write(1, b"all").sleep(hour);
            let (seen, transport) = scene.spawn_with(script, on_terminal, |_, _| {});
            transport.write(&bytes);
            scene.turn_until("it wrote", || seen.received(1) == b"all");
            if loses {
                transport.lose_connection();
            }
            transport.signal_process(&"KILL".into()).unwrap();
            let late = transport.signal_process(&"KILL".into());
            assert_eq!(late, Err(SignalError::ProcessExitedAlready), "though it is not told yet");
            assert_eq!(scene.end(&seen).signal(), Some(libc::SIGKILL), "seed {seed}");
            assert!(!seen.lost(1).unwrap().is_clean(), "seed {seed}: bytes were lost");
        }

        // Its bytes are read though those for it are refused.
        let script = Script::new().write(1, bytes.clone()).exit(4);
        let (seen, transport) = scene.spawn_with(script, on_terminal, |_, _| {});
        for _ in 0..200 {
            transport.write(&[1; 1000]);
            scene.reactor.turn(Some(Duration::from_millis(1))).unwrap();
        }
        assert_eq!(scene.end(&seen).exit_code(), Some(4), "seed {seed}");
        assert_eq!(seen.received(1).len(), bytes.len(), "seed {seed}");
    }
}

#[test]
fn what_cannot_be_spawned_is_an_error_and_leaves_nothing() {
    let scene = Scene::new(1);
    let seen = ProcessRecord::new();
    let spawn = |name| {
        let protocol = Box::new(ProcessRecorder::new(&seen));
        scene.reactor.spawn_process(&SpawnProcess::new(name), protocol).err()
    };
    assert!(matches!(spawn("missing"), Some(SpawnError::NotExecuted { .. })));
    scene.network.install("program", Script::new());
    scene.network.limit_descriptors(2);
    assert!(matches!(spawn("program"), Some(SpawnError::NotPrepared { .. })));
    assert!(seen.stages().is_empty());
    assert_eq!((scene.network.carried(), scene.reactor.counts()), Default::default());
}

#[test]
fn a_reactor_that_is_gone_leaves_its_child_to_its_script() {
    let scene = Scene::new(3);
    let (seen, transport) = scene.spawn(Script::new().sleep(Duration::from_secs(5)).exit(0));
    let Scene { network, reactor } = scene;
    drop((reactor, transport));
    assert!(seen.stages().is_empty());
    assert_eq!((network.carried().children, network.carried().pipes), (1, 0));
    use ropewalk_reactor::sys::Sys as _;
    network.poll(Some(Duration::from_secs(10)), &mut Vec::new()).unwrap();
    assert_eq!(network.carried().children, 0);
}

#[test]
fn a_program_that_is_slow_is_killed_at_its_limit_without_a_wait_of_the_test() {
    for seed in 0..SEEDS {
        let scene = Scene::new(seed);
        let hour = Duration::from_secs(3600);
        scene.network.install("slow", Script::new().write(1, b"so far").sleep(hour));
        let limit = Duration::from_secs(30);
        let run = RunProcess::new("slow").with_time_limit(limit);
        let output = get_process_output(&scene.reactor, &run);
        scene.turn_until("it has fired", || output.is_fired());
        let error = output.try_into_result().ok().unwrap().unwrap_err();
        match error.downcast_ref::<RunError>() {
            Some(RunError::TimedOut { output, .. }) => assert_eq!(output, b"so far"),
            other => panic!("{other:?}"),
        }
        scene.turn_until("nothing is left", || scene.reactor.counts() == Counts::default());
        scene.network.install("quick", Script::new().echo().write(2, b"err").exit(3));
        let run = RunProcess::new("quick").with_input(pattern(seed, 70_000));
        let all = get_process_output_and_value(&scene.reactor, &run);
        scene.turn_until("it has fired", || all.is_fired());
        let (output, errors, code) = all.try_into_result().ok().unwrap().unwrap();
        assert!(output == pattern(seed, 70_000));
        assert_eq!((&*errors, code), (&b"err"[..], 3));
    }
}

/// Many children of every kind under all faults: each is reaped, and each protocol told in order.
fn crowd(seed: u64) -> u64 {
    let network = Simulated::new(seed);
    network.set_faults(Faults { child_death: Faults::default().child_death, ..Faults::harmless() });
    let reactor = Reactor::on(network.clone(), Limits::default());
    let dice = Dice::new(seed);
    let mut all = Vec::new();
    for number in 0..20 {
        let bytes = pattern(number, 1 + dice.below(100_000));
        let mut script = Script::new().write(1, bytes);
        script = match dice.below(5) {
            0 => script.echo(),
            1 => script.die(libc::SIGABRT),
            2 => script.read(1000).close(1).sleep(Duration::from_millis(50)).exit(9),
            3 => script.close(0).write(2, b"words").exit(1),
            _ => script.read_to_end().exit(0),
        };
        let name = format!("program {number}");
        network.install(name.as_str(), script);
        let seen = ProcessRecord::new();
        let protocol = ProcessRecorder::new(&seen).with_hook(|seen, transport| {
            if let ProcessSeen::ChildDataReceived(1, data) = seen {
                transport.write(data);
            }
        });
        let options =
            SpawnProcess::new(name.as_str()).with_descriptor(5, ChildDescriptor::PipeToChild);
        all.push((seen, reactor.spawn_process(&options, Box::new(protocol)).unwrap()));
    }
    for _ in 0..2_000 {
        reactor.turn(Some(Duration::from_millis(1))).unwrap();
    }
    for (_, transport) in &all {
        transport.lose_connection();
        let _ = transport.signal_process(&"TERM".into());
    }
    for _ in 0..TURNS_MAX {
        if reactor.counts() == Counts::default() {
            break;
        }
        reactor.turn(Some(Duration::from_millis(10))).unwrap();
    }
    for (seen, _) in &all {
        let stages = seen.stages();
        assert_eq!((stages.len(), stages[0].as_str(), stages[6].as_str()), (7, "made", "ended"));
    }
    assert_eq!((reactor.counts(), network.carried()), Default::default());
    network.trace_hash()
}

#[test]
fn a_crowd_of_children_is_reaped_under_every_seed_and_the_same_seed_gives_the_same_trace() {
    let hashes: Vec<u64> = (0..6).map(crowd).collect();
    assert_eq!((0..6).map(crowd).collect::<Vec<_>>(), hashes);
    let mut different = hashes.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), hashes.len());
}

#[test]
fn a_child_that_the_system_kills_is_told_as_killed() {
    let killed = (0..200).filter(|seed| {
        let scene = Scene::new(*seed);
        let often = ropewalk_reactor::simulated::Chance::per_mille(100);
        scene.network.set_faults(Faults { child_death: often, ..Faults::harmless() });
        let (seen, _transport) = scene.spawn(Script::new().write(1, vec![1; 50_000]).exit(0));
        let signaled = ExitStatus::Signaled { signal: libc::SIGKILL, core_dumped: false };
        scene.end(&seen) == ProcessReason::Terminated(signaled)
    });
    assert!((50..190).contains(&killed.count()));
}
