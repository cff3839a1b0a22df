//! The halves as `AsyncRead` and `AsyncWrite` of `futures-io`, and the connections of a port as `Stream` of
//! `futures-core`, for libraries that are written over these.
//!
//! Invariant: an error's text is the whole chain, as its parts may not leave the thread.

use alloc::format;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use deferred::Chain;
use futures_core::Stream;
use futures_io::{AsyncRead, AsyncWrite};

use super::{Incoming, ReadHalf, StreamError, WriteHalf};

impl AsyncRead for ReadHalf {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let read = self.shared().poll_incoming(context, 1, |held| {
            let length = held.take_into(buffer);
            (length > 0).then_some(length)
        });
        read.map(|read| read.map(|length| length.unwrap_or(0)).map_err(io_error))
    }
}

impl AsyncWrite for WriteHalf {
    /// Takes all bytes, or none while the transport has enough.
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.shared().poll_writable(context).map(|writable| {
            writable.map_err(io_error)?.write(data);
            Ok(data.len())
        })
    }

    /// Nothing is to be done: the transport sends by itself.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// As [`WriteHalf::close`].
    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared().close_writing();
        self.shared().poll_closed(context).map(|closed| closed.map_err(io_error))
    }
}

impl Stream for Incoming {
    type Item = (ReadHalf, WriteHalf);

    /// As [`Incoming::poll_accept`]; it has no end.
    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<(ReadHalf, WriteHalf)>> {
        self.get_mut().poll_accept(context).map(Some)
    }
}

fn io_error(error: StreamError) -> io::Error {
    let kind = match error {
        StreamError::Lost(_) => io::ErrorKind::ConnectionReset,
        StreamError::UnexpectedEnd { .. } => io::ErrorKind::UnexpectedEof,
        StreamError::TooLong { .. } => io::ErrorKind::InvalidData,
    };
    io::Error::new(kind, format!("{}", Chain(&error)))
}
