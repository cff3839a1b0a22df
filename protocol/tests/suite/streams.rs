//! A connection as two halves: what each call answers, what is held meanwhile, and what a drop does.

use std::cell::{Cell, RefCell};
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use deferred::Failure;
use futures_io::{AsyncRead, AsyncWrite};
use interfaces::{Reason, StreamServerEndpoint as _};
use ropewalk_protocol::factory_fn;
use ropewalk_protocol::streams::{self, StreamError};
use ropewalk_protocol::testing::{Record, Recorder};

use crate::support::stream_scene::{StreamScene, outcome};

/// The mark above which reading is paused.
const MARK: usize = 64 * 1024;

/// Runs a call that takes a half and gives it back.
macro_rules! call {
    ($scene:expr, $half:ident, $call:expr) => {{
        let slot = Rc::new(Cell::new(None));
        let back = slot.clone();
        let task = $scene.spawn(async move {
            let mut $half = $half;
            let result = $call.await;
            back.set(Some($half));
            result
        });
        $scene.settle();
        let result = outcome(task);
        (result, slot.take().expect("the call is over"))
    }};
}

#[test]
fn reads_answer_what_is_there_then_what_was_asked_for_then_the_end() {
    let scene = StreamScene::new();
    let (reader, _writer, peer) = scene.client(|peer| peer);
    peer.transport().write(b"some bytes; exactly; one line\r\nthe rest");
    peer.transport().lose_connection();
    let mut buffer = [0; 5];
    let (read, reader) = call!(scene, reader, async {
        let length = reader.read(&mut buffer).await?;
        Ok((length, buffer))
    });
    assert_eq!(read.unwrap(), (5, *b"some "));
    let (read, reader) = call!(scene, reader, reader.read_exactly(16));
    assert_eq!(read.unwrap(), b"bytes; exactly; ");
    let (read, reader) = call!(scene, reader, reader.read_until(b"\r\n", 100));
    assert_eq!(read.unwrap(), b"one line\r\n");
    let (read, reader) = call!(scene, reader, reader.read_exactly(9));
    assert!(matches!(read, Err(StreamError::UnexpectedEnd { held: 8 })), "{read:?}");
    let (read, reader) = call!(scene, reader, reader.read_until(b"\r\n", 100));
    assert!(matches!(read, Err(StreamError::UnexpectedEnd { held: 8 })), "{read:?}");
    let (read, reader) = call!(scene, reader, reader.read_exactly(8));
    assert_eq!(read.unwrap(), b"the rest");
    let (read, _reader) = call!(scene, reader, async { reader.read(&mut [0; 9]).await });
    assert_eq!(read.unwrap(), 0);
}

#[test]
fn a_delimiter_is_found_however_it_is_cut_and_none_beyond_the_limit() {
    for cut in 1..8 {
        let scene = StreamScene::new();
        scene.network.set_read_max(cut);
        let (reader, _writer, peer) = scene.client(|peer| peer);
        peer.transport().write(b"a--b---=c---=toolong---=");
        let (first, reader) = call!(scene, reader, reader.read_until(b"---=", 8));
        let (second, reader) = call!(scene, reader, reader.read_until(b"---=", 8));
        let (third, reader) = call!(scene, reader, reader.read_until(b"---=", 8));
        assert_eq!((first.unwrap(), second.unwrap()), (b"a--b---=".to_vec(), b"c---=".to_vec()));
        assert!(matches!(third, Err(StreamError::TooLong { limit: 8 })), "{third:?}");
        let (rest, _reader) = call!(scene, reader, reader.read_exactly(11));
        assert_eq!(rest.unwrap(), b"toolong---=", "nothing was taken");
    }
}

#[test]
fn bytes_that_came_before_a_break_are_read_before_it_is_told() {
    let scene = StreamScene::new();
    let (reader, writer, peer) = scene.client(|peer| peer);
    peer.transport().write(b"last words");
    peer.transport().lose_connection_with_reset();
    scene.settle();
    let (words, reader) = call!(scene, reader, reader.read_exactly(10));
    assert_eq!(words.unwrap(), b"last words");
    let (read, _reader) = call!(scene, reader, async { reader.read(&mut [0]).await });
    assert!(matches!(read, Err(StreamError::Lost(Reason::Lost(_)))), "{read:?}");
    let (written, _writer) = call!(scene, writer, writer.write(b"x"));
    assert!(matches!(written, Err(StreamError::Lost(Reason::Lost(_)))), "{written:?}");
}

