//! The start and the end of a group of reactors: signals, errors, panics, stops, and what is left.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use deferred::{Deferred, Failure};
use interfaces::{Factory, ListenTcp, Protocol, ReactorCore as _, ReactorTcp as _, Transport};
use protocol::factory_fn;
use ropewalk_reactor::{Counts, GroupError, Member, ReactorGroup};

use crate::support::child::{in_child, set_descriptor_limit, signal_self};
use crate::support::group::{Client, MemberRemote, eventually, loads, serve};
use crate::support::{PATIENCE, open_descriptors};

/// How many threads this process has. Only in a process of its own.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn any_port() -> ListenTcp {
    ListenTcp::new(([127, 0, 0, 1], 0))
}

/// Says a number and then everything back.
struct Greeting(u8);

impl Protocol for Greeting {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(&[self.0]);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }
}

fn greeting(member: &Member) -> Rc<dyn Factory> {
    let number = u8::try_from(member.index()).unwrap();
    factory_fn(move |_| Greeting(number))
}

#[test]
fn a_group_of_one_needs_no_thread_but_its_callers() {
    in_child(|| {
        let (caller, before) = (thread::current().id(), threads());
        let ran = AtomicUsize::new(0);
        let run = ReactorGroup::new(1).run(|member| {
            assert_eq!((thread::current().id(), threads()), (caller, before));
            assert_eq!((member.index(), member.members()), (0, 1));
            ran.fetch_add(1, Ordering::Relaxed);
            let stopper = member.clone();
            member.call_when_running(Box::new(move || stopper.stop().unwrap()));
            Ok(())
        });
        run.unwrap();
        assert_eq!(ran.into_inner(), 1);
    });
}

#[test]
fn no_number_means_one_reactor_a_core() {
    let cores = thread::available_parallelism().unwrap().get();
    assert_eq!(ReactorGroup::new(0).members(), cores);
}

#[test]
fn an_error_of_any_member_is_returned_and_stops_the_others() {
    for failing in 0..3 {
        let ended = Mutex::new(Vec::new());
        let run = ReactorGroup::new(3).without_signals().run(|member| {
            if member.index() == failing {
                // A port that others joined is no reason to stay.
                member.listen_tcp(&any_port(), greeting(member))?;
                return Err(Failure::new(std::io::Error::other("no luck\n")));
            }
            member.listen_tcp(&any_port(), greeting(member))?;
            member.reactor().run()?;
            ended.lock().unwrap().push(member.index());
            Ok(())
        });
        let error = run.unwrap_err();
        let told = format!("reactor {failing} of the group failed: no luck\\n");
        assert_eq!(error.to_string(), told);
        assert_eq!(ended.into_inner().unwrap().len(), 2);
    }
}

#[test]
fn a_panic_of_any_member_is_told_and_stops_the_others() {
    for failing in 0..3 {
        let run = ReactorGroup::new(3).without_signals().run(|member| {
            member.listen_tcp(&any_port(), greeting(member))?;
            assert_ne!(member.index(), failing, "on purpose");
            Ok(())
        });
        match run.unwrap_err() {
            GroupError::Panicked { member, message } => {
                assert_eq!(member, failing);
                assert!(message.contains("on purpose"), "{message}");
            }
            error => panic!("{error}"),
        }
    }
}

#[test]
fn a_panic_in_a_protocol_costs_its_connection_alone() {
    struct Panicking;
    impl Protocol for Panicking {
        fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {
            panic!("on purpose");
        }
    }
    let factory = |member: &Member| -> Rc<dyn Factory> {
        match member.index() {
            0 => greeting(member),
            _ => factory_fn(|_| Panicking),
        }
    };
    serve(2, factory, |address, remotes| {
        let mut streams: Vec<_> = (0..4).map(|_| TcpStream::connect(address).unwrap()).collect();
        eventually("all are connected", || loads(remotes) == [2, 2]);
        for stream in &mut streams {
            std::io::Write::write_all(stream, b"x").unwrap();
        }
        eventually("those of one member are over", || loads(remotes) == [2, 0]);
    });
}

