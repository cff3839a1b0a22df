//! One connection to a server, plain or with TLS, non-blocking.
//!
//! Invariant: `read` and `write` answer `WouldBlock` only when the socket did, so that an
//! edge-triggered loop loses nothing.

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

/// How connections are made.
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

/// How many connections are made from each address of this machine: fewer than it has ports.
const PER_ADDRESS: usize = 20_000;

/// How many addresses there are to connect from; all of 127.0.0.0/8 leads here.
const ADDRESSES: usize = 200;

impl Dialer {
    pub(crate) fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        let tls = match &options.tls {
            None => None,
            Some(directory) => Some(Arc::new(client(directory, options.resume)?)),
        };
        Ok(Self { server: options.server, tls, made: std::process::id() as usize * PER_ADDRESS })
    }

    /// Makes a connection, which may not stand yet.
    pub(crate) fn dial(&mut self) -> Result<Link, Box<dyn Error>> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking().cloexec(), None)?;
        let host = (self.made / PER_ADDRESS) % ADDRESSES + 2;
        self.made += 1;
        let from = SocketAddr::from((Ipv4Addr::new(127, 0, 0, host as u8), 0));
        // The port is chosen when the peer is known, so that ports are not used up.
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

    /// Whether a read that was not filled has read all there is.
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
                // It does not stand yet.
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

    /// Sends what TLS still holds; the answer is whether it holds nothing any more.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(true) };
        send_tls(tls, &mut self.stream)?;
        Ok(!tls.wants_write())
    }

    /// Goes on with the handshake; the answer is whether it is done.
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

    /// Whether the handshake was a resumed one.
    pub(crate) fn was_resumed(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.handshake_kind() == Some(HandshakeKind::Resumed))
    }

    /// The cipher suite that was agreed on, where TLS is spoken.
    pub(crate) fn suite(&self) -> Option<String> {
        let suite = self.tls.as_ref()?.negotiated_cipher_suite()?;
        Some(format!("{:?}", suite.suite()))
    }

    /// Says that no more will come, where there is a word for it.
    pub(crate) fn say_goodbye(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        tls.send_close_notify();
        send_tls(tls, &mut self.stream)
    }
}

/// Sends what fits of what TLS wants to send.
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
