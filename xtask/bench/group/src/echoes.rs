//! Echoes of 64 bytes in simulated networks: by one reactor, and by two on a thread each.
//!
//! The kernel is taken away, and each reactor's clients run on its own thread, so nothing is the limit but
//! the reactors and the cores. What else the machine does only takes away, so the best rounds are
//! compared beside the median ones. Invariant: rounds of one and of two reactors take turns.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use interfaces::{ConnectTcp, ListenTcp, Protocol, ReactorTcp as _, Transport};
use protocol::factory_fn;
use reactor::simulated::{Faults, Links, Simulated};
use reactor::{Limits, Reactor};

use crate::median;

const ROUNDS: usize = 45;
const CONNECTIONS: usize = 50;
const TIME: Duration = Duration::from_millis(100);

static MESSAGE: [u8; 64] = *b"a message of sixty-four bytes, sent back as it was and once more";

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        transport.write(data);
    }
}

/// Sends the message again each time its echo has arrived.
struct Asker {
    answers: Rc<Cell<u64>>,
    came: usize,
}

impl Protocol for Asker {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        transport.write(&MESSAGE);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.came += data.len();
        if self.came >= MESSAGE.len() {
            self.came -= MESSAGE.len();
            self.answers.set(self.answers.get() + 1);
            transport.write(&MESSAGE);
        }
    }
}

/// Echoes in the time of one thread, and that thread's time on a core.
struct Served {
    echoes: u64,
    elapsed: Duration,
    on_a_core: Duration,
}

/// Runs one reactor on this thread; the measured time begins for all threads together.
fn serve(begin: &Barrier) -> Served {
    let network = Simulated::new(1);
    network.set_faults(Faults::none());
    network.set_links(Links::loopback());
    let reactor = Reactor::on(network, Limits::default());
    let answers = Rc::new(Cell::new(0));
    let address = ([127, 0, 0, 1], 7);
    let port = reactor.listen_tcp(&ListenTcp::new(address), factory_fn(|_| Echo));
    drop(port.expect("the network is empty"));
    for _ in 0..CONNECTIONS {
        let answers = answers.clone();
        let asker = factory_fn(move |_| Asker { answers: answers.clone(), came: 0 });
        drop(reactor.connect_tcp(&ConnectTcp::new(address), asker));
    }
    let turn = || reactor.turn(Some(Duration::from_secs(1))).expect("it is simulated");
    while answers.get() < 10 * CONNECTIONS as u64 {
        turn();
    }
    begin.wait();
    let (began, cpu, before) = (Instant::now(), thread_time(), answers.get());
    while began.elapsed() < TIME {
        (0..100).for_each(|_| turn());
    }
    Served {
        echoes: answers.get() - before,
        elapsed: began.elapsed(),
        on_a_core: thread_time().saturating_sub(cpu),
    }
}

/// Echoes a second of this many reactors together: in the time that passed, and in the time that their
/// threads had a core.
fn rates(reactors: usize) -> [f64; 2] {
    let begin = Barrier::new(reactors);
    let served: Vec<Served> = thread::scope(|scope| {
        let threads: Vec<_> = (0..reactors).map(|_| scope.spawn(|| serve(&begin))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let sum = |time: fn(&Served) -> Duration| {
        served.iter().map(|it| it.echoes as f64 / time(it).as_secs_f64()).sum()
    };
    [sum(|it| it.elapsed), sum(|it| it.on_a_core)]
}

pub(crate) fn measure() -> Result<String, Box<dyn Error>> {
    let (mut on_cores, mut one, mut two) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let (alone, both) = (rates(1), rates(2));
        on_cores.push(both[1] / alone[1]);
        one.push(alone[0]);
        two.push(both[0]);
    }
    Ok(format!(
        "echoes of 64 bytes without a kernel, {ROUNDS} rounds in turns\n  \
         one reactor            {:>10.0} a second (median), {:>10.0} (best)\n  \
         two reactors           {:>10.0} a second (median), {:>10.0} (best)\n  \
         two beside one         {:>10.2} × (medians), {:.2} × (best rounds): wants two idle cores\n  \
         by their threads' time {:>10.2} × (median)",
        median(&mut one),
        best(&one),
        median(&mut two),
        best(&two),
        median(&mut two) / median(&mut one),
        best(&two) / best(&one),
        median(&mut on_cores),
    ))
}

fn best(rates: &[f64]) -> f64 {
    rates.iter().copied().fold(0.0, f64::max)
}

/// The time that this thread has had a core (clock_gettime(2), `CLOCK_THREAD_CPUTIME_ID`).
fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer leads to a whole `timespec`.
    let answer = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(answer, 0, "every thread has this clock");
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}
