//! A port as a stream of connections: their order, their number, and the end of the port.

use std::future::poll_fn;
use std::pin::Pin;

use deferred::Failure;
use futures_core::Stream as _;
use ropewalk_protocol::connect_protocol;
use ropewalk_protocol::streams::{self, Incoming};
use ropewalk_protocol::testing::{Record, Recorder};

use crate::support::stream_scene::{StreamScene, outcome};

fn listening(scene: &StreamScene, name: &str) -> Incoming {
    let incoming = streams::listen(&scene.network.server(name));
    incoming.try_into_result().expect("at once").expect("the name is free")
}

fn connect(scene: &StreamScene, name: &str) -> Record {
    let record = Record::new();
    let _connected = connect_protocol(&scene.network.client(name), Recorder::new(&record))
        .add_both(|_| Ok::<(), Failure>(()));
    record
}

#[test]
fn connections_are_accepted_in_the_order_in_which_they_came() {
    let scene = StreamScene::new();
    let mut incoming = listening(&scene, "port");
    let clients = [(); 3].map(|()| connect(&scene, "port"));
    let task = scene.spawn(async move {
        let mut accepted = Vec::new();
        for number in 0..3_u8 {
            let (reader, mut writer) = incoming.accept().await;
            writer.write(&[number]).await?;
            accepted.push((reader, writer));
        }
        Ok((incoming, accepted))
    });
    scene.settle();
    let _kept = outcome(task).unwrap();
    let received = clients.each_ref().map(Record::received);
    assert_eq!(received, [[0], [1], [2]]);
}

#[test]
fn a_dropped_stream_of_connections_stops_to_listen_and_aborts_those_that_wait() {
    let scene = StreamScene::new();
    let incoming = listening(&scene, "port");
    let waiting = connect(&scene, "port");
    scene.settle();
    assert!(waiting.lost().is_none());
    drop(incoming);
    let late = connect(&scene, "port");
    scene.settle();
    assert!(!waiting.lost().expect("it is aborted").is_clean());
    assert_eq!(late.calls(), [""; 0]);
    assert_eq!((scene.network.ports(), scene.network.connections()), (0, 0));
}

#[test]
fn no_more_than_64_connections_wait_to_be_accepted() {
    let scene = StreamScene::new();
    let mut incoming = listening(&scene, "port");
    let clients: Vec<_> = (0..70).map(|_| connect(&scene, "port")).collect();
    scene.settle();
    let open = |clients: &[Record]| {
        clients
            .iter()
            .filter(|client| client.count("connection_made") == 1 && client.lost().is_none())
            .count()
    };
    assert!(format!("{incoming:?}").contains("waiting: 64"), "{incoming:?}");
    assert_eq!(open(&clients), 64, "the others are refused, or wait where a port can wait");
    let task = scene.spawn(async move {
        let accepted = incoming.accept().await;
        Ok((incoming, accepted))
    });
    scene.settle();
    let (incoming, _accepted) = outcome(task).unwrap();
    let _more = connect(&scene, "port");
    scene.settle();
    assert!(format!("{incoming:?}").contains("waiting: 64"), "{incoming:?}");
}

#[test]
fn a_port_is_a_stream_of_connections_to_libraries_over_futures_core() {
    let scene = StreamScene::new();
    let mut incoming = listening(&scene, "port");
    let clients = [(); 2].map(|()| connect(&scene, "port"));
    let task = scene.spawn(async move {
        let mut accepted = Vec::new();
        for _ in 0..2 {
            let next = poll_fn(|context| Pin::new(&mut incoming).poll_next(context)).await;
            let (reader, mut writer) = next.expect("it has no end");
            writer.write(b"hello").await?;
            accepted.push((reader, writer));
        }
        Ok((incoming, accepted))
    });
    scene.settle();
    let _kept = outcome(task).unwrap();
    assert_eq!(clients.map(|client| client.received()), [b"hello", b"hello"]);
}