#[test]
fn a_group_that_cannot_have_its_reactors_starts_none() {
    in_child(|| {
        let before = open_descriptors();
        for more in 0..12 {
            // Each reactor takes several, so the group gets stuck at each step of its start.
            let limit = set_descriptor_limit((before + more) as u64);
            let began = AtomicUsize::new(0);
            let run = ReactorGroup::new(3).run(|member| {
                began.fetch_add(1, Ordering::Relaxed);
                member.stop_all();
                Ok(())
            });
            set_descriptor_limit(limit);
            match run {
                Ok(()) => assert_eq!(began.into_inner(), 3),
                Err(GroupError::NotStarted { source, .. }) => {
                    assert_eq!(source.raw_os_error(), Some(libc::EMFILE));
                    assert_eq!(began.into_inner(), 0);
                }
                Err(error) => panic!("{error}"),
            }
            // The test's own thread, and the harness's.
            eventually("no other thread is left", || threads() == 2);
        }
    });
}

#[test]
fn one_signal_stops_all_members() {
    in_child(|| {
        for signal in [libc::SIGTERM, libc::SIGINT] {
            let running = AtomicUsize::new(0);
            let ended = AtomicUsize::new(0);
            let run = ReactorGroup::new(3).run(|member| {
                let running = &running;
                member.listen_tcp(&any_port(), greeting(member))?;
                if running.fetch_add(1, Ordering::SeqCst) == 2 {
                    signal_self(signal);
                }
                member.reactor().run()?;
                ended.fetch_add(1, Ordering::SeqCst);
                Ok(())
            });
            run.unwrap();
            assert_eq!(ended.into_inner(), 3);
        }
    });
}

#[test]
fn a_stop_of_all_that_comes_before_a_member_runs_is_not_lost() {
    for _ in 0..50 {
        let run = ReactorGroup::new(3).without_signals().run(|member| {
            if member.index() == 1 {
                member.stop_all();
            }
            // What came is done, by turns before the run.
            member.reactor().turn(Some(std::time::Duration::ZERO))?;
            Ok(())
        });
        run.unwrap();
    }
}

#[test]
fn a_member_that_stops_ends_alone_and_its_connections_end_in_order() {
    serve(3, greeting, |address, remotes| {
        let mut clients: Vec<_> = (0..9).map(|_| Client::connect(address)).collect();
        // Member 0 accepts: its stop would end the port.
        let stopped = 1;
        remotes[stopped].call_from_thread(|reactor| reactor.stop().unwrap());
        for client in &mut clients {
            if client.member == stopped {
                assert_eq!(client.stream.read(&mut [0]).unwrap(), 0, "a clean end");
            } else {
                client.exchange(b"it goes on");
            }
        }
        let next: Vec<_> = (0..4).map(|_| Client::connect(address)).collect();
        assert!(next.iter().all(|client| client.member != stopped));
    });
}

