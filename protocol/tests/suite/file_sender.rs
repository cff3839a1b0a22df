//! Files that are sent piece by piece.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

use crate::support::writes::Writes;
use deferred::{Deferred, Failure};
use interfaces::{AlreadyProducing, Producer, PullProducer};
use ropewalk_protocol::producers::{Consumer, FileSender, TransferStopped};
use ropewalk_protocol::testing::StringTransport;
use testkit::result_of;

const CONTENT: &[u8] = b"Test content";

/// A consumer that asks for nothing by itself.
#[derive(Default)]
struct Asking {
    written: RefCell<Vec<Vec<u8>>>,
    producer: RefCell<Option<Producer>>,
}

impl Asking {
    fn ask(&self) {
        let producer = self.producer.borrow().clone();
        match producer.expect("one is registered") {
            Producer::Pull(producer) => producer.resume_producing(),
            Producer::Push(_) => panic!("it is not a pull producer"),
        }
    }

    fn take(&self) -> Vec<Vec<u8>> {
        self.written.take()
    }
}

impl Consumer for Asking {
    fn write(&self, data: &[u8]) {
        self.written.borrow_mut().push(data.to_vec());
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        drop(self.producer.replace(Some(producer)));
        Ok(())
    }

    fn unregister_producer(&self) {
        drop(self.producer.take());
    }

    fn finish(&self) {}
}

fn begun(sender: FileSender) -> (Rc<Asking>, Deferred<Option<u8>>) {
    let consumer = Rc::new(Asking::default());
    let result = sender.begin(consumer.clone());
    (consumer, result)
}

#[test]
fn a_transfer_registers_as_a_pull_producer() {
    let (consumer, _result) = begun(FileSender::of(CONTENT));
    assert!(matches!(*consumer.producer.borrow(), Some(Producer::Pull(_))));
    assert_eq!(consumer.take(), [b""; 0], "it waits to be asked");
}

#[test]
fn each_piece_is_asked_for_and_the_end_unregisters_and_gives_the_last_byte() {
    let (consumer, result) = begun(FileSender::of(CONTENT));
    consumer.ask();
    assert_eq!(consumer.take(), [CONTENT]);
    assert!(!result.is_fired());
    consumer.ask();
    assert_eq!(consumer.take(), [b""; 0]);
    assert!(consumer.producer.borrow().is_none());
    assert_eq!(result_of(result).unwrap(), Some(b't'));
}

#[test]
fn a_file_is_sent_in_pieces_of_the_length_that_was_asked_for() {
    let (consumer, result) = begun(FileSender::of(CONTENT).with_chunk_size(4));
    for piece in [b"Test", b" con", b"tent"] {
        consumer.ask();
        assert_eq!(consumer.take(), [piece]);
        assert!(!result.is_fired());
    }
    consumer.ask();
    assert_eq!(result_of(result).unwrap(), Some(b't'));
}

#[test]
fn what_is_made_of_each_piece_is_written_and_its_last_byte_given() {
    let upper = FileSender::of(CONTENT).with_chunk_size(4).with_transform(|mut piece| {
        piece.make_ascii_uppercase();
        piece
    });
    let (consumer, result) = begun(upper);
    for _ in 0..4 {
        consumer.ask();
    }
    assert_eq!(consumer.take().concat(), CONTENT.to_ascii_uppercase());
    assert_eq!(result_of(result).unwrap(), Some(b'T'));
}

#[test]
fn a_piece_of_which_nothing_is_left_is_skipped_so_that_the_consumer_asks_again() {
    let spaces = FileSender::of(CONTENT).with_chunk_size(1).with_transform(|mut piece| {
        piece.retain(|byte| *byte == b' ');
        piece
    });
    let (consumer, result) = begun(spaces);
    consumer.ask();
    assert_eq!(consumer.take(), [b" "]);
    consumer.ask();
    assert_eq!(result_of(result).unwrap(), Some(b' '));
}

