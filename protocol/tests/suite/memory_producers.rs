//! Claims about flow control in memory: who is told to wait, and who is asked for more.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::{Source, Talk};
use interfaces::{AlreadyProducing, BufferLimits, Chunk, Producer, PushProducer, Transport};

fn limit(transport: &Rc<dyn Transport>, high_water: usize) {
    transport.set_buffer_limits(BufferLimits::default().with_high_water(high_water));
}

fn connected() -> Talk {
    let talk = Talk::new();
    talk.pair.flush();
    talk
}

#[test]
fn a_push_producer_is_paused_inside_the_write_that_is_too_much_and_resumed_when_all_left() {
    let talk = connected();
    let client = talk.pair.client();
    limit(&client, 500);
    let source = Source::silent(&client);
    client.register_producer(Producer::Push(source.clone())).unwrap();
    client.write(&[0; 500]);
    assert!(source.history().is_empty(), "500 are not more than 500");
    client.write_sequence((0..20).map(|_| Chunk::from(&[0; 50])).collect());
    assert_eq!(source.history(), ["pause"]);
    client.write(&[0; 50]);
    assert_eq!(source.history(), ["pause"], "once");
    talk.pair.flush();
    assert_eq!(source.history(), ["pause", "resume"]);
    client.write(&[0; 501]);
    assert_eq!(source.history(), ["pause", "resume", "pause"]);
}

#[test]
fn a_push_producer_that_was_not_paused_is_never_resumed() {
    let talk = connected();
    let source = Source::silent(&talk.pair.client());
    talk.pair.client().register_producer(Producer::Push(source.clone())).unwrap();
    talk.pair.client().write(b"a little");
    talk.pair.flush();
    assert!(source.history().is_empty());
}

#[test]
fn a_pull_producer_is_asked_at_once_and_whenever_its_piece_has_left_and_never_paused() {
    let talk = connected();
    let client = talk.pair.client();
    limit(&client, 10);
    let source = Source::new(&client, vec![vec![0; 1000]], |transport| {
        transport.unregister_producer();
        transport.lose_connection();
    });
    client.register_producer(Producer::Pull(source.clone())).unwrap();
    assert_eq!(source.history(), ["resume"]);
    talk.pair.flush();
    assert_eq!(source.history(), ["resume", "resume"]);
    assert_eq!(talk.server.received().len(), 1000);
    talk.assert_over();
}

#[test]
fn a_pull_producer_gives_piece_by_piece_at_the_readers_pace() {
    let talk = connected();
    let server = talk.pair.server();
    server.pause_producing();
    let client = talk.pair.client();
    let pieces = (0..100).map(|_| vec![7; 10_000]).collect();
    let source = Source::new(&client, pieces, |transport| transport.unregister_producer());
    client.register_producer(Producer::Pull(source.clone())).unwrap();
    client.lose_connection();
    talk.pair.flush();
    let asked = source.history().len();
    assert!(asked < 10, "a full pipe asks for no more, but it asked {asked} times");
    server.resume_producing();
    talk.pair.flush();
    assert_eq!(talk.server.received().len(), 1_000_000);
    talk.assert_over();
}

#[test]
fn a_second_producer_is_refused_and_the_first_stays() {
    let talk = connected();
    let client = talk.pair.client();
    let [first, second] = [(); 2].map(|()| Source::silent(&client));
    client.register_producer(Producer::Push(first.clone())).unwrap();
    let refused = client.register_producer(Producer::Pull(second.clone()));
    assert_eq!(refused, Err(AlreadyProducing));
    limit(&client, 1);
    client.write(b"xx");
    assert_eq!((first.history(), second.history()), (vec!["pause"], vec![]));
    client.unregister_producer();
    client.register_producer(Producer::Push(second.clone())).unwrap();
    client.write(b"x");
    assert_eq!(second.history(), ["pause"], "the new one hears for itself");
}

#[test]
fn a_producer_is_stopped_at_once_on_a_dead_transport_and_on_an_aborted_one() {
    let talk = connected();
    for _ in ["aborted", "dead"] {
        talk.pair.client().abort_connection();
        let kinds: [fn(Rc<Source>) -> Producer; 2] =
            [|source| Producer::Push(source), |source| Producer::Pull(source)];
        for kind in kinds {
            let source = Source::silent(&talk.pair.client());
            talk.pair.client().register_producer(kind(source.clone())).unwrap();
            assert_eq!(source.history(), ["stop"]);
        }
        talk.pair.flush();
    }
}

#[test]
fn lose_connection_waits_for_the_producer_to_be_unregistered() {
    let talk = connected();
    let client = talk.pair.client();
    let source = Source::silent(&client);
    client.register_producer(Producer::Pull(source.clone())).unwrap();
    client.lose_connection();
    talk.pair.flush();
    assert_eq!(talk.client.count("connection_lost"), 0);
    client.unregister_producer();
    talk.pair.flush();
    assert_eq!(source.history(), ["resume"], "nobody stops one that is unregistered");
    talk.assert_over();
}

