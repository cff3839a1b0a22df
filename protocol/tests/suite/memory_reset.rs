//! Claims about connections in memory that break, or that end with a reset behind their last bytes.

use crate::support::{Source, Talk, why};
use interfaces::{Producer, Reason};
use ropewalk_protocol::testing::Record;

fn is_reset(record: &Record) -> bool {
    why(record) == "ConnectionReset"
}

#[test]
fn what_the_peer_sent_is_delivered_though_sending_failed_also_to_a_side_that_has_paused() {
    for paused in [false, true] {
        let talk = Talk::of(
            |client| client.on_made(|transport| transport.pause_producing()),
            |server| {
                server.on_made(|transport| {
                    transport.pause_producing();
                    transport.write(&[7; 60_000]);
                })
            },
        );
        talk.pair.flush();
        let (client, server) = (talk.pair.client(), talk.pair.server());
        // More than the wire holds, so that sending fails when the server goes.
        client.write(&[1; 200_000]);
        let source = Source::silent(&client);
        client.register_producer(Producer::Push(source.clone())).unwrap();
        client.write(&[1; 100]);
        talk.pair.flush();
        if !paused {
            client.resume_producing();
        }
        server.abort_connection();
        talk.pair.flush();
        assert_eq!(talk.client.count("connection_lost"), usize::from(!paused));
        client.resume_producing();
        talk.pair.flush();
        assert_eq!(talk.client.received(), [7; 60_000]);
        assert!(is_reset(&talk.client));
        // Where the loss waits for the reader, the producer goes on meanwhile.
        let told: &[&str] = if paused { &["pause", "resume", "stop"] } else { &["pause", "stop"] };
        assert_eq!(source.history(), told);
        talk.assert_over();
    }
}

#[test]
fn a_close_with_a_reset_sends_all_first_and_is_no_clean_end() {
    for paused in [false, true] {
        for half_closed in [false, true] {
            let talk = Talk::new();
            talk.pair.flush();
            let (client, server) = (talk.pair.client(), talk.pair.server());
            if paused {
                server.pause_producing();
            }
            client.write(&[7; 300_000]);
            if half_closed {
                server.as_half_closeable().unwrap().lose_write_connection();
                client.lose_connection();
            }
            client.lose_connection_with_reset();
            client.lose_connection_with_reset();
            client.lose_connection();
            client.write(b"too late");
            talk.pair.flush();
            server.resume_producing();
            talk.pair.flush();
            assert_eq!(talk.server.received().len(), 300_000);
            assert!(is_reset(&talk.server));
            assert!(matches!(talk.client.lost(), Some(Reason::Aborted)));
            talk.assert_over();
        }
    }
}

#[test]
fn a_close_with_a_reset_waits_for_its_producer() {
    let talk = Talk::new();
    talk.pair.flush();
    let client = talk.pair.client();
    let source =
        Source::new(&client, vec![vec![b'x']; 5], |transport| transport.unregister_producer());
    client.register_producer(Producer::Pull(source)).unwrap();
    client.lose_connection_with_reset();
    talk.pair.flush();
    assert_eq!(talk.server.received(), b"xxxxx");
    assert!(is_reset(&talk.server));
    talk.assert_over();
}
