//! Claims about reconnecting client factories: which delays, how often, and what stops them.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{Protocol, ReactorTime as _, Reason, Transport};
use ropewalk_protocol::FactoryFn;
use ropewalk_protocol::client::{
    ClientFactory, Connector, ConnectorState, ReconnectPolicy, ReconnectingClientFactory,
    WeakReconnectingClientFactory,
};
use ropewalk_protocol::testing::Clock;
use testkit::Dice;

use crate::support::by_hand::ByHand;

struct Nothing;

impl Protocol for Nothing {
    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {}
}

/// A reconnecting client that has begun its first attempt.
struct Scene {
    clock: Clock,
    endpoint: ByHand,
    factory: ReconnectingClientFactory,
    connector: Connector,
}

const SECOND: Duration = Duration::from_secs(1);

fn steady() -> ReconnectPolicy {
    ReconnectPolicy::default().with_jitter(0.0)
}

fn scene(policy: ReconnectPolicy) -> Scene {
    scene_of(policy, || 0.5)
}

fn scene_of(policy: ReconnectPolicy, random: impl Fn() -> f64 + 'static) -> Scene {
    let (clock, endpoint) = (Clock::new(), ByHand::default());
    let inner: Rc<dyn ClientFactory> = Rc::new(FactoryFn::new(|_| Nothing));
    let factory = ReconnectingClientFactory::new(clock.clone(), inner)
        .with_policy(policy)
        .with_random(random);
    let connector = Connector::new(endpoint.clone(), factory.clone().into_rc());
    connector.connect().expect("a new one can be started");
    Scene { clock, endpoint, factory, connector }
}

impl Scene {
    /// The delay of the pending retry.
    fn delay(&self) -> Option<Duration> {
        assert!(self.clock.pending() <= 1, "one retry at most");
        self.factory.next_retry().map(|due| due - self.clock.now())
    }

    /// Refuses the attempt; returns the delay until the next one, which is waited for.
    fn refuse_and_wait(&self) -> Duration {
        self.endpoint.last().refuse();
        let delay = self.delay().expect("a retry");
        self.clock.advance(delay);
        delay
    }
}

#[test]
fn a_factory_that_stopped_trying_while_connected_lets_the_loss_pass() {
    let scene = scene(steady());
    scene.endpoint.last().connect();
    scene.factory.stop_trying();
    assert_eq!(scene.connector.state(), ConnectorState::Connected, "the connection stays");
    scene.endpoint.last().lose(&Reason::Done);
    assert_eq!((scene.endpoint.attempts(), scene.clock.pending()), (1, 0));
    assert_eq!(scene.connector.state(), ConnectorState::Disconnected);
}

#[test]
fn a_factory_that_stops_trying_stops_the_attempt_whose_failure_makes_no_retry() {
    let scene = scene(steady());
    scene.factory.stop_trying();
    assert_eq!((scene.endpoint.cancelled(), scene.clock.pending()), (1, 0));
    assert_eq!(scene.connector.state(), ConnectorState::Disconnected);
}

#[test]
fn a_loss_makes_exactly_one_call_on_the_clock_that_it_was_given() {
    let scene = scene(steady());
    scene.endpoint.last().connect();
    assert_eq!(scene.clock.pending(), 0);
    scene.endpoint.last().lose(&Reason::Done);
    assert_eq!(scene.clock.pending(), 1);
    scene.clock.advance(scene.delay().unwrap());
    assert_eq!((scene.endpoint.attempts(), scene.clock.pending()), (2, 0));
}

#[test]
fn without_jitter_the_first_delay_is_a_second_and_each_further_one_is_e_times_as_long_up_to_an_hour()
 {
    let scene = scene(steady());
    let delays: Vec<f64> = (0..11).map(|_| scene.refuse_and_wait().as_secs_f64()).collect();
    assert_eq!(delays[0], 1.0);
    for (number, delay) in delays.iter().enumerate() {
        let due = core::f64::consts::E.powi(number as i32).min(3600.0);
        assert!((delay - due).abs() < 1e-6, "delay {number} is {delay}, not {due}");
    }
    assert_eq!(delays[10], 3600.0);
}

