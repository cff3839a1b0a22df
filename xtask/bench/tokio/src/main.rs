//! The bench's server on tokio, as in tokio's documentation: a task and a buffer per connection, on the
//! `current_thread` runtime; with TLS by tokio-rustls.
//!
//! Invariant: writes are flushed only with TLS, the one layer that buffers them.

mod tasks;

use std::error::Error;
use std::sync::Arc;

use peer::{Arguments, Suites, Wire};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{CipherSuite, ServerConfig, SupportedCipherSuite};

use tasks::{Flush, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = peer::arguments();
    if arguments.wire == Wire::Datagrams {
        return serve_datagrams(&arguments).await;
    }
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener = socket.listen(1024)?;
    peer::ready(listener.local_addr()?.port());
    match tls(&arguments)? {
        None => serve_plain(listener, &arguments).await,
        Some(acceptor) => serve_tls(listener, &acceptor, &arguments).await,
    }
}

async fn serve_datagrams(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).await?;
    peer::ready(socket.local_addr()?.port());
    let mut buffer = vec![0; arguments.buffer];
    loop {
        let (length, sender) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&buffer[..length], sender).await?;
    }
}

async fn serve_plain(listener: TcpListener, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let (mode, buffer) = (arguments.mode, arguments.buffer);
    loop {
        let (stream, _peer) = listener.accept().await?;
        tokio::spawn(async move {
            stream.set_nodelay(true)?;
            serve(stream, mode, buffer, Flush::Needless).await
        });
    }
}

async fn serve_tls(
    listener: TcpListener,
    acceptor: &TlsAcceptor,
    arguments: &Arguments,
) -> Result<(), Box<dyn Error>> {
    let (mode, buffer) = (arguments.mode, arguments.buffer);
    loop {
        let (stream, _peer) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            stream.set_nodelay(true)?;
            let stream = acceptor.accept(stream).await?;
            serve(stream, mode, buffer, Flush::Needed).await
        });
    }
}

fn tls(arguments: &Arguments) -> Result<Option<TlsAcceptor>, Box<dyn Error>> {
    let Some(directory) = &arguments.tls else { return Ok(None) };
    let certificate = CertificateDer::from_pem_slice(&peer::pem(directory, "certificate.pem"))?;
    let key = PrivateKeyDer::from_pem_slice(&peer::pem(directory, "key.pem"))?;
    let builder = match arguments.suites {
        Suites::Default => ServerConfig::builder(),
        Suites::Aes128First => {
            let mut provider = aws_lc_rs::default_provider();
            provider.cipher_suites.sort_by_key(|suite| !is_aes_128(suite));
            ServerConfig::builder_with_provider(Arc::new(provider))
                .with_safe_default_protocol_versions()?
        }
    };
    let mut config = builder.with_no_client_auth().with_single_cert(vec![certificate], key)?;
    config.ignore_client_order = arguments.suites == Suites::Aes128First;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// Cipher suites of TLS 1.3, the version of the load.
fn is_aes_128(suite: &SupportedCipherSuite) -> bool {
    suite.suite() == CipherSuite::TLS13_AES_128_GCM_SHA256
}