#[test]
fn a_half_close_waits_for_the_producer_too() {
    let talk = Talk::of(|client| client.half_closeable(), |server| server.half_closeable());
    talk.pair.flush();
    let client = talk.pair.client();
    client.register_producer(Producer::Push(Source::silent(&client))).unwrap();
    client.as_half_closeable().unwrap().lose_write_connection();
    client.write(b"more");
    talk.pair.flush();
    assert_eq!(talk.client.count("write_connection_lost"), 0);
    client.unregister_producer();
    client.write(b"too late");
    talk.pair.flush();
    assert_eq!(talk.client.count("write_connection_lost"), 1);
    assert_eq!(talk.server.received(), b"more");
}

#[test]
fn no_close_waits_for_a_producer_that_has_finished() {
    type Close = fn(&dyn Transport);
    let closes: [Close; 2] = [
        |transport| transport.lose_connection(),
        |transport| transport.as_half_closeable().unwrap().lose_write_connection(),
    ];
    for close in closes {
        // The producer is another connection, which its peer has ended.
        let feeding = Talk::of(|client| client.half_closeable(), |server| server.half_closeable());
        let fed = Talk::of(|client| client.half_closeable(), |server| server.half_closeable());
        feeding.pair.flush();
        fed.pair.flush();
        let (source, client) = (feeding.pair.client(), fed.pair.client());
        client.register_producer(Producer::Push(source.clone())).unwrap();
        assert!(!source.has_finished());
        feeding.pair.server().as_half_closeable().unwrap().lose_write_connection();
        feeding.pair.flush();
        assert!(source.has_finished());
        client.write(b"all");
        close(&*client);
        fed.pair.flush();
        assert_eq!(
            (fed.server.received().as_slice(), fed.server.count("read_connection_lost")),
            (&b"all"[..], 1)
        );
        assert!(feeding.client.lost().is_none(), "its other direction goes on");
        for talk in [feeding, fed] {
            talk.pair.client().abort_connection();
            talk.pair.flush();
        }
    }
}

#[test]
fn a_producer_that_is_resumed_may_abort_and_is_stopped_before_the_end_is_told() {
    let told = Rc::new(Cell::new(false));
    let lost = told.clone();
    let talk = Talk::of(|client| client.on_lost(move |_| lost.set(true)), |server| server);
    talk.pair.flush();
    let client = talk.pair.client();
    struct Aborts(Rc<dyn Transport>, Rc<Cell<bool>>, Cell<u32>);
    impl interfaces::PullProducer for Aborts {
        fn resume_producing(&self) {
            self.2.set(self.2.get() + 1);
            match self.2.get() {
                1 => self.0.write(&[0; 762_000]),
                2 => self.0.abort_connection(),
                _ => panic!("asked after the abort"),
            }
        }
        fn stop_producing(&self) {
            assert!(!self.1.get(), "the protocol hears later");
            self.2.set(100);
        }
    }
    let producer = Rc::new(Aborts(client.clone(), told.clone(), Cell::new(0)));
    client.register_producer(Producer::Pull(producer.clone())).unwrap();
    talk.pair.flush();
    assert_eq!((producer.2.get(), told.get()), (100, true));
    talk.assert_over();
}

#[test]
fn unregistering_from_connection_lost_wakes_nothing() {
    let transport = Rc::new(Cell::new(None::<Rc<dyn Transport>>));
    let kept = transport.clone();
    let talk = Talk::of(
        |client| {
            client.on_lost(move |_| {
                if let Some(transport) = kept.take() {
                    transport.unregister_producer();
                    transport.write(b"dead");
                }
            })
        },
        |server| server,
    );
    talk.pair.flush();
    let client = talk.pair.client();
    transport.set(Some(client.clone()));
    let source = Source::new(&client, vec![vec![b'x']; 100], |_| {});
    client.register_producer(Producer::Pull(source.clone())).unwrap();
    client.lose_connection();
    talk.pair.server().abort_connection();
    talk.pair.flush();
    assert_eq!(source.history().last(), Some(&"stop"));
    talk.assert_over();
}

#[test]
fn joining_two_connections_as_each_others_producers_bounds_what_is_in_between() {
    let (left, right) = (connected(), connected());
    let (reads, writes) = (left.pair.server(), right.pair.client());
    writes.register_producer(Producer::Push(reads.clone() as Rc<dyn Transport>)).unwrap();
    let unsent = Rc::new(Cell::new(0));
    right.pair.server().pause_producing();
    left.pair.client().write(&[1; 10_000_000]);
    let forwarded = Rc::new(Cell::new(0));
    let mut drained = 0;
    for round in 0..10_000 {
        left.pair.pump();
        let received = left.server.received();
        writes.write(&received[forwarded.get()..]);
        forwarded.set(received.len());
        right.pair.pump();
        drained = right.server.received().len();
        unsent.set(unsent.get().max(forwarded.get() - drained));
        if round == 100 {
            right.pair.server().resume_producing();
        }
        if drained == 10_000_000 {
            break;
        }
    }
    assert_eq!(drained, 10_000_000);
    assert!(unsent.get() <= 4 * 64 * 1024, "{} bytes lay in between", unsent.get());
}

#[test]
fn every_transport_is_a_push_producer() {
    fn takes(_: &dyn PushProducer) {}
    takes(&*connected().pair.client());
}
