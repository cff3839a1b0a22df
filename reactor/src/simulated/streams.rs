//! [`StreamSys`] for [`Simulated`]: each call forwards to the file of its concept.
//!
//! Invariant: each call borrows the network for its own duration alone.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;

use interfaces::{
    Address, ConnectTcp, KeepAliveTimes, ListenError, ListenTcp, ListenUnix, UnixAddress,
};

use super::ids::Source;
use super::network::Simulated;
use super::sockets::{SimulatedListener, SimulatedStream};
use super::trace::SystemCall;
use crate::sys::{Ancillary, ConnectFault, ReadAlone, SocketOption, StreamSys, Token, Watch};

impl StreamSys for Simulated {
    type Stream = SimulatedStream;
    type Listener = SimulatedListener;

    fn listen_tcp(&self, options: &ListenTcp) -> Result<SimulatedListener, ListenError> {
        let id = self.world.borrow_mut().listen_tcp(options)?;
        Ok(SimulatedListener::new(&self.world, id))
    }

    fn listen_unix(&self, options: &ListenUnix) -> Result<SimulatedListener, ListenError> {
        let id = self.world.borrow_mut().listen_unix(options)?;
        Ok(SimulatedListener::new(&self.world, id))
    }

    fn listener_address(&self, listener: &SimulatedListener) -> Address {
        self.world.borrow().listener_address(listener.id)
    }

    fn register_listener(&self, listener: &SimulatedListener, token: Token) -> io::Result<()> {
        self.world.borrow_mut().begin_watch(Source::Listener(listener.id), token, Watch::Both);
        Ok(())
    }

    fn deregister_listener(&self, listener: &SimulatedListener) {
        self.world.borrow_mut().end_watch(Source::Listener(listener.id));
    }

    fn accept(&self, listener: &SimulatedListener) -> io::Result<(SimulatedStream, Address)> {
        let mut world = self.world.borrow_mut();
        let id = world.accept(listener.id)?;
        Ok((SimulatedStream::new(&self.world, id), world.name(id.other())))
    }

    fn connection_waits(&self, listener: &SimulatedListener) -> bool {
        self.world.borrow_mut().connection_waits(listener.id)
    }

    fn accept_and_close(&self, listener: &SimulatedListener) -> io::Result<()> {
        self.world.borrow_mut().accept_and_close(listener.id)
    }

    fn connect_tcp(&self, options: &ConnectTcp) -> Result<SimulatedStream, ConnectFault> {
        let id = self.world.borrow_mut().connect_tcp(options)?;
        Ok(SimulatedStream::new(&self.world, id))
    }

    fn connect_unix(&self, address: &UnixAddress) -> io::Result<SimulatedStream> {
        let id = self.world.borrow_mut().connect_unix(address)?;
        Ok(SimulatedStream::new(&self.world, id))
    }

    fn is_locked(&self, address: &UnixAddress) -> bool {
        self.world.borrow().is_locked(address)
    }

    fn register(&self, stream: &SimulatedStream, token: Token, watch: Watch) -> io::Result<()> {
        self.world.borrow_mut().begin_watch(Source::End(stream.id), token, watch);
        Ok(())
    }

    fn watch_writing(&self, stream: &SimulatedStream, _: Token) -> io::Result<()> {
        self.world.borrow_mut().begin_watch_of_writing(Source::End(stream.id));
        Ok(())
    }

    fn deregister(&self, stream: &SimulatedStream) {
        self.world.borrow_mut().end_watch(Source::End(stream.id));
    }

    fn take_error(&self, stream: &SimulatedStream) -> io::Result<()> {
        self.world.borrow_mut().take_error(stream.id)
    }

    fn read(&self, stream: &SimulatedStream, buffer: &mut [u8]) -> io::Result<usize> {
        self.world.borrow_mut().read(stream.id, buffer)
    }

    fn write(&self, stream: &SimulatedStream, data: &[u8]) -> io::Result<usize> {
        let pieces = [IoSlice::new(data)];
        self.world.borrow_mut().write(SystemCall::Send, stream.id, &pieces)
    }

    fn write_vectored(&self, stream: &SimulatedStream, data: &[IoSlice<'_>]) -> io::Result<usize> {
        self.world.borrow_mut().write(SystemCall::Sendmsg, stream.id, data)
    }

    fn read_alone(&self, stream: &SimulatedStream, buffer: &mut [u8]) -> io::Result<ReadAlone> {
        self.world.borrow_mut().read_alone(stream.id, buffer)
    }

    fn read_with_descriptors(
        &self,
        stream: &SimulatedStream,
        buffer: &mut [u8],
        ancillary: &mut Ancillary,
    ) -> io::Result<usize> {
        self.world.borrow_mut().read_with_descriptors(stream.id, buffer, ancillary)
    }

    fn write_with_descriptors(
        &self,
        stream: &SimulatedStream,
        data: &[u8],
        descriptors: &mut Vec<OwnedFd>,
    ) -> io::Result<usize> {
        self.world.borrow_mut().write_with_descriptors(stream.id, data, descriptors)
    }

    fn shutdown_write(&self, stream: &SimulatedStream) -> io::Result<()> {
        self.world.borrow_mut().shutdown_write(stream.id)
    }

    fn has_unread(&self, stream: &SimulatedStream) -> bool {
        self.world.borrow_mut().has_unread(stream.id)
    }

    fn peer_is_gone(&self, stream: &SimulatedStream) -> bool {
        self.world.borrow_mut().has_hung_up(stream.id)
    }

    fn unacknowledged_bytes(&self, stream: &SimulatedStream) -> usize {
        self.world.borrow_mut().unacknowledged_bytes(stream.id)
    }

    fn reset_on_close(&self, stream: &SimulatedStream) {
        self.world.borrow_mut().reset_on_close(stream.id);
    }

    fn local_address(&self, stream: &SimulatedStream) -> Address {
        self.world.borrow_mut().name(stream.id)
    }

    fn peer_address(&self, stream: &SimulatedStream) -> Address {
        self.world.borrow_mut().name(stream.id.other())
    }

    fn option(&self, stream: &SimulatedStream, option: SocketOption) -> bool {
        self.world.borrow_mut().option(stream.id, option)
    }

    fn set_keep_alive_times(&self, stream: &SimulatedStream, _: KeepAliveTimes) {
        self.world.borrow_mut().set_option(stream.id, SocketOption::KeepAlive, true);
    }

    fn set_option(&self, stream: &SimulatedStream, option: SocketOption, on: bool) {
        self.world.borrow_mut().set_option(stream.id, option, on);
    }

    fn peer_credentials(&self, stream: &SimulatedStream) -> Option<(u32, u32, u32)> {
        self.world.borrow_mut().peer_credentials(stream.id)
    }
}
