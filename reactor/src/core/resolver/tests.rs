//! Look-ups whose answers the test gives: by a thread, by the simulated network, by another resolver.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use deferred::{Cancelled, Deferred, Failure};
use interfaces::{
    AddressFamily, Observer, ReactorCore as _, ReactorEvent, ReactorTime as _, ResolveError,
    Resolver, SystemEvent,
};

use crate::simulated::{Faults, Simulated};
use crate::sys::{LookUp, LookUpResult};
use crate::threads::jobs::CUT_OFF_THREADS_MAX;
use crate::{Counts, Limits, Reactor};

const SECOND: Duration = Duration::from_secs(1);
/// The limit of the reactors here.
const LIMIT: Duration = Duration::from_secs(10);

type Answers = Rc<RefCell<Vec<Result<Vec<SocketAddr>, Failure>>>>;

/// Fails the test by any event.
struct Silence;

impl Observer for Silence {
    fn observe(&self, event: &ReactorEvent<'_>) {
        panic!("{event:?}");
    }
}

/// A reactor that runs, turn by turn.
fn reactor() -> Reactor<Simulated> {
    let network = Simulated::new(1);
    network.set_faults(Faults::none());
    let reactor = Reactor::on(network, Limits::default().with_look_up(LIMIT));
    reactor.set_observer(Rc::new(Silence));
    reactor.fire_system_event(SystemEvent::Startup);
    reactor
}

fn answers_of(look_up: Deferred<Vec<SocketAddr>>) -> Answers {
    let answers = Answers::default();
    let told = answers.clone();
    drop(look_up.add_both(move |answer| {
        told.borrow_mut().push(answer);
        Ok::<(), Failure>(())
    }));
    answers
}

fn addresses(answers: &Answers) -> Vec<SocketAddr> {
    answers.take().remove(0).expect("addresses")
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A look-up for which only a name server has the answer.
fn by_name_server(work: impl FnOnce() -> LookUpResult + Send + 'static) -> LookUp {
    LookUp::Work { work: Box::new(work), is_short: Box::new(|| false) }
}

/// Has a thread look "name" up; the thread answers what is sent to it. It has begun when this returns: the
/// simulated clock would not wait for it.
fn by_a_thread(reactor: &Reactor<Simulated>) -> (Answers, Sender<LookUpResult>, Receiver<()>) {
    let ((answer, given), (done, is_done)) = (channel(), channel());
    let (begin, begun) = channel();
    let work = move || {
        begin.send(()).expect("the test waits");
        let _until_the_end: Sender<()> = done;
        given.recv().unwrap_or_else(|_| Err("the test gave no answer".to_owned()))
    };
    let core = reactor.core();
    let look_up = core.begin("name", by_name_server(work));
    begun.recv().expect("a thread takes it");
    (answers_of(look_up), answer, is_done)
}

/// Turns until the answer of a thread is told; the clock stands still meanwhile.
fn turn_until(reactor: &Reactor<Simulated>, mut done: impl FnMut() -> bool) {
    let hold = reactor.system().hold_clock();
    let waker = reactor.remote();
    let nudge = std::thread::spawn(move || {
        for _ in 0..2000 {
            std::thread::sleep(Duration::from_millis(1));
            waker.call_from_thread(|_| {});
        }
        drop(hold);
    });
    while !done() {
        assert!(!nudge.is_finished(), "waited in vain");
        reactor.turn(Some(SECOND)).expect("turns");
    }
}

fn error_of(answers: &Answers) -> ResolveError {
    let answers = answers.take();
    let [Err(failure)] = &answers[..] else { panic!("{answers:?}") };
    failure.downcast_ref::<ResolveError>().expect("of the resolver").clone()
}

#[test]
fn nothing_is_told_before_thread_and_loop_have_run_and_then_the_addresses_once() {
    let reactor = reactor();
    let (answers, answer, _) = by_a_thread(&reactor);
    reactor.turn(Some(Duration::ZERO)).expect("turns");
    assert!(answers.borrow().is_empty());
    let ipv6 = std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 0, 5, 7);
    let found = vec![at("4.3.2.1:0"), ipv6.into()];
    answer.send(Ok(found.clone())).expect("the thread waits");
    assert!(answers.borrow().is_empty(), "the loop has not run");
    turn_until(&reactor, || !answers.borrow().is_empty());
    let answers = answers.take();
    assert_eq!(answers.len(), 1);
    assert_eq!(*answers[0].as_ref().expect("addresses"), found);
    assert_eq!(reactor.counts(), Counts::default(), "no timer is left");
}

