//! A peer's reset is called a reset, whichever of the reactor's calls meets it first.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{RecordExt as _, listen, turn_until};
use interfaces::{Address, OsError, Reason};
use protocol::factory_fn;
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::Reactor;

/// The kernel tells of a reset once, and of a broken pipe from then on.
#[test]
fn a_reset_that_a_write_meets_is_told_as_a_reset() {
    for length in [3, 100_000] {
        let reactor = Reactor::new().unwrap();
        let seen = Record::new();
        let of_server = seen.clone();
        let server = factory_fn(move |_: &Address| {
            Recorder::new(&of_server)
                .on_data(move |transport, _| transport.write(&vec![b'x'; length]))
        });
        let (_port, address) = listen(&reactor, server);
        let mut client = TcpStream::connect(address).unwrap();
        turn_until(&reactor, "the connection is made", || seen.is_made());
        client.write_all(b"go").unwrap();
        let client = socket2::Socket::from(client);
        client.set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        turn_until(&reactor, "the connection is lost", || seen.is_lost());
        let Reason::Lost(cause) = seen.reason() else { panic!("{:?}", seen.reason()) };
        let number = cause.downcast_ref::<OsError>().map(|error| error.raw_os_error());
        assert_eq!(number, Some(libc::ECONNRESET), "{length} bytes");
    }
}