#[test]
fn a_consumer_that_is_gone_before_the_end_fails_the_result() {
    let (consumer, result) = begun(FileSender::of(CONTENT).with_chunk_size(4));
    consumer.ask();
    let producer = consumer.producer.take().expect("it is registered");
    producer.stop_producing();
    let failure = result_of(result).unwrap_err();
    assert!(failure.check::<TransferStopped>());
    assert!(failure.to_string().contains("the consumer asked to stop producing"));
    let Producer::Pull(producer) = producer else { panic!("it is a pull producer") };
    producer.resume_producing();
    producer.stop_producing();
    assert_eq!(consumer.take(), [b"Test"], "nothing comes any more");
}

#[test]
fn by_default_a_piece_has_16384_bytes_and_an_empty_file_has_no_last_byte() {
    let (consumer, _result) = begun(FileSender::of(io::repeat(7)));
    consumer.ask();
    assert_eq!(consumer.take()[0].len(), 16_384);
    let (consumer, result) = begun(FileSender::of(io::empty()));
    consumer.ask();
    assert_eq!(consumer.take(), [b""; 0]);
    assert_eq!(result_of(result).unwrap(), None);
}

/// Fails after some bytes, and is interrupted before them.
struct Broken(u8);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0 += 1;
        match self.0 {
            1 => Err(io::ErrorKind::Interrupted.into()),
            2 => {
                buffer[0] = b'x';
                Ok(1)
            }
            _ => Err(io::Error::other("the disk is gone")),
        }
    }
}

#[test]
fn an_error_of_the_file_fails_the_result_and_unregisters() {
    let (consumer, result) = begun(FileSender::of(Broken(0)));
    consumer.ask();
    consumer.ask();
    assert_eq!(consumer.take(), [b"x"]);
    assert!(consumer.producer.borrow().is_none());
    assert_eq!(result_of(result).unwrap_err().to_string(), "the disk is gone");
}

#[test]
fn a_consumer_that_has_a_producer_refuses_the_transfer() {
    let transport = StringTransport::new().as_transport();
    struct Silent;
    impl PullProducer for Silent {
        fn resume_producing(&self) {}
        fn stop_producing(&self) {}
    }
    transport.register_producer(Producer::Pull(Rc::new(Silent))).unwrap();
    let result = FileSender::of(CONTENT).begin(transport);
    assert!(result_of(result).unwrap_err().check::<AlreadyProducing>());
}

/// A consumer that is gone as soon as it is written to.
#[derive(Default)]
struct Leaving(Asking);

impl Consumer for Leaving {
    fn write(&self, data: &[u8]) {
        self.0.write(data);
        let producer = self.0.producer.take();
        producer.expect("it is registered").stop_producing();
    }

    fn register_producer(&self, producer: Producer) -> Result<(), AlreadyProducing> {
        self.0.register_producer(producer)
    }

    fn unregister_producer(&self) {
        panic!("it is gone");
    }

    fn finish(&self) {}
}

#[test]
fn a_stop_from_inside_a_write_ends_the_transfer_too() {
    let consumer = Rc::new(Leaving::default());
    let result = FileSender::of(CONTENT).with_chunk_size(4).begin(consumer.clone());
    consumer.0.ask();
    assert!(result_of(result).unwrap_err().check::<TransferStopped>());
    assert_eq!(consumer.0.take(), [b"Test"]);
}

#[test]
fn over_a_transport_a_function_is_read_to_its_end() {
    let writes = Writes::new();
    let mut left = 3;
    let sender = FileSender::new(move |buffer: &mut [u8]| -> Result<usize, Failure> {
        buffer[0] = b'0' + left;
        left -= 1;
        Ok(usize::from(left > 0))
    });
    // This transport asks once, when it is registered with.
    let result = sender.begin(writes.as_transport());
    assert_eq!(writes.take(), [b"3"]);
    assert!(!result.is_fired());
}