#[test]
fn an_error_of_the_thread_is_told_and_leaves_no_timer() {
    let reactor = reactor();
    let (answers, answer, _) = by_a_thread(&reactor);
    answer.send(Err("no such host".to_owned())).expect("the thread waits");
    turn_until(&reactor, || !answers.borrow().is_empty());
    let (host, reason) = ("name".to_owned(), "no such host".to_owned());
    assert_eq!(error_of(&answers), ResolveError::Failed { host, reason });
    assert!(reactor.delayed_calls().is_empty());
}

#[test]
fn without_an_answer_it_fails_at_its_limit_and_a_late_one_is_ignored() {
    let reactor = reactor();
    let begin = reactor.now();
    let (answers, answer, is_done) = by_a_thread(&reactor);
    while reactor.now() < begin + LIMIT - SECOND {
        reactor.turn(Some(SECOND / 2)).expect("turns");
        assert!(answers.borrow().is_empty(), "at {:?}", reactor.now() - begin);
    }
    let due = reactor.delayed_calls().first().and_then(interfaces::DelayedCall::time);
    assert!(due.is_some_and(|due| due - begin - LIMIT < SECOND / 1000), "{due:?}");
    reactor.turn(None).expect("turns");
    while answers.borrow().is_empty() {
        reactor.turn(Some(SECOND / 1000)).expect("turns");
    }
    assert_eq!(error_of(&answers), ResolveError::TimedOut { host: "name".into(), after: LIMIT });
    answer.send(Err("too late".to_owned())).expect("the thread waits");
    assert!(is_done.recv().is_err());
    turn_until(&reactor, || reactor.counts() == Counts::default());
    assert!(answers.borrow().is_empty());
}

#[test]
fn one_that_was_cancelled_or_is_late_is_not_begun_by_a_thread() {
    let reactor = reactor();
    // They have all threads.
    let hang: Vec<_> = (0..CUT_OFF_THREADS_MAX).map(|_| by_a_thread(&reactor)).collect();
    let core = reactor.core();
    let never = by_name_server(|| unreachable!("nothing waits for it"));
    let second = core.begin("cancelled", never);
    let handle = second.cancel_handle();
    let second = answers_of(second);
    handle.cancel();
    assert!(second.take()[0].as_ref().is_err_and(|failure| failure.check::<Cancelled>()));
    let never = by_name_server(|| unreachable!("nothing waits for it"));
    let third = answers_of(core.begin("late", never));
    while third.borrow().is_empty() {
        reactor.turn(Some(SECOND)).expect("turns");
    }
    assert!(matches!(error_of(&third), ResolveError::TimedOut { .. }));
    for (first, answer, _) in hang {
        assert!(matches!(error_of(&first), ResolveError::TimedOut { .. }));
        answer.send(Ok(Vec::new())).expect("the thread waits");
    }
    turn_until(&reactor, || reactor.counts() == Counts::default());
}

#[test]
fn look_ups_that_hang_keep_no_other_work_waiting_and_are_limited() {
    let reactor = reactor();
    let hang: Vec<_> = (0..CUT_OFF_THREADS_MAX).map(|_| by_a_thread(&reactor)).collect();
    let never = || by_name_server(|| unreachable!("no thread is left for it"));
    let core = reactor.core();
    let mut queued: Vec<_> = (hang.len()..super::LOOK_UPS_MAX)
        .map(|_| answers_of(core.begin("queued", never())))
        .collect();
    let refused = answers_of(core.begin("one too many", never()));
    assert!(
        matches!(error_of(&refused), ResolveError::Failed { host, .. } if host == "one too many")
    );

    let is_done = Rc::new(std::cell::Cell::new(false));
    let set = is_done.clone();
    let done = move |_| set.set(true);
    interfaces::ReactorThreads::call_in_thread(&reactor, Box::new(|| {}), Box::new(done));
    turn_until(&reactor, || is_done.get());
    assert!(queued.iter().all(|answers| answers.borrow().is_empty()));

    while queued.last().is_some_and(|answers| answers.borrow().is_empty()) {
        reactor.turn(Some(SECOND)).expect("turns");
    }
    assert!(
        queued.drain(..).all(|answers| matches!(error_of(&answers), ResolveError::TimedOut { .. }))
    );
    for (_, answer, _) in hang {
        answer.send(Ok(Vec::new())).expect("the thread waits");
    }
    turn_until(&reactor, || reactor.counts() == Counts::default());
    assert_eq!(core.names.waiting.get(), 0);
}

