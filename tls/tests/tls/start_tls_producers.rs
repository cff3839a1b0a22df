//! Producers on connections that start TLS.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use interfaces::{Producer, PullProducer, PushProducer, Transport};
use protocol::testing::{Record, Recorder};

use crate::certificates::VERSIONS;
use crate::starting::{Place, Side};
use crate::talk::once;

/// Notes its calls; as a pull producer it writes a piece each time, ten in all.
#[derive(Default)]
struct Source {
    calls: RefCell<Vec<&'static str>>,
    transport: RefCell<Option<Rc<dyn Transport>>>,
    pieces: Cell<u32>,
}

impl PushProducer for Source {
    fn pause_producing(&self) {
        self.calls.borrow_mut().push("pause");
    }

    fn resume_producing(&self) {
        self.calls.borrow_mut().push("resume");
    }

    fn stop_producing(&self) {
        self.calls.borrow_mut().push("stop");
    }
}

impl PullProducer for Source {
    fn resume_producing(&self) {
        let Some(transport) = self.transport.borrow().clone() else { return };
        if self.pieces.get() < 10 {
            self.pieces.set(self.pieces.get() + 1);
            transport.write(b"a piece;");
        } else {
            self.transport.take();
            transport.unregister_producer();
        }
    }

    fn stop_producing(&self) {
        self.calls.borrow_mut().push("stop");
    }
}

#[test]
fn a_push_producer_that_is_registered_before_moves_and_keeps_its_pause() {
    for paused_before in [false, true] {
        let place = Place::new(VERSIONS[0]);
        let (client, server) = (Record::new(), Record::new());
        let plain = if paused_before { 100_000 } else { 10 };
        let (starter, mut left) = (place.starter(Side::Server), plain);
        let answering = Recorder::new(&server).on_data(move |transport, data| {
            // The server starts when it has read what is in the clear.
            if left > 0 {
                let used = left.min(data.len());
                left -= used;
                if left == 0 {
                    starter.start(transport, &data[used..]).unwrap();
                }
            }
        });
        let pair = place.join(once(Recorder::new(&client)), once(answering));
        pair.flush();
        place.network.set_in_flight_max(1000);
        let (transport, source) = (client.transport(), Rc::new(Source::default()));
        transport.register_producer(Producer::Push(source.clone())).unwrap();
        transport.write(&vec![b'p'; plain]);
        let paused: &[&str] = if paused_before { &["pause"] } else { &[] };
        assert_eq!(*source.calls.borrow(), paused);
        place.starter(Side::Client).start(&transport, &[]).unwrap();
        assert_eq!(*source.calls.borrow(), paused, "the move itself is not felt");
        assert!(transport.register_producer(Producer::Push(source.clone())).is_err());
        pair.flush();
        let resumed: &[&str] = if paused_before { &["pause", "resume"] } else { &[] };
        assert_eq!(*source.calls.borrow(), resumed);
        // Now it is the records that pause it.
        source.calls.take();
        transport.write(&[b's'; 200_000]);
        assert_eq!(*source.calls.borrow(), ["pause"]);
        pair.flush();
        assert_eq!(*source.calls.borrow(), ["pause", "resume"]);
        transport.lose_connection();
        pair.flush();
        assert!(client.lost().is_none(), "a close waits for the producer");
        transport.unregister_producer();
        transport.unregister_producer();
        pair.flush();
        assert!(client.lost().expect("it ended").is_clean());
        let secret = server.received().iter().filter(|byte| **byte == b's').count();
        assert!(secret >= 200_000, "{secret}");
    }
}

#[test]
fn a_pull_producer_that_is_registered_before_runs_to_its_end_and_one_registered_after_does_too() {
    for before in [true, false] {
        let place = Place::new(VERSIONS[0]);
        let (client, server) = (Record::new(), Record::new());
        let starter = place.starter(Side::Server);
        let mut started = false;
        let answering = Recorder::new(&server).on_data(move |transport, data| {
            if !started {
                // What came in the clear is a whole number of pieces.
                let plain =
                    data.iter().take_while(|byte| byte.is_ascii_graphic() || **byte == b' ');
                starter.start(transport, &data[plain.count()..]).unwrap();
                started = true;
            }
        });
        let pair = place.join(once(Recorder::new(&client)), once(answering));
        pair.flush();
        let (transport, source) = (client.transport(), Rc::new(Source::default()));
        source.transport.replace(Some(transport.clone()));
        let register = || transport.register_producer(Producer::Pull(source.clone())).unwrap();
        if before {
            register();
        } else {
            transport.write(b"a piece;");
        }
        place.starter(Side::Client).start(&transport, &[]).unwrap();
        if !before {
            register();
        }
        pair.flush();
        assert_eq!(source.pieces.get(), 10);
        assert!(source.transport.borrow().is_none(), "it has unregistered");
        transport.lose_connection();
        pair.flush();
        assert!(client.lost().expect("nothing holds the close").is_clean());
        let pieces = server.received().windows(8).filter(|bytes| bytes == b"a piece;").count();
        assert_eq!(pieces, if before { 10 } else { 11 });
    }
}
