//! [`StreamSys`] for [`Kernel`]: each call forwards to the file of its concept.
//!
//! Invariant: no call here keeps state but the poll's registrations and the reserve.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, OwnedFd};

use interfaces::{
    Address, ConnectTcp, KeepAliveTimes, ListenError, ListenTcp, ListenUnix, ShareSocketError,
    UnixAddress,
};
use mio::Interest;
use mio::unix::SourceFd;
use socket2::Socket;

use super::listener::{self, KernelListener};
use super::{Kernel, ancillary, connecting, raw_calls, ready, sockaddr, socket_options, unix_path};
use crate::sys::{Ancillary, ConnectFault, ReadAlone, SocketOption, StreamSys, Token, Watch};

/// The flag of send(2) that announces the end of file, on systems that have one.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MORE_FOLLOWS: libc::c_int = libc::MSG_MORE;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const MORE_FOLLOWS: libc::c_int = 0;

impl StreamSys for Kernel {
    type Stream = Socket;
    type Listener = KernelListener;

    fn listen_tcp(&self, options: &ListenTcp) -> Result<KernelListener, ListenError> {
        KernelListener::tcp(options)
    }

    fn listen_unix(&self, options: &ListenUnix) -> Result<KernelListener, ListenError> {
        KernelListener::unix(options)
    }

    fn listener_address(&self, listener: &KernelListener) -> Address {
        listener.address()
    }

    fn register_listener(&self, listener: &KernelListener, token: Token) -> io::Result<()> {
        self.reserve.fill();
        self.register_source(listener.socket(), token, Interest::READABLE)
    }

    fn deregister_listener(&self, listener: &KernelListener) {
        self.deregister_source(listener.socket());
    }

    fn accept(&self, listener: &KernelListener) -> io::Result<(Socket, Address)> {
        let (socket, peer) = listener::accept(listener.socket())?;
        Ok((socket, sockaddr::to_address(&peer)))
    }

    fn connection_waits(&self, listener: &KernelListener) -> bool {
        raw_calls::is_readable(listener.socket())
    }

    fn accept_and_close(&self, listener: &KernelListener) -> io::Result<()> {
        self.reserve.lend(|| {
            let (socket, _) = listener::accept(listener.socket())?;
            // The end of file would say that the client was served.
            socket_options::reset_on_close(&socket);
            Ok(())
        })
    }

    fn connect_tcp(&self, options: &ConnectTcp) -> Result<Socket, ConnectFault> {
        connecting::tcp(options)
    }

    fn connect_unix(&self, address: &UnixAddress) -> io::Result<Socket> {
        connecting::unix(address)
    }

    fn is_locked(&self, address: &UnixAddress) -> bool {
        unix_path::is_locked(address)
    }

    fn register(&self, stream: &Socket, token: Token, watch: Watch) -> io::Result<()> {
        self.register_source(stream, token, ready::interest(watch))
    }

    fn watch_writing(&self, stream: &Socket, token: Token) -> io::Result<()> {
        self.poll.borrow().registry().reregister(
            &mut SourceFd(&stream.as_raw_fd()),
            mio::Token(token.0),
            ready::interest(Watch::Both),
        )
    }

    fn deregister(&self, stream: &Socket) {
        self.deregister_source(stream);
    }

    fn take_error(&self, stream: &Socket) -> io::Result<()> {
        socket_options::take_error(stream)
    }

    #[inline]
    fn read(&self, stream: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
        raw_calls::receive(stream, buffer)
    }

    #[inline]
    fn write(&self, stream: &Socket, data: &[u8]) -> io::Result<usize> {
        raw_calls::send(stream, data, libc::MSG_NOSIGNAL)
    }

    fn write_vectored(&self, stream: &Socket, data: &[IoSlice<'_>]) -> io::Result<usize> {
        stream.send_vectored_with_flags(data, libc::MSG_NOSIGNAL)
    }

    fn write_last(&self, stream: &Socket, data: &[u8]) -> io::Result<usize> {
        raw_calls::send(stream, data, libc::MSG_NOSIGNAL | MORE_FOLLOWS)
    }

    fn read_alone(&self, stream: &Socket, buffer: &mut [u8]) -> io::Result<ReadAlone> {
        ancillary::receive_alone(stream, buffer)
    }

    fn read_with_descriptors(
        &self,
        stream: &Socket,
        buffer: &mut [u8],
        ancillary: &mut Ancillary,
    ) -> io::Result<usize> {
        ancillary::receive(stream, buffer, ancillary)
    }

    fn write_with_descriptors(
        &self,
        stream: &Socket,
        data: &[u8],
        descriptors: &mut Vec<OwnedFd>,
    ) -> io::Result<usize> {
        let sent = ancillary::send(stream, data, descriptors)?;
        descriptors.clear();
        Ok(sent)
    }

    fn shutdown_write(&self, stream: &Socket) -> io::Result<()> {
        stream.shutdown(std::net::Shutdown::Write)
    }

    fn has_unread(&self, stream: &Socket) -> bool {
        stream.peek(&mut [MaybeUninit::uninit()]).is_ok_and(|length| length > 0)
    }

    fn peer_is_gone(&self, stream: &Socket) -> bool {
        raw_calls::has_hung_up(stream)
    }

    fn unacknowledged_bytes(&self, stream: &Socket) -> usize {
        raw_calls::unacknowledged_bytes(stream)
    }

    fn reset_on_close(&self, stream: &Socket) {
        socket_options::reset_on_close(stream);
    }

    fn stream_descriptor(&self, stream: &Socket) -> Option<i32> {
        Some(stream.as_raw_fd())
    }

    fn listener_descriptor(&self, listener: &KernelListener) -> Option<i32> {
        Some(listener.socket().as_raw_fd())
    }

    fn share_listener(&self, listener: &KernelListener) -> Result<OwnedFd, ShareSocketError> {
        listener.share()
    }

    fn release_listener(&self, listener: &KernelListener) -> Result<OwnedFd, ShareSocketError> {
        listener.release()
    }

    fn copy_listener(&self, listener: &KernelListener) -> Result<OwnedFd, ShareSocketError> {
        listener.copy()
    }

    fn local_address(&self, stream: &Socket) -> Address {
        sockaddr::or_unnamed(stream.local_addr())
    }

    fn peer_address(&self, stream: &Socket) -> Address {
        sockaddr::or_unnamed(stream.peer_addr())
    }

    fn option(&self, stream: &Socket, option: SocketOption) -> bool {
        socket_options::get(stream, option)
    }

    fn set_option(&self, stream: &Socket, option: SocketOption, on: bool) {
        socket_options::set(stream, option, on);
    }

    fn set_keep_alive_times(&self, stream: &Socket, times: KeepAliveTimes) {
        socket_options::set_keep_alive_times(stream, times);
    }

    fn peer_credentials(&self, stream: &Socket) -> Option<(u32, u32, u32)> {
        raw_calls::peer_credentials(stream)
    }
}