#[test]
fn one_that_is_cancelled_before_a_thread_has_begun_it_takes_no_place_and_its_work_is_dropped() {
    let reactor = reactor();
    let hang: Vec<_> = (0..CUT_OFF_THREADS_MAX).map(|_| by_a_thread(&reactor)).collect();
    let core = reactor.core();
    let work = Arc::new(());
    for _ in 0..2 * super::LOOK_UPS_MAX {
        let held = Arc::clone(&work);
        let never = move || unreachable!("{held:?}: nothing waits for it");
        let look_up = core.begin("cancelled", by_name_server(never));
        assert_eq!(core.names.waiting.get(), hang.len() + 1);
        look_up.cancel_handle().cancel();
        assert!(matches!(answers_of(look_up).take()[..], [Err(_)]));
    }
    assert_eq!((Arc::strong_count(&work), core.names.waiting.get()), (1, hang.len()));
    assert_eq!(reactor.counts().jobs, hang.len());
    // One that a thread has begun has its place until the thread is free.
    let (first, answer, _) = &hang[0];
    while first.borrow().is_empty() {
        reactor.turn(Some(SECOND)).expect("turns");
    }
    assert_eq!(core.names.waiting.get(), hang.len());
    answer.send(Ok(Vec::new())).expect("the thread waits");
    turn_until(&reactor, || core.names.waiting.get() == hang.len() - 1);
    for (_, answer, _) in &hang[1..] {
        answer.send(Ok(Vec::new())).expect("the thread waits");
    }
    turn_until(&reactor, || reactor.counts() == Counts::default());
}

#[test]
fn one_that_needs_no_name_server_is_answered_while_all_threads_wait_for_one() {
    let reactor = reactor();
    let hang: Vec<_> = (0..CUT_OFF_THREADS_MAX).map(|_| by_a_thread(&reactor)).collect();
    let core = reactor.core();
    let never = || unreachable!("no thread is left for it");
    let behind = answers_of(core.begin("behind", by_name_server(never)));
    let found = vec![at("192.0.2.1:80")];
    let shorts: Vec<_> = (0..50)
        .map(|_| {
            let found = found.clone();
            let (work, is_short) = (Box::new(|| Ok(found)), Box::new(|| true));
            answers_of(core.begin("short", LookUp::Work { work, is_short }))
        })
        .collect();
    turn_until(&reactor, || shorts.iter().all(|answers| !answers.borrow().is_empty()));
    shorts.iter().for_each(|answers| assert_eq!(addresses(answers), found));
    assert!(behind.borrow().is_empty());
    for (_, answer, _) in hang {
        answer.send(Err("at last".to_owned())).expect("the thread waits");
    }
    while behind.borrow().is_empty() {
        reactor.turn(Some(SECOND)).expect("turns");
    }
    turn_until(&reactor, || reactor.counts() == Counts::default());
    let is_short = Box::new(|| unreachable!("a thread is free"));
    let last =
        answers_of(core.begin("last", LookUp::Work { work: Box::new(|| Ok(found)), is_short }));
    turn_until(&reactor, || !last.borrow().is_empty());
}

#[test]
fn at_the_end_of_the_run_each_one_fails_with_that_reason_and_so_do_those_that_this_begins() {
    let reactor = reactor();
    let hang: Vec<_> = (0..CUT_OFF_THREADS_MAX).map(|_| by_a_thread(&reactor)).collect();
    let never = || unreachable!("no thread is left for it");
    let queued = answers_of(reactor.core().begin("name", by_name_server(never)));
    reactor.system().silence_host("name");
    let silent = answers_of(reactor.resolve_family("name", 80, AddressFamily::Any));
    let (again, asked) = (Answers::default(), reactor.clone());
    let told = again.clone();
    drop(reactor.resolve_family("name", 80, AddressFamily::Any).add_both(move |answer| {
        assert!(answer.is_err());
        let second = answers_of(asked.resolve_family("name", 80, AddressFamily::Any));
        told.borrow_mut().append(&mut second.borrow_mut());
        Ok::<(), Failure>(())
    }));
    reactor.stop().expect("it runs");
    turn_until(&reactor, || !queued.borrow().is_empty());
    for answers in hang.iter().map(|it| &it.0).chain([&queued, &silent, &again]) {
        assert_eq!(error_of(answers), ResolveError::Stopped { host: "name".into() });
    }
    assert_eq!((reactor.counts(), reactor.delayed_calls().len()), (Counts::default(), 0));
    // The next run has look-ups of its own, and late answers of the first are nothing to it.
    reactor.fire_system_event(SystemEvent::Startup);
    let local = answers_of(reactor.resolve_family("localhost", 80, AddressFamily::Ipv4));
    for (_, answer, _) in &hang {
        answer.send(Ok(Vec::new())).expect("the thread waits");
    }
    while local.borrow().is_empty() {
        reactor.turn(Some(SECOND)).expect("turns");
    }
    assert_eq!(addresses(&local), [at("127.0.0.1:80")]);
    assert!(hang.iter().all(|(answers, ..)| answers.borrow().is_empty()));
}

