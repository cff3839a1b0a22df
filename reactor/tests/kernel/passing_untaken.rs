//! Descriptors that are sent to a protocol that takes none.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use interfaces::{BufferedProtocol, Protocol, Reason, Transport};
use ropewalk_reactor::Reactor;

use crate::support::child::in_child;
use crate::support::passing::*;
use crate::support::{PATIENCE, open_descriptors, turn_until};

/// Takes bytes alone, into a buffer of its own if it has one.
struct Plain {
    log: Rc<Log>,
    buffer: Vec<u8>,
}

impl Protocol for Plain {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        self.log.made(transport);
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        self.log.came.borrow_mut().push(Came::Bytes(data.to_vec()));
        transport.write(data);
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.log.lost.replace(Some(reason.clone()));
    }

    fn as_buffered(&mut self) -> Option<&mut dyn BufferedProtocol> {
        if self.buffer.is_empty() { None } else { Some(self) }
    }
}

impl BufferedProtocol for Plain {
    fn get_buffer(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    fn buffer_updated(&mut self, transport: &Rc<dyn Transport>, length: usize) {
        let data = self.buffer[..length].to_vec();
        self.data_received(transport, &data);
    }
}

#[test]
fn a_protocol_that_takes_no_descriptors_reads_past_them_without_another_arrival() {
    in_child(|| {
        let before = open_descriptors();
        for (own_buffer, asks_for_credentials) in
            [(0, false), (0, true), (2, false), (100, false), (100, true)]
        {
            let reactor = Reactor::new().unwrap();
            let (ours, mut peer) = UnixStream::pair().unwrap();
            if asks_for_credentials {
                pass_credentials(&ours);
            }
            let log = Rc::new(Log::default());
            adopt(&reactor, ours, Plain { log: log.clone(), buffer: vec![0; own_buffer] });
            let mut expected = Vec::new();
            let mut all_at_once = |pieces: &[(&str, usize)]| {
                for (bytes, number) in pieces {
                    let descriptors: Vec<_> = (0..*number).map(|_| token().0).collect();
                    match descriptors.iter().collect::<Vec<_>>().as_slice() {
                        [] => (&peer).write_all(bytes.as_bytes()).unwrap(),
                        group => send_raw(&peer, bytes.as_bytes(), &[group]),
                    }
                    expected.extend_from_slice(bytes.as_bytes());
                }
                turn_until(&reactor, "all has come", || log.bytes().len() >= expected.len());
                assert_eq!(log.bytes(), expected, "{own_buffer}");
            };
            all_at_once(&[("abc", 1), ("def", 0), ("ghi", 2), ("jkl", 0)]);
            all_at_once(&[("a", 1), ("b", 1), ("c", 1)]);
            all_at_once(&[("plain", 0), ("with", 1)]);
            all_at_once(&[("with", 3), ("plain", 0)]);
            all_at_once(&[("x", 1); 100]);
            let count = expected.len();
            peer.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut answers = vec![0; count];
            std::io::Read::read_exact(&mut peer, &mut answers).unwrap();
            assert_eq!(answers, expected);
            send_raw(&peer, b"last", &[&[&token().0]]);
            drop(peer);
            turn_until(&reactor, "it is over", || log.lost.borrow().is_some());
            assert!(log.bytes().ends_with(b"last"), "{own_buffer}");
            log.forget();
        }
        assert_eq!(open_descriptors(), before);
    });
}