#[test]
fn a_jittered_delay_has_the_normal_distribution_and_is_the_base_of_the_next_one() {
    let dice = Dice::new(7);
    let drawn = move || dice.below(1 << 52) as f64 / (1_u64 << 52) as f64;
    let scene = scene_of(ReconnectPolicy::default().with_max_delay(100 * SECOND), drawn);
    let delays: Vec<f64> = (0..20_000)
        .map(|_| {
            scene.factory.reset_delay();
            scene.refuse_and_wait().as_secs_f64()
        })
        .collect();
    let mean = delays.iter().sum::<f64>() / delays.len() as f64;
    let squares = delays.iter().map(|delay| (delay - mean).powi(2)).sum::<f64>();
    let deviation = (squares / delays.len() as f64).sqrt();
    assert!((mean - 1.0).abs() < 0.005, "mean {mean}");
    assert!((deviation - 0.1196).abs() < 0.003, "standard deviation {deviation}");
    let within = delays.iter().filter(|delay| (**delay - mean).abs() < deviation).count();
    let share = within as f64 / delays.len() as f64;
    assert!((share - 0.683).abs() < 0.02, "{share} lie within one deviation");

    // The largest draw and then the middle one: the second delay grows from the first as it was drawn.
    let high = Rc::new(Cell::new(true));
    let draw = high.clone();
    let random = move || if draw.get() { 0.999_999 } else { 0.5 };
    let scene = scene_of(ReconnectPolicy::default(), random);
    let first = scene.refuse_and_wait().as_secs_f64();
    assert!((first - (1.0 + 6.0 * 0.1196)).abs() < 0.001, "{first}");
    high.set(false);
    let second = scene.refuse_and_wait().as_secs_f64();
    assert!((second - first * core::f64::consts::E).abs() < 1e-6, "{second} after {first}");
}

/// Twisted caps a delay before its jitter, so that it may be longer than the maximum.
#[test]
fn no_delay_is_longer_than_the_maximum_with_its_jitter_nor_is_the_first_one() {
    let policy = ReconnectPolicy::default().with_max_delay(SECOND / 2);
    let scene = scene_of(policy, || 0.999_999);
    for _ in 0..5 {
        assert_eq!(scene.refuse_and_wait(), SECOND / 2);
    }
}

#[test]
fn a_jitter_that_draws_nothing_but_zero_leaves_delays_that_grow() {
    let scene = scene_of(ReconnectPolicy::default().with_jitter(5.0), || 0.0);
    assert_eq!(scene.refuse_and_wait(), SECOND / 10);
    assert!(scene.refuse_and_wait() > Duration::ZERO);
}

#[test]
fn resetting_the_delay_makes_it_a_second_and_the_count_none_and_lets_it_try_again() {
    let scene = scene(steady());
    for _ in 0..4 {
        scene.refuse_and_wait();
    }
    assert_eq!(scene.factory.retries(), 4);
    scene.factory.stop_trying();
    scene.factory.reset_delay();
    assert_eq!(scene.factory.retries(), 0);
    scene.connector.connect().unwrap();
    assert_eq!(scene.refuse_and_wait(), SECOND);
    assert_eq!(scene.factory.retries(), 1);
}

/// Twisted forgets the retry, which then connects all the same, and cannot be stopped.
#[test]
fn resetting_the_delay_cancels_the_pending_retry() {
    let scene = scene(steady());
    scene.endpoint.last().refuse();
    assert_eq!(scene.clock.pending(), 1);
    scene.factory.reset_delay();
    assert_eq!(scene.clock.pending(), 0);
    scene.clock.advance(10 * SECOND);
    assert_eq!(scene.endpoint.attempts(), 1);
}

#[test]
fn two_retries_at_most_are_two_and_the_count_goes_on() {
    let scene = scene(steady().with_max_retries(Some(2)));
    scene.refuse_and_wait();
    scene.refuse_and_wait();
    scene.endpoint.last().refuse();
    assert_eq!((scene.endpoint.attempts(), scene.clock.pending()), (3, 0));
    assert_eq!(scene.factory.retries(), 3);
    scene.connector.connect().unwrap();
    scene.endpoint.last().refuse();
    assert_eq!((scene.factory.retries(), scene.clock.pending()), (4, 0));
}

