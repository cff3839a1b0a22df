//! Bytes arrive as they were written, however they are cut.

use std::rc::Rc;

use interfaces::Transport;

use crate::certificates::VERSIONS;
use crate::talk::Talk;
use crate::writes::{RECORD, writes_below};

fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn bytes_arrive_exactly_both_ways_however_they_are_cut() {
    for version in VERSIONS {
        for (read_max, length) in
            [(1, 3_000), (2, 5_000), (7, 40_000), (1500, 300_000), (65_536, 1_000_000)]
        {
            let (up, down) = (noise(length), noise(length / 2 + 1));
            let (say, answer) = (up.clone(), down.clone());
            let talk = Talk::new(version)
                .client(|client| client.on_made(move |transport| transport.write(&say)))
                .server(|server| {
                    server.on_made(move |transport| {
                        for piece in answer.chunks(977) {
                            transport.write(piece);
                        }
                    })
                });
            talk.network.set_read_max(read_max);
            let talking = talk.run();
            assert_eq!(talking.server.received(), up, "{version:?}, cut at {read_max}");
            assert_eq!(talking.client.received(), down, "{version:?}, cut at {read_max}");
            talking.client_handle().lose_connection();
            talking.flush();
            for record in [&talking.client, &talking.server] {
                assert!(record.lost().unwrap().is_clean(), "{:?}", record.lost());
            }
        }
    }
}

#[test]
fn an_echo_of_many_messages_is_exact() {
    for version in VERSIONS {
        let talking = Talk::new(version)
            .server(|server| server.on_data(|transport, data| transport.write(data)))
            .run();
        let mut said = Vec::new();
        for length in [1, 2, 100, 16_383, 16_384, 16_385, 32_768, 70_000, 200_000] {
            let message = noise(length);
            talking.client_handle().write(&message);
            talking.flush();
            said.extend(message);
        }
        assert_eq!(talking.client.received(), said);
    }
}

#[test]
fn the_handshake_is_told_once_with_its_results_and_before_the_data() {
    for version in VERSIONS {
        let mut talk = Talk::new(version);
        talk.client_config.alpn_protocols = vec![b"b".to_vec(), b"a".to_vec()];
        talk.server_config.alpn_protocols = vec![b"a".to_vec(), b"b".to_vec()];
        let talking = talk
            .client(|client| client.on_made(|transport| transport.write(b"x")))
            .on_handshake(|transport| {
                let certificates = transport.as_tls().unwrap().peer_certificates();
                assert_eq!(certificates.len(), 1, "it is there by then");
            })
            .run();
        assert_eq!(
            talking.server.calls(),
            ["connection_made", "handshake_completed", "data_received"]
        );
        let (client, server) = (talking.client_handle(), talking.server_handle());
        let (client, server) = (client.as_tls().unwrap(), server.as_tls().unwrap());
        assert_eq!(client.negotiated_protocol().unwrap(), b"a", "the server's preference wins");
        assert_eq!(server.negotiated_protocol().unwrap(), b"a");
        assert_eq!(client.version(), server.version());
        assert_eq!(client.peer_certificates().len(), 1);
        assert!(server.peer_certificates().is_empty());
    }
}

#[test]
fn nothing_is_negotiated_where_nothing_was_offered() {
    let talking = Talk::new(VERSIONS[0]).run();
    assert_eq!(talking.client_handle().as_tls().unwrap().negotiated_protocol(), None);
    assert!(talking.client.lost().is_none());
}

/// How many bytes go down the wire for what `write` writes when data comes.
fn wire_bytes(write: impl Fn(&Rc<dyn Transport>) + 'static) -> usize {
    writes_below(write).iter().sum()
}

#[test]
fn writes_of_one_callback_become_as_few_records_as_fit() {
    let ten_small = wire_bytes(|transport| {
        for _ in 0..10 {
            transport.write(&[b'x'; 100]);
        }
    });
    assert_eq!(ten_small, 1000 + RECORD);
    let odd_and_large = wire_bytes(|transport| {
        for length in [1, 16_384, 3, 40_000, 5] {
            transport.write(&vec![b'x'; length]);
        }
    });
    let total: usize = 1 + 16_384 + 3 + 40_000 + 5;
    assert_eq!(odd_and_large, total + total.div_ceil(16_384) * RECORD);
    let sequence = wire_bytes(|transport| {
        transport.write_sequence(vec![b"hel".into(), b"lo".into()]);
    });
    assert_eq!(sequence, 5 + RECORD);
}

#[test]
fn a_large_write_before_the_handshake_arrives() {
    for version in VERSIONS {
        let talking = Talk::new(version).begin();
        talking.pair.pump();
        talking.server_handle().write(&vec![1; 15 << 20]);
        talking.flush();
        assert_eq!(talking.client.received().len(), 15 << 20, "{:?}", talking.client.lost());
        assert!(talking.client.lost().is_none());
    }
}