thread_local! {
    static REPORTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn one_that_is_pending_when_its_reactor_is_dropped_fails_too_and_nothing_is_reported() {
    // The hook is the process's, the list this thread's.
    deferred::set_unhandled_hook(|unhandled| {
        REPORTED.with_borrow_mut(|list| list.push(unhandled.to_string()));
    });
    let reactor = reactor();
    let (answers, answer, is_done) = by_a_thread(&reactor);
    drop(reactor);
    assert_eq!(error_of(&answers), ResolveError::Stopped { host: "name".into() });
    drop(answer);
    assert!(is_done.recv().is_err());
    assert_eq!(REPORTED.take(), [""; 0]);
}

#[test]
fn the_simulated_network_has_names_of_its_own() {
    let reactor = reactor();
    let network = reactor.system();
    let ips: Vec<IpAddr> = vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    network.set_host("db.test", ips);
    network.silence_host("silent.test");
    let ask = |host: &str, family| answers_of(reactor.resolve_family(host, 80, family));
    let any = ask("DB.test.", AddressFamily::Any);
    let ipv4 = ask("db.test", AddressFamily::Ipv4);
    let ipv6 = ask("db.test", AddressFamily::Ipv6);
    let local = ask("localhost", AddressFamily::Ipv4);
    let unknown = ask("else.test", AddressFamily::Any);
    let silent = ask("silent.test", AddressFamily::Any);
    assert!(any.borrow().is_empty(), "an answer takes its time");
    while silent.borrow().is_empty() {
        reactor.turn(Some(SECOND)).expect("turns");
    }
    assert_eq!(addresses(&any), [at("192.0.2.1:80"), at("[2001:db8::1]:80")]);
    assert_eq!(addresses(&ipv4), [at("192.0.2.1:80")]);
    assert_eq!(addresses(&ipv6), [at("[2001:db8::1]:80")]);
    assert_eq!(addresses(&local), [at("127.0.0.1:80")]);
    assert!(matches!(error_of(&unknown), ResolveError::Failed { .. }));
    assert!(matches!(error_of(&silent), ResolveError::TimedOut { .. }));
    assert_eq!(reactor.counts(), Counts::default());
}

/// Knows one name.
struct OneName(&'static str);

impl Resolver for OneName {
    fn resolve_host_name(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        if host == self.0 {
            return Deferred::succeed(vec![SocketAddr::new([192, 0, 2, 9].into(), port)]);
        }
        Deferred::fail(std::io::Error::other("it knows one name"))
    }
}

#[test]
fn a_resolver_that_is_installed_answers_from_then_on_and_the_one_before_is_returned() {
    let reactor = reactor();
    let system = reactor.install_resolver(Rc::new(OneName("first.test")));
    let answer = |resolver: &dyn Resolver, host: &str, family| {
        let answers = answers_of(resolver.resolve_family(host, 80, family));
        while answers.borrow().is_empty() {
            reactor.turn(Some(SECOND)).expect("turns");
        }
        let mut answers = answers.take();
        answers.remove(0)
    };
    let found = answer(&reactor, "first.test", AddressFamily::Any).expect("it is known");
    assert_eq!(found, [at("192.0.2.9:80")]);
    // An error of any kind goes to the caller alone.
    let failure = answer(&reactor, "localhost", AddressFamily::Any).expect_err("it is not known");
    assert!(failure.check::<std::io::Error>());
    let failure = answer(&reactor, "first.test", AddressFamily::Ipv6).expect_err("it has none");
    assert!(failure.check::<ResolveError>());
    let found = answer(&reactor, "127.0.0.1", AddressFamily::Any).expect("it is numeric");
    assert_eq!(found, [at("127.0.0.1:80")]);
    let found = answer(&*system, "localhost", AddressFamily::Ipv4).expect("the system knows it");
    assert_eq!(found, [at("127.0.0.1:80")]);
    let first = reactor.install_resolver(system);
    assert!(answer(&*first, "first.test", AddressFamily::Any).is_ok());
    assert!(answer(&reactor, "localhost", AddressFamily::Any).is_ok());
    assert!(answer(&reactor, "first.test", AddressFamily::Any).is_err());
}