#[test]
fn a_main_may_run_its_reactor_itself() {
    let ran = AtomicUsize::new(0);
    let run = ReactorGroup::new(2).without_signals().run(|member| {
        let code = member.reactor().react(|_reactor| Deferred::<()>::succeed(()));
        assert_eq!(code, std::process::ExitCode::SUCCESS);
        ran.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    run.unwrap();
    assert_eq!(ran.into_inner(), 2, "and no reactor runs again, which would have no end");
}

#[test]
fn members_call_each_other_in_a_ring() {
    const ROUNDS: usize = 1000;
    fn pass(remotes: Arc<Vec<MemberRemote>>, hops: usize) {
        let next = hops % remotes.len();
        remotes[next].clone().call_from_thread(move |reactor| {
            if hops < ROUNDS {
                pass(remotes, hops + 1);
            } else {
                reactor.call_later(std::time::Duration::ZERO, || {});
                remotes.iter().for_each(|remote| {
                    remote.call_from_thread(|reactor| reactor.stop().unwrap());
                });
            }
        });
    }
    let run = ReactorGroup::new(3).without_signals().run(|member| {
        assert!(member.remote(member.members()).is_none());
        if member.index() == 0 {
            let remotes = (0..3).map(|other| member.remote(other).unwrap().clone());
            let remotes = Arc::new(remotes.collect());
            member.call_when_running(Box::new(move || pass(remotes, 1)));
        }
        Ok(())
    });
    run.unwrap();
}

/// Writes a lot, and ends.
struct Whole(Rc<[u8]>);

impl Protocol for Whole {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(&self.0);
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}

#[test]
fn a_stop_under_load_cuts_no_stream_that_has_begun() {
    const BYTES: usize = 200_000;
    for members in [1, 2, 3] {
        let data = testkit::pattern(5, BYTES);
        let factory = |_: &Member| {
            let data: Rc<[u8]> = Rc::from(&*data);
            factory_fn(move |_| Whole(data.clone())) as Rc<dyn Factory>
        };
        let visits = serve(members, factory, |address, remotes| {
            let is_over = AtomicBool::new(false);
            thread::scope(|scope| {
                let clients: Vec<_> =
                    (0..4).map(|_| scope.spawn(|| visit_until(address, &is_over, &data))).collect();
                eventually("it serves", || counts(remotes).iter().any(|it| it.streams > 0));
                thread::sleep(std::time::Duration::from_millis(20));
                for remote in remotes {
                    remote.call_from_thread(|reactor| reactor.stop().unwrap());
                }
                is_over.store(true, Ordering::Relaxed);
                clients.into_iter().map(|client| client.join().unwrap()).sum::<usize>()
            })
        });
        assert!(visits > 0);
    }

    /// Visits until the server is gone; returns the number of whole streams.
    fn visit_until(address: SocketAddr, is_over: &AtomicBool, data: &[u8]) -> usize {
        let mut whole = 0;
        loop {
            let Ok(mut stream) = TcpStream::connect(address) else { return whole };
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut received = Vec::new();
            match stream.read_to_end(&mut received) {
                Ok(_) => {
                    assert!(received == data, "{} of {BYTES} bytes", received.len());
                    whole += 1;
                }
                // It was not accepted when the port was closed.
                Err(_) => assert!(is_over.load(Ordering::Relaxed) && received.is_empty()),
            }
        }
    }
}

fn counts(remotes: &[MemberRemote]) -> Vec<Counts> {
    let ask = |remote: &MemberRemote| {
        let (send, receive) = mpsc::channel();
        remote.call_from_thread(move |reactor| send.send(reactor.counts()).unwrap());
        receive.recv_timeout(PATIENCE).unwrap_or_default()
    };
    remotes.iter().map(ask).collect()
}

#[test]
fn a_hundred_groups_one_after_the_other_leave_nothing() {
    in_child(|| {
        let before = threads();
        let mut left = Vec::new();
        for _ in 0..100 {
            serve(2, greeting, |address, _| {
                let mut clients: Vec<_> = (0..4).map(|_| Client::connect(address)).collect();
                clients.iter_mut().for_each(|client| client.exchange(b"hello"));
            });
            left.push(open_descriptors());
            // The system lists a thread for a moment after it was joined.
            eventually("no thread is left", || threads() == before);
        }
        // The first one may leave what a process has once.
        assert!(left[1..].iter().all(|it| *it == left[1]), "{left:?}");
    });
}

/// The cores that this thread may run on, by proc(5).
fn cores() -> Vec<usize> {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    let ranges =
        list.trim().split(',').map(|range| range.split_once('-').unwrap_or((range, range)));
    ranges.flat_map(|(first, last)| first.parse().unwrap()..=last.parse().unwrap()).collect()
}

#[test]
fn pinned_members_run_on_one_core_each_and_the_callers_thread_gets_its_own_back() {
    let all = cores();
    let seen = Mutex::new(Vec::new());
    let members = all.len() + 1;
    let stop = |member: &Member| {
        seen.lock().unwrap().push((member.index(), cores()));
        let stopper = member.reactor().clone();
        member.reactor().call_when_running(Box::new(move || stopper.stop().unwrap()));
        Ok(())
    };
    ReactorGroup::new(members).pinned_to_cores().run(stop).unwrap();
    let mut pinned = std::mem::take(&mut *seen.lock().unwrap());
    pinned.sort();
    let wanted: Vec<_> = (0..members).map(|index| (index, vec![all[index % all.len()]])).collect();
    assert_eq!(pinned, wanted);
    assert_eq!(cores(), all);
    ReactorGroup::new(2).run(stop).unwrap();
    assert!(
        seen.into_inner().unwrap().into_iter().all(|(_, cores)| cores == all),
        "off by default"
    );
}

#[test]
fn a_member_that_cannot_be_pinned_is_told_and_none_is_started() {
    in_child(|| {
        crate::support::refused::refuse_with(libc::SYS_sched_setaffinity, libc::EPERM);
        let ended = ReactorGroup::new(2).pinned_to_cores().run(|_| panic!("none is started"));
        match ended {
            Err(GroupError::NotPinned { source, .. }) => {
                assert_eq!(source.raw_os_error(), Some(libc::EPERM));
            }
            other => panic!("{other:?}"),
        }
    });
}
