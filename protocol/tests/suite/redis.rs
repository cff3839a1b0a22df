//! The commands of the Redis server, on a clock that the test moves.

use std::time::Duration;

use interfaces::StreamServerEndpoint as _;
use ropewalk_protocol::connect_protocol;
use ropewalk_protocol::redis::RedisFactory;
use ropewalk_protocol::testing::memory::Network;
use ropewalk_protocol::testing::{Clock, Record, Recorder};

struct Scene {
    network: Network,
    clock: Clock,
    client: Record,
}

impl Scene {
    fn new(limit: usize) -> Self {
        let (network, clock) = (Network::new(), Clock::new());
        let factory = RedisFactory::new(clock.clone()).with_memory_limit(limit);
        drop(network.server("redis").listen(factory.into_rc()));
        let client = Self::client(&network);
        Self { network, clock, client }
    }

    fn client(network: &Network) -> Record {
        let record = Record::new();
        drop(connect_protocol(&network.client("redis"), Recorder::new(&record)));
        network.flush();
        record
    }

    /// The answer to this line.
    fn ask(&self, command: &str) -> String {
        let before = self.client.received().len();
        self.client.transport().write(format!("{command}\r\n").as_bytes());
        self.network.flush();
        let answer = String::from_utf8_lossy(&self.client.received()[before..]).into_owned();
        answer.trim_end().replace("\r\n", " ")
    }

    #[track_caller]
    fn answers(&self, dialogue: &[(&str, &str)]) {
        for (command, answer) in dialogue {
            assert_eq!(self.ask(command), *answer, "{command}");
        }
    }
}

#[test]
fn the_options_of_set_and_the_counting_of_keys() {
    Scene::new(1 << 20).answers(&[
        ("SET k a XX", "$-1"),
        ("set k a nx", "+OK"),
        ("SET k b NX", "$-1"),
        ("SET k b XX", "+OK"),
        ("GET k", "$1 b"),
        ("SET k b NX XX", "-ERR syntax error"),
        ("SET k b EX", "-ERR syntax error"),
        ("SET k b EX x", "-ERR invalid expire time"),
        ("EXISTS k k other", ":2"),
        ("DBSIZE", ":1"),
        ("DEL k k other", ":1"),
        ("EXISTS k", ":0"),
        ("INCRBY n 40", ":40"),
        ("INCR n", ":41"),
        ("DECR n", ":40"),
        ("INCRBY n 9223372036854775807", "-ERR value is not an integer or out of range"),
        ("GET n", "$2 40"),
        ("FLUSHALL", "+OK"),
        ("DBSIZE", ":0"),
        ("GET", "-ERR cannot run GET so"),
        ("", ""),
    ]);
}

#[test]
fn a_time_to_live_ends_a_key_and_is_kept_by_a_number_that_grows() {
    let scene = Scene::new(1 << 20);
    scene.answers(&[
        ("TTL k", ":-2"),
        ("SET k 1 EX 10", "+OK"),
        ("TTL k", ":10"),
        ("INCR k", ":2"),
        ("PTTL k", ":10000"),
        ("EXPIRE other 1", ":0"),
        ("SET for-ever 1", "+OK"),
        ("TTL for-ever", ":-1"),
    ]);
    scene.clock.advance(Duration::from_millis(9001));
    scene.answers(&[("TTL k", ":1"), ("PERSIST k", ":1"), ("PERSIST k", ":0"), ("TTL k", ":-1")]);
    scene.answers(&[("PEXPIRE k 500", ":1"), ("EXPIRE for-ever -1", ":1"), ("DBSIZE", ":1")]);
    scene.clock.advance(Duration::from_millis(500));
    scene.answers(&[("GET k", "$-1"), ("DBSIZE", ":0"), ("SET k a", "+OK"), ("TTL k", ":-1")]);
}

#[test]
fn more_than_the_limit_is_refused_and_what_is_over_makes_room() {
    let scene = Scene::new(1000);
    let text = "v".repeat(300);
    let set = |key: &str, rest: &str| scene.ask(&format!("SET {key} {text}{rest}"));
    assert_eq!((set("a", ""), set("b", " PX 100")), ("+OK".into(), "+OK".into()));
    let refused = "-OOM command not allowed when used memory > 'maxmemory'";
    assert_eq!(set("c", ""), refused);
    assert_eq!(set("a", ""), "+OK", "the same key has room");
    scene.clock.advance(Duration::from_millis(100));
    assert_eq!(set("c", ""), "+OK");
    assert_eq!(scene.ask("DEL a c"), ":2");
    for key in 0..100 {
        assert_eq!(scene.ask(&format!("SET {key} v")), if key < 10 { "+OK" } else { refused });
    }
}

#[test]
fn a_client_that_quits_gets_its_answer_and_the_end_and_is_no_subscriber_any_more() {
    let scene = Scene::new(1000);
    assert_eq!(scene.ask("SUBSCRIBE news"), "*3 $9 subscribe $4 news :1");
    let other = Scene { client: Scene::client(&scene.network), ..scene };
    assert_eq!(other.ask("PUBLISH news x"), ":1");
    let gone = Scene { client: Scene::client(&other.network), ..other };
    gone.answers(&[("SUBSCRIBE other", "*3 $9 subscribe $5 other :1"), ("QUIT", "+OK")]);
    assert!(gone.client.lost().is_some());
    let last = Scene { client: Scene::client(&gone.network), ..gone };
    last.answers(&[("PUBLISH other x", ":0"), ("PUBLISH news x", ":1")]);
}