#[test]
fn no_more_than_the_mark_and_one_read_is_held_and_all_comes_in_the_end() {
    let scene = StreamScene::new();
    scene.network.set_read_max(1000);
    scene.network.set_in_flight_max(1000);
    let (mut reader, _writer, peer) = scene.client(|peer| peer);
    let sent: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    peer.transport().write(&sent);
    peer.transport().lose_connection();
    scene.settle();
    let held = format!("{reader:?}");
    let held: usize =
        held.chars().filter(char::is_ascii_digit).collect::<String>().parse().expect("a number");
    assert!((MARK..MARK + 1000).contains(&held), "{held}");
    let got = Rc::new(RefCell::new(Vec::new()));
    let (all, most) = (got.clone(), Rc::new(Cell::new(0)));
    let seen = most.clone();
    let task = scene.spawn(async move {
        let mut buffer = vec![0; 10_000];
        loop {
            let length = reader.read(&mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            seen.set(seen.get().max(length));
            all.borrow_mut().extend_from_slice(&buffer[..length]);
        }
    });
    scene.settle();
    outcome(task).unwrap();
    assert_eq!((got.borrow().len(), most.get()), (sent.len(), 10_000));
    assert_eq!(*got.borrow(), sent);
}

#[test]
fn a_read_may_ask_for_more_than_the_mark() {
    let scene = StreamScene::new();
    scene.network.set_in_flight_max(1000);
    let (reader, _writer, peer) = scene.client(|peer| peer);
    peer.transport().write(&vec![b'x'; MARK * 3]);
    scene.settle();
    let (all, _reader) = call!(scene, reader, reader.read_exactly(MARK * 3));
    assert_eq!(all.unwrap().len(), MARK * 3);
}

#[test]
fn a_read_that_is_dropped_takes_nothing() {
    let scene = StreamScene::new();
    let (mut reader, _writer, peer) = scene.client(|peer| peer);
    peer.transport().write(b"half a li");
    scene.settle();
    let task = scene.spawn(async move {
        {
            let mut line = Box::pin(reader.read_until(b"\n", 100));
            poll_fn(|context| {
                assert!(line.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
        }
        reader.read_exactly(9).await
    });
    scene.settle();
    assert_eq!(outcome(task).unwrap(), b"half a li");
}

#[test]
fn a_write_waits_while_the_transport_has_enough() {
    let scene = StreamScene::new();
    scene.network.set_in_flight_max(1000);
    let (_reader, mut writer, peer) =
        scene.client(|peer| peer.on_made(|transport| transport.pause_producing()));
    let written = Rc::new(Cell::new(0));
    let count = written.clone();
    let task = scene.spawn(async move {
        for _ in 0..100 {
            writer.write(&[b'x'; 10_000]).await?;
            count.set(count.get() + 1);
        }
        Ok(writer)
    });
    scene.settle();
    assert!((7..=8).contains(&written.get()), "{}: 64 KiB and one more", written.get());
    peer.transport().resume_producing();
    scene.settle();
    let _writer = outcome(task).unwrap();
    assert_eq!((written.get(), peer.received().len()), (100, 1_000_000));
}

#[test]
fn a_close_sends_the_end_behind_all_bytes_and_reading_goes_on_until_the_peers() {
    let scene = StreamScene::new();
    let (reader, mut writer, peer) = scene.client(Recorder::half_closeable);
    let task = scene.spawn(async move {
        writer.write(&[b'x'; 200_000]).await?;
        writer.close().await
    });
    scene.settle();
    outcome(task).unwrap();
    assert_eq!((peer.received().len(), peer.count("read_connection_lost")), (200_000, 1));
    assert!(peer.lost().is_none());
    peer.transport().write(b"answer");
    scene.settle();
    let (answer, reader) = call!(scene, reader, reader.read_exactly(6));
    assert_eq!(answer.unwrap(), b"answer");
    peer.transport().lose_connection();
    let (end, _reader) = call!(scene, reader, async { reader.read(&mut [0]).await });
    assert_eq!(end.unwrap(), 0);
    assert!(peer.lost().expect("both ways have ended").is_clean());
    assert_eq!(scene.network.connections(), 0);
}

#[test]
fn a_close_after_the_reading_half_is_dropped_ends_the_connection_in_order() {
    let scene = StreamScene::new();
    let (reader, mut writer, peer) = scene.client(|peer| peer);
    drop(reader);
    let task = scene.spawn(async move {
        writer.write(b"all").await?;
        writer.close().await
    });
    scene.settle();
    outcome(task).unwrap();
    assert_eq!(peer.received(), b"all");
    assert!(peer.lost().expect("it is over").is_clean(), "{:?}", peer.lost());
    assert_eq!(scene.network.connections(), 0);
}

#[test]
fn the_drop_of_the_last_half_aborts_unless_it_was_closed() {
    for order in 0..2 {
        let scene = StreamScene::new();
        let (reader, writer, peer) = scene.client(|peer| peer);
        let (first, last): (Box<dyn std::any::Any>, Box<dyn std::any::Any>) = match order {
            0 => (Box::new(reader), Box::new(writer)),
            _ => (Box::new(writer), Box::new(reader)),
        };
        drop(first);
        scene.settle();
        assert!(peer.lost().is_none());
        drop(last);
        scene.settle();
        assert!(!peer.lost().expect("it is aborted").is_clean());
    }
    let scene = StreamScene::new();
    let (reader, writer, peer) = scene.client(Recorder::half_closeable);
    let task = scene.spawn(writer.close());
    scene.settle();
    outcome(task).unwrap();
    drop(reader);
    scene.settle();
    peer.transport().lose_connection();
    scene.settle();
    assert!(peer.lost().expect("it is over").is_clean(), "{:?}", peer.lost());
}

#[test]
fn an_abort_is_one() {
    let scene = StreamScene::new();
    let (reader, writer, peer) = scene.client(|peer| peer);
    writer.abort();
    let (read, _reader) = call!(scene, reader, async { reader.read(&mut [0]).await });
    assert!(matches!(read, Err(StreamError::Lost(Reason::Aborted))), "{read:?}");
    assert!(!peer.lost().expect("it is aborted").is_clean());
}

#[test]
fn an_attempt_that_is_given_up_leaves_no_connection() {
    let scene = StreamScene::new();
    let record = Record::new();
    let served = record.clone();
    let factory = factory_fn(move |_| Recorder::new(&served));
    let _port = scene.network.server("peer").listen(factory);
    drop(streams::connect(&scene.network.client("peer")));
    let cancelled = streams::connect(&scene.network.client("peer"));
    cancelled.cancel_handle().cancel();
    let _cancelled = cancelled.add_both(|_| Ok::<(), Failure>(()));
    scene.settle();
    assert_eq!(scene.network.connections(), 0);
}

#[test]
fn the_halves_are_those_of_futures_io() {
    let scene = StreamScene::new();
    let (mut reader, mut writer, peer) = scene.client(Recorder::half_closeable);
    let task = scene.spawn(async move {
        let written = poll_fn(|context| Pin::new(&mut writer).poll_write(context, b"hello")).await;
        poll_fn(|context| Pin::new(&mut writer).poll_flush(context))
            .await
            .expect("it does nothing");
        poll_fn(|context| Pin::new(&mut writer).poll_close(context)).await.expect("it is closed");
        let mut buffer = [0; 10];
        let read = poll_fn(|context| Pin::new(&mut reader).poll_read(context, &mut buffer)).await;
        let end = poll_fn(|context| Pin::new(&mut reader).poll_read(context, &mut [0])).await;
        Ok((written.unwrap(), read.unwrap(), buffer, end.unwrap_err(), writer))
    });
    scene.settle();
    assert_eq!(
        (peer.received().as_slice(), peer.count("read_connection_lost")),
        (&b"hello"[..], 1)
    );
    peer.transport().write(b"answer");
    scene.settle();
    peer.transport().abort_connection();
    scene.settle();
    let (written, read, buffer, end, _writer) = outcome(task).unwrap();
    assert_eq!((written, &buffer[..read]), (5, &b"answer"[..]));
    assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(end.to_string().contains("its connection is lost: "), "{end}");
}
