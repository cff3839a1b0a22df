//! The task of a connection, for each mode.
//!
//! Invariant: `write_all` waits for room, so that a task holds one buffer and no more.

use std::io;

use peer::{Mode, PATTERN, UPLOAD};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Whether the layer above the socket may buffer written bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    Needed,
    Needless,
}

/// Serves one connection until it ends.
pub(crate) async fn serve<S>(stream: S, mode: Mode, buffer: usize, flush: Flush) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match mode {
        Mode::Echo => echo(stream, buffer, flush).await,
        Mode::Sink => sink(stream, buffer, flush).await,
        Mode::Source => source(stream, flush).await,
        Mode::Close => close(stream, buffer).await,
        Mode::Four => four(stream, buffer, flush).await,
    }
}

async fn echo<S>(mut stream: S, buffer: usize, flush: Flush) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = vec![0; buffer];
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..length]).await?;
        if flush == Flush::Needed {
            stream.flush().await?;
        }
    }
}

async fn four<S>(mut stream: S, buffer: usize, flush: Flush) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = vec![0; buffer];
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        for quarter in buffer[..length].chunks(length.div_ceil(4)) {
            stream.write_all(quarter).await?;
        }
        if flush == Flush::Needed {
            stream.flush().await?;
        }
    }
}

async fn close<S>(mut stream: S, buffer: usize) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = vec![0; buffer];
    let length = stream.read(&mut buffer).await?;
    stream.write_all(&buffer[..length]).await?;
    stream.shutdown().await
}

async fn sink<S>(mut stream: S, buffer: usize, flush: Flush) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = vec![0; buffer];
    let mut taken = 0;
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        taken += length;
        while taken >= UPLOAD {
            taken -= UPLOAD;
            stream.write_all(b"k").await?;
            if flush == Flush::Needed {
                stream.flush().await?;
            }
        }
    }
}

async fn source<S>(mut stream: S, flush: Flush) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let pieces = stream.read_u32().await?;
        for _ in 0..pieces {
            stream.write_all(&PATTERN).await?;
        }
        if flush == Flush::Needed {
            stream.flush().await?;
        }
    }
}
