//! Proxies between producers and consumers: without a bound, and with one.

use std::rc::Rc;

use crate::support::producing::{Noting, Source};
use interfaces::{AlreadyProducing, Producer};
use ropewalk_protocol::producers::{
    BasicProducerConsumerProxy, Consumer, FileSender, ProducerConsumerProxy, ProxyOptions,
};
use ropewalk_protocol::testing::StringTransport;
use testkit::result_of;

/// The calls that both kinds of proxies have in common.
trait Proxy: Consumer {}

impl Proxy for BasicProducerConsumerProxy {}
impl Proxy for ProducerConsumerProxy {}

type Proxies = Vec<(Rc<Noting>, Rc<dyn Proxy>)>;

fn pushed() -> Proxies {
    let consumers = [Rc::new(Noting::default()), Rc::new(Noting::default())];
    let basic = BasicProducerConsumerProxy::push(consumers[0].clone()).expect("it has no producer");
    let options = ProxyOptions::new();
    let bounded =
        ProducerConsumerProxy::push(consumers[1].clone(), options).expect("it has no producer");
    let [first, second] = consumers;
    vec![(first, basic), (second, bounded)]
}

fn pulled() -> Proxies {
    let consumers = [Rc::new(Noting::default()), Rc::new(Noting::default())];
    let basic = BasicProducerConsumerProxy::pull(consumers[0].clone()).expect("it has no producer");
    let options = ProxyOptions::new();
    let bounded =
        ProducerConsumerProxy::pull(consumers[1].clone(), options).expect("it has no producer");
    let [first, second] = consumers;
    vec![(first, basic), (second, bounded)]
}

fn bounded(consumer: &Rc<Noting>, size: usize) -> Rc<ProducerConsumerProxy> {
    let options = ProxyOptions::new().with_buffer_size(size);
    let proxy = ProducerConsumerProxy::push(consumer.clone(), options).expect("it has no producer");
    consumer.take();
    proxy
}

#[test]
fn a_proxy_registers_with_its_consumer() {
    for (consumer, _proxy) in pushed() {
        assert_eq!(consumer.take(), ["register push"]);
    }
    for (consumer, _proxy) in pulled() {
        assert_eq!(consumer.take(), ["register pull"]);
    }
}

#[test]
fn a_push_producer_is_registered_without_a_call() {
    for (_consumer, proxy) in pushed().into_iter().chain(pulled()) {
        let source = Rc::new(Source::default());
        proxy.register_producer(source.as_push()).unwrap();
        assert_eq!(source.take(), [""; 0]);
        assert_eq!(proxy.register_producer(source.as_push()), Err(AlreadyProducing));
    }
}

#[test]
fn a_producer_that_has_left_hears_nothing_any_more() {
    let leaves: [fn(&dyn Proxy); 2] = [|it| it.unregister_producer(), |it| it.finish()];
    for leave in leaves {
        for (consumer, proxy) in pushed().into_iter().chain(pulled()) {
            let source = Rc::new(Source::default());
            proxy.register_producer(source.as_push()).unwrap();
            leave(&*proxy);
            consumer.resume();
            assert_eq!(source.take(), [""; 0]);
        }
    }
}

#[test]
fn during_a_pause_bytes_are_kept_and_then_come_in_one_write() {
    for (consumer, proxy) in pushed() {
        consumer.take();
        consumer.pause();
        proxy.write(b"some");
        proxy.write(b"thing");
        assert_eq!(consumer.take(), [""; 0]);
        consumer.resume();
        assert_eq!(consumer.take(), ["something"]);
        consumer.pause();
        consumer.resume();
        assert_eq!(consumer.take(), [""; 0], "no write of nothing");
        proxy.write(b"flows");
        assert_eq!(consumer.take(), ["flows"]);
    }
}

#[test]
fn after_a_stop_bytes_are_dropped_and_the_producer_is_stopped() {
    for (consumer, proxy) in pushed().into_iter().chain(pulled()) {
        let source = Rc::new(Source::default());
        proxy.register_producer(source.as_push()).unwrap();
        proxy.write(b"kept or not");
        consumer.stop();
        consumer.take();
        proxy.write(b"late");
        assert_eq!((consumer.take(), source.take()), (vec![], vec!["stop"]));
        let another = Rc::new(Source::default());
        proxy.register_producer(another.as_push()).unwrap();
        assert_eq!(another.take(), ["stop"]);
    }
}

#[test]
fn the_end_of_the_producer_is_told_to_the_consumer() {
    for (consumer, proxy) in pushed().into_iter().chain(pulled()) {
        consumer.take();
        proxy.unregister_producer();
        assert_eq!(consumer.take(), ["unregister"]);
    }
    for (consumer, proxy) in pushed().into_iter().chain(pulled()) {
        consumer.take();
        proxy.finish();
        assert_eq!(consumer.take(), ["finish", "unregister"]);
    }
}

/// Twisted drops them.
#[test]
fn bytes_that_are_kept_when_the_producer_leaves_are_written_first() {
    let consumer = Rc::new(Noting::default());
    let proxy = BasicProducerConsumerProxy::push(consumer.clone()).unwrap();
    consumer.pause();
    proxy.write(b"last");
    consumer.take();
    proxy.finish();
    assert_eq!(consumer.take(), ["last", "finish", "unregister"]);
    proxy.write(b"behind");
    assert_eq!(consumer.take(), ["behind"], "there is no pause any more");
}

