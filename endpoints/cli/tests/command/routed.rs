//! Back ends behind a relay that routes, and the ClientHellos of OpenSSL.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use testkit::find_peer;

use crate::running::{LIMIT, connect};

/// Servers that record all the bytes of each connection, until the test ends.
pub(crate) struct BackEnds {
    received: Receiver<(&'static str, Vec<u8>)>,
    addresses: Vec<(&'static str, String)>,
}

impl BackEnds {
    pub(crate) fn new(names: &[&'static str]) -> Self {
        let (sender, received) = mpsc::channel();
        let addresses = names.iter().map(|name| (*name, serve(name, &sender))).collect();
        Self { received, addresses }
    }

    pub(crate) fn address(&self, name: &str) -> &str {
        &self.addresses.iter().find(|(known, _)| *known == name).unwrap().1
    }

    /// The back end of the next connection that has ended, and its bytes.
    pub(crate) fn next(&self) -> (&'static str, Vec<u8>) {
        self.received.recv_timeout(LIMIT).unwrap()
    }

    #[track_caller]
    pub(crate) fn got_nothing(&self) {
        if let Ok((name, bytes)) = self.received.try_recv() {
            panic!("{name}: {bytes:?}");
        }
    }
}

fn serve(name: &'static str, sender: &Sender<(&'static str, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, sender) = (listener.local_addr().unwrap().to_string(), sender.clone());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            thread::spawn(move || {
                let mut bytes = Vec::new();
                if stream.read_to_end(&mut bytes).is_ok() {
                    let _ = sender.send((name, bytes));
                }
            });
        }
    });
    address
}

/// Sends these bytes in two pieces, and the end.
pub(crate) fn send(address: &str, bytes: &[u8], cut: usize) {
    let mut stream = connect(address);
    stream.set_nodelay(true).unwrap();
    stream.write_all(&bytes[..cut]).unwrap();
    // Between the two no event tells that the first has arrived; where it has not, they are one.
    thread::yield_now();
    // A relay that refuses the first piece has closed the connection; a test looks at what it tells.
    let _ = stream.write_all(&bytes[cut..]).and_then(|()| stream.shutdown(Shutdown::Write));
    let _ = stream.read_to_end(&mut Vec::new());
}

/// The first flight of `openssl s_client` with these arguments.
pub(crate) fn openssl_hello(arguments: &[&str]) -> Option<Vec<u8>> {
    let mut command = find_peer("openssl")?;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    command.args(["s_client", "-connect", &address]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let hello = first_record(&listener.accept().unwrap().0);
    let _ = child.kill();
    let _ = child.wait();
    Some(hello)
}

/// The first TLS record of a connection.
pub(crate) fn first_record(mut stream: &TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut record = vec![0; 5];
    stream.read_exact(&mut record).unwrap();
    let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(5 + length, 0);
    stream.read_exact(&mut record[5..]).unwrap();
    record
}