#[test]
fn no_retries_at_most_are_none_and_no_limit_is_no_limit() {
    let never = scene(steady().with_max_retries(Some(0)));
    never.endpoint.last().refuse();
    assert_eq!(never.clock.pending(), 0);
    let always = scene(steady());
    for _ in 0..100 {
        always.refuse_and_wait();
    }
    assert_eq!(always.endpoint.attempts(), 101);
}

/// Twisted's `retry` takes no connector and fails when it knows none; here it is always named.
#[test]
fn a_retry_by_hand_names_its_connector() {
    let scene = scene(steady().with_max_retries(Some(1)));
    scene.refuse_and_wait();
    scene.endpoint.last().refuse();
    assert_eq!(scene.clock.pending(), 0, "abandoned");
    scene.factory.reset_delay();
    scene.factory.retry(&scene.connector);
    scene.clock.advance(SECOND);
    assert_eq!(scene.endpoint.attempts(), 3);
}

/// Twisted's first delay stays a second until the first reset.
#[test]
fn another_initial_delay_is_that_of_the_first_retry() {
    let scene = scene(steady().with_initial_delay(5 * SECOND).with_factor(2.0));
    assert_eq!(scene.refuse_and_wait(), 5 * SECOND);
    assert_eq!(scene.refuse_and_wait(), 10 * SECOND);
}

/// Twisted makes a retry for each.
#[test]
fn several_notices_before_a_retry_make_one() {
    let scene = scene(steady());
    scene.endpoint.last().refuse();
    let delay = scene.delay();
    scene.factory.retry(&scene.connector);
    scene.factory.client_connection_lost(&scene.connector, &Reason::Done);
    assert_eq!((scene.clock.pending(), scene.delay()), (1, delay));
    assert_eq!(scene.factory.retries(), 1);
}

#[test]
fn stopping_takes_the_pending_retry_off_the_clock_where_there_is_no_attempt_to_stop() {
    let scene = scene(steady());
    scene.endpoint.last().refuse();
    scene.factory.stop_trying();
    assert_eq!((scene.clock.pending(), scene.endpoint.cancelled()), (0, 0));
    assert_eq!(scene.factory.next_retry(), None);
}

#[test]
fn a_connector_that_connects_already_is_not_retried() {
    let scene = scene(steady());
    scene.factory.retry(&scene.connector);
    assert_eq!(scene.clock.pending(), 0);
    scene.endpoint.last().connect();
    scene.factory.retry(&scene.connector);
    assert_eq!(scene.clock.pending(), 0);
}

/// Resets the delay with its first answer.
struct Resetting {
    retrying: WeakReconnectingClientFactory,
}

impl Protocol for Resetting {
    fn data_received(&mut self, _: &Rc<dyn Transport>, _: &[u8]) {
        self.retrying.reset_delay();
    }
}

#[test]
fn a_protocol_reaches_its_factory_and_resets_the_delay_from_inside() {
    let (clock, endpoint) = (Clock::new(), ByHand::default());
    let factory = ReconnectingClientFactory::new_cyclic(clock.clone(), |retrying| {
        let retrying = retrying.clone();
        Rc::new(FactoryFn::new(move |_| Resetting { retrying: retrying.clone() }))
    })
    .with_policy(steady());
    let connector = Connector::new(endpoint.clone(), factory.clone().into_rc());
    connector.connect().unwrap();
    endpoint.last().refuse();
    clock.advance(SECOND);
    endpoint.last().connect();
    endpoint.last().deliver(interfaces::Event::DataReceived(&mut [1]));
    endpoint.last().lose(&Reason::Done);
    assert_eq!(factory.next_retry(), Some(clock.now() + SECOND));
}

#[test]
fn a_client_that_nobody_holds_any_more_is_freed_when_it_stops() {
    let scene = scene(steady());
    let factory = scene.factory.downgrade();
    scene.endpoint.last().connect();
    scene.endpoint.last().lose(&Reason::Done);
    let Scene { clock, endpoint, factory: strong, connector } = scene;
    endpoint.forget();
    strong.stop_trying();
    drop((strong, connector));
    assert!(factory.upgrade().is_none(), "a ring holds it");
    assert_eq!(clock.pending(), 0);
}
