//! One connection to a server, plain or with TLS, non-blocking.
//!
//! Invariant: `read` and `write` return `WouldBlock` only when the socket did, so that an
//! edge-triggered loop misses no event.

use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::arguments::Options;
use crate::certificate::NAME;
use crate::system;

/// The parameters of connections.
pub(crate) struct Dialer {
    server: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    made: usize,
}

/// One connection.
pub(crate) struct Link {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

/// The number of connections from each address of this machine: fewer than it has ports.
const PER_ADDRESS: usize = 20_000;

/// The number of source addresses; all of 127.0.0.0/8 is this machine.
const ADDRESSES: usize = 200;

impl Dialer {
    pub(crate) fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        let tls = match &options.tls {
            None => None,
            Some(directory) => Some(Arc::new(client(directory, options.resume)?)),
        };
        Ok(Self { server: options.server, tls, made: std::process::id() as usize * PER_ADDRESS })
    }

    /// Starts a connection.
    pub(crate) fn dial(&mut self) -> Result<Link, Box<dyn Error>> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking().cloexec(), None)?;
        let host = (self.made / PER_ADDRESS) % ADDRESSES + 2;
        self.made += 1;
        let from = SocketAddr::from((Ipv4Addr::new(127, 0, 0, host as u8), 0));
        // connect(2) chooses the port, so that a port can serve several peers.
        system::choose_port_when_connecting(&socket)?;
        socket.bind(&SockAddr::from(from))?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&SockAddr::from(self.server)) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => {
                return Err(error.into());
            }
            Ok(()) | Err(_) => {}
        }
        let tls = match &self.tls {
            None => None,
            Some(config) => {
                let name = ServerName::try_from(NAME)?;
                Some(Box::new(ClientConnection::new(Arc::clone(config), name)?))
            }
        };
        Ok(Link { stream: TcpStream::from_std(socket.into()), tls })
    }
}

impl Link {
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether a short read has emptied the socket.
    pub(crate) fn short_read_is_last(&self) -> bool {
        self.tls.is_none()
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.read(buffer) };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                answer => return answer,
            }
            let length = tls.read_tls(&mut self.stream)?;
            let state = tls.process_new_packets().map_err(io::Error::other)?;
            send_tls(tls, &mut self.stream)?;
            if length == 0 && state.plaintext_bytes_to_read() == 0 {
                return Ok(0);
            }
        }
    }

    pub(crate) fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return match self.stream.write(data) {
                // It is not established yet.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    Err(io::ErrorKind::WouldBlock.into())
                }
                answer => answer,
            };
        };
        send_tls(tls, &mut self.stream)?;
        if tls.wants_write() || tls.is_handshaking() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let length = tls.writer().write(&data[..data.len().min(64 * 1024)])?;
        send_tls(tls, &mut self.stream)?;
        Ok(length)
    }

    /// Sends the records that TLS holds; true if none are left.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(true) };
        send_tls(tls, &mut self.stream)?;
        Ok(!tls.wants_write())
    }

    /// Continues the handshake; true if it is done.
    pub(crate) fn shake_hands(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(true) };
        loop {
            send_tls(tls, &mut self.stream)?;
            if !tls.is_handshaking() {
                return Ok(!tls.wants_write());
            }
            match tls.read_tls(&mut self.stream) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {
                    tls.process_new_packets().map_err(io::Error::other)?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the handshake resumed a session.
    pub(crate) fn was_resumed(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.handshake_kind() == Some(HandshakeKind::Resumed))
    }

    /// The negotiated cipher suite, with TLS.
    pub(crate) fn suite(&self) -> Option<String> {
        let suite = self.tls.as_ref()?.negotiated_cipher_suite()?;
        Some(format!("{:?}", suite.suite()))
    }

    /// Sends close_notify, with TLS.
    pub(crate) fn say_goodbye(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        tls.send_close_notify();
        send_tls(tls, &mut self.stream)
    }
}

/// Sends as many pending records of TLS as the socket takes.
fn send_tls(tls: &mut ClientConnection, stream: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(stream) {
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
                ) =>
            {
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn client(directory: &Path, resume: bool) -> Result<ClientConfig, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(directory.join("certificate.pem"))?)?;
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    if !resume {
        config.resumption = Resumption::disabled();
    }
    Ok(config)
}