#[test]
fn a_consumer_that_pulls_gets_what_was_written_since_in_one_piece() {
    for (consumer, proxy) in pulled() {
        consumer.take();
        proxy.write(b"some");
        proxy.write(b"thing");
        assert_eq!(consumer.take(), [""; 0], "it has not asked");
        consumer.resume();
        assert_eq!(consumer.take(), ["something"]);
        proxy.write(b"more");
        assert_eq!(consumer.take(), [""; 0]);
        consumer.resume();
        consumer.resume();
        assert_eq!(consumer.take(), ["more"]);
        proxy.write(b"awaited");
        proxy.write(b"not awaited");
        assert_eq!(consumer.take(), ["awaited"], "a pull from before");
    }
}

#[test]
fn a_pause_and_its_end_reach_the_producer_of_a_proxy_without_a_bound() {
    let (consumer, proxy) = pushed().remove(0);
    let source = Rc::new(Source::default());
    proxy.register_producer(source.as_push()).unwrap();
    consumer.pause();
    consumer.resume();
    assert_eq!(source.take(), ["pause", "resume"]);
}

#[test]
fn a_pause_and_its_end_stop_at_a_proxy_with_a_bound() {
    let (consumer, proxy) = pushed().remove(1);
    let source = Rc::new(Source::default());
    proxy.register_producer(source.as_push()).unwrap();
    consumer.pause();
    proxy.write(b"kept");
    consumer.resume();
    assert_eq!(source.take(), [""; 0]);
}

#[test]
fn a_proxy_with_a_bound_asks_a_pull_producer_for_its_first_piece() {
    for (_consumer, proxy) in [pushed().remove(1), pulled().remove(1)] {
        let source = Rc::new(Source::default());
        proxy.register_producer(source.as_pull()).unwrap();
        assert_eq!(source.take(), ["pull"]);
    }
}

#[test]
fn a_producer_is_paused_when_the_buffer_is_full_and_resumed_when_it_is_empty() {
    let consumer = Rc::new(Noting::default());
    let proxy = bounded(&consumer, 100);
    let source = Rc::new(Source::default());
    proxy.register_producer(source.as_push()).unwrap();
    consumer.pause();
    proxy.write(&[b'x'; 51]);
    assert_eq!(source.take(), [""; 0]);
    proxy.write(&[b'x'; 51]);
    proxy.write(b"more");
    assert_eq!(source.take(), ["pause"], "it is told once");
    consumer.resume();
    assert_eq!(consumer.take()[0].len(), 106);
    assert_eq!(source.take(), ["resume"]);
}

#[test]
fn a_consumer_that_pulls_gets_no_larger_piece_than_it_may_and_the_rest_is_kept() {
    let consumer = Rc::new(Noting::default());
    let options = ProxyOptions::new().with_buffer_size(100).with_piece_max(100);
    let proxy = ProducerConsumerProxy::pull(consumer.clone(), options).unwrap();
    let source = Rc::new(Source::default());
    proxy.register_producer(source.as_pull()).unwrap();
    source.take();
    consumer.take();
    consumer.resume();
    assert_eq!(source.take(), ["pull"], "without a byte it asks in its turn");
    proxy.write(&[b'x'; 105]);
    assert_eq!(consumer.take()[0].len(), 100);
    consumer.resume();
    assert_eq!(consumer.take()[0].len(), 5);
    assert_eq!(source.take(), [""; 0], "it had bytes");
}

#[test]
fn a_proxy_with_a_bound_unregisters_when_all_is_written() {
    for finishes in [false, true] {
        let consumer = Rc::new(Noting::default());
        let proxy = bounded(&consumer, 100);
        let source = Rc::new(Source::default());
        proxy.register_producer(source.as_push()).unwrap();
        consumer.pause();
        proxy.write(b"last");
        if finishes {
            proxy.finish()
        } else {
            proxy.unregister_producer()
        }
        assert_eq!(consumer.take(), [""; 0]);
        consumer.resume();
        let expected: &[&str] =
            if finishes { &["last", "finish", "unregister"] } else { &["last", "unregister"] };
        assert_eq!(consumer.take(), expected);
        consumer.resume();
        assert_eq!(consumer.take(), [""; 0], "it unregisters once");
    }
}

/// In Twisted the kept bytes are joined as text, which fails.
#[test]
fn bytes_that_are_no_text_pass_through_a_pause() {
    let transport = StringTransport::new();
    let proxy = BasicProducerConsumerProxy::push(transport.as_transport()).unwrap();
    let Some(Producer::Push(registered)) = transport.producer() else { panic!("it is registered") };
    registered.pause_producing();
    proxy.write(b"\xff\x00");
    proxy.write(b"\xfe");
    registered.resume_producing();
    assert_eq!(transport.value(), b"\xff\x00\xfe");
}

/// Twisted asks it once, and never again.
#[test]
fn a_pull_producer_is_asked_until_the_consumer_pauses_and_again_afterwards() {
    let consumer = Rc::new(Noting::default());
    let proxy = bounded(&consumer, 100);
    let source = Rc::new(Source::default());
    source.pulls_left.set(3);
    source.to.replace(Some(proxy.clone()));
    consumer.pause();
    proxy.register_producer(source.as_pull()).unwrap();
    assert_eq!(source.take(), ["pull"], "the first piece is fetched");
    consumer.resume();
    assert_eq!(consumer.take(), ["2", "1", "0"]);
    assert_eq!(source.take(), ["pull"; 3], "the last one brought nothing");
    source.to.take();
}

#[test]
fn a_file_passes_through_a_proxy_to_a_transport() {
    let transport = StringTransport::new();
    let proxy = ProducerConsumerProxy::push(transport.as_transport(), ProxyOptions::new()).unwrap();
    let sent = FileSender::of(&b"content"[..]).with_chunk_size(3).begin(proxy);
    assert_eq!(result_of(sent).unwrap(), Some(b't'));
    assert_eq!(transport.value(), b"content");
    assert!(transport.producer().is_none());
}
