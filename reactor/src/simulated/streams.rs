//! The system calls: [`Sys`] for [`Simulated`].
//!
//! Invariant: every call leaves a note in the trace, and the network is not borrowed when it
//! returns.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::time::Duration;

use interfaces::{Address, ListenError, ListenTcp, ListenUnix, LockFile, OsError, UnixAddress};

use super::connection::{EndId, Kind, OnClose};
use super::names::{Leftover, Name, UNIX_NAME_BYTES_MAX};
use super::nanos::Nanos;
use super::network::Simulated;
use super::ready::{Source, Threads, Wait};
use super::sockets::{SimulatedListener, SimulatedStream};
use super::trace::Call;
use super::transfer::moved;
use super::world::{World, errno};
use crate::sys::{ConnectFault, Ready, Report, SocketOption, Sys, Token, Watch};

/// Who is at the other end of every simulated UNIX socket: process, user, group.
const CREDENTIALS: (u32, u32, u32) = (1, 1000, 1000);

impl Sys for Simulated {
    type Stream = SimulatedStream;
    type Listener = SimulatedListener;
    type Events = Vec<Ready>;

    fn now(&self) -> Duration {
        self.world.borrow().clock.now().into()
    }

    fn reports(events: &Vec<Ready>) -> impl Iterator<Item = impl Report> {
        events.iter().copied()
    }

    fn poll(&self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        let deadline = self.world.borrow_mut().begin_wait(timeout.map(Nanos::from));
        let result = loop {
            // The hold first: a thread wakes and then lets go, so what is let go of has woken.
            let hold = self.outside.is_held();
            let threads = Threads { woke: self.outside.take_woken(), hold };
            let wait = self.world.borrow_mut().wait(deadline, threads, ready);
            match wait {
                Wait::Over => break Ok(()),
                Wait::Stuck if threads.hold => self.outside.wait(),
                Wait::Stuck => break Err(deadlock()),
            }
        };
        let count = ready.len() as i64;
        self.world.borrow_mut().noted(Call::Poll, 0, result, |()| count)
    }

    fn waker(&self) -> Box<dyn Fn() + Send + Sync> {
        let outside = self.outside.clone();
        Box::new(move || outside.wake())
    }

    fn watch_signal(&self, signal: i32) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        let result = match signal {
            libc::SIGKILL | libc::SIGSTOP => Err(errno(libc::EINVAL)),
            1..=64 => Ok(()),
            _ => Err(errno(libc::EINVAL)),
        };
        if result.is_ok() {
            world.signals.watched.insert(signal);
        }
        world.noted(Call::Sigaction, signal as u64, result, |()| 0)
    }

    fn take_signals(&self) -> Vec<i32> {
        std::mem::take(&mut self.world.borrow_mut().signals.pending)
    }

    fn listen_tcp(&self, options: &ListenTcp) -> Result<SimulatedListener, ListenError> {
        let name = Name::Tcp(options.address);
        let listened = self.world.borrow_mut().listen(name, options.backlog, LockFile::Ignored);
        let id = listened.map_err(|error| refused(&Address::from(options.address), &error))?;
        Ok(SimulatedListener::new(&self.world, id))
    }

    fn listen_unix(&self, options: &ListenUnix) -> Result<SimulatedListener, ListenError> {
        let address = Address::from(options.address.clone());
        let Some(name) = Name::of_unix(&options.address) else {
            return Err(refused(&address, &errno(libc::EINVAL)));
        };
        let length = name.length();
        if length > UNIX_NAME_BYTES_MAX {
            return Err(ListenError::NameTooLong { address, length, limit: UNIX_NAME_BYTES_MAX });
        }
        let mut world = self.world.borrow_mut();
        if let (Name::Path(path), LockFile::Used) = (&name, options.lock_file) {
            if world.names.leftovers.get(path) == Some(&Leftover::File) {
                return Err(ListenError::NotASocket { address });
            }
            if world.is_locked(&name) {
                return Err(ListenError::InUse { address });
            }
        }
        let id = world.listen(name, options.backlog, options.lock_file);
        let id = id.map_err(|error| refused(&address, &error))?;
        Ok(SimulatedListener::new(&self.world, id))
    }

    fn listener_address(&self, listener: &SimulatedListener) -> Address {
        let world = self.world.borrow();
        world.listeners.get(&listener.id).expect("a handle keeps its listener").address.clone()
    }

    fn register_listener(&self, listener: &SimulatedListener, token: Token) -> io::Result<()> {
        self.world.borrow_mut().begin_watch(Source::Listener(listener.id), token);
        Ok(())
    }

    fn deregister_listener(&self, listener: &SimulatedListener) {
        self.world.borrow_mut().end_watch(Source::Listener(listener.id));
    }

    fn accept(&self, listener: &SimulatedListener) -> io::Result<(SimulatedStream, Address)> {
        let mut world = self.world.borrow_mut();
        let accepted = world.accept(listener.id);
        world.touched(Source::Listener(listener.id));
        let accepted =
            world.noted(Call::Accept, listener.id * 2, accepted, |id| id.connection() as i64);
        let id = accepted?;
        let peer = world.name(id.other());
        Ok((SimulatedStream::new(&self.world, id), peer))
    }

    fn connection_waits(&self, listener: &SimulatedListener) -> bool {
        let mut world = self.world.borrow_mut();
        let waits = world.connection_waits(listener.id);
        let now = world.clock.now();
        world.trace.note(now, Call::Look, listener.id * 2, i64::from(waits));
        waits
    }

    fn shed(&self, listener: &SimulatedListener) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        let accepted = world.accept_with_reserve(listener.id);
        let accepted =
            world.noted(Call::Shed, listener.id * 2, accepted, |id| id.connection() as i64);
        accepted.map(|id| world.close(id))
    }

    fn connect_tcp(
        &self,
        address: SocketAddr,
        bind: Option<SocketAddr>,
    ) -> Result<SimulatedStream, ConnectFault> {
        let mut world = self.world.borrow_mut();
        let begun = world.connect_tcp(address, bind);
        let answer = match &begun {
            Ok(id) => id.connection() as i64,
            Err(ConnectFault::Bind(error) | ConnectFault::Connect(error)) => {
                -i64::from(error.raw_os_error().unwrap_or(i32::MAX))
            }
        };
        let now = world.clock.now();
        world.trace.note(now, Call::Connect, 0, answer);
        Ok(SimulatedStream::new(&self.world, begun?))
    }

    fn connect_unix(&self, address: &UnixAddress) -> io::Result<SimulatedStream> {
        let mut world = self.world.borrow_mut();
        let begun = world.connect_unix(address);
        let id = world.noted(Call::Connect, 0, begun, |id| id.connection() as i64)?;
        Ok(SimulatedStream::new(&self.world, id))
    }

    fn is_locked(&self, address: &UnixAddress) -> bool {
        let name = Name::of_unix(address);
        name.is_some_and(|name| self.world.borrow().is_locked(&name))
    }

    fn register(&self, stream: &SimulatedStream, token: Token, _: Watch) -> io::Result<()> {
        self.world.borrow_mut().begin_watch(Source::End(stream.id), token);
        Ok(())
    }

    /// Everything is reported from the beginning.
    fn watch_writing(&self, _: &SimulatedStream, _: Token) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&self, stream: &SimulatedStream) {
        self.world.borrow_mut().end_watch(Source::End(stream.id));
    }

    fn take_error(&self, stream: &SimulatedStream) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        let error = world.held(stream.id).end_mut(stream.id.side()).error.take();
        let result = error.map_or(Ok(()), |number| Err(errno(number)));
        world.answered(Call::Getsockopt, stream.id, result, |()| 0)
    }

    fn read(&self, stream: &SimulatedStream, buffer: &mut [u8]) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        let result = world.read(stream.id, buffer);
        let count = world.answered(Call::Recv, stream.id, result, count)?;
        world.trace.note_bytes(&buffer[..count]);
        Ok(count)
    }

    fn write(&self, stream: &SimulatedStream, data: &[u8]) -> io::Result<usize> {
        self.send(Call::Send, stream.id, &[IoSlice::new(data)])
    }

    fn write_vectored(&self, stream: &SimulatedStream, data: &[IoSlice<'_>]) -> io::Result<usize> {
        self.send(Call::Sendmsg, stream.id, data)
    }

    fn shutdown_write(&self, stream: &SimulatedStream) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        let result = world.shutdown_write(stream.id);
        world.answered(Call::Shutdown, stream.id, result, |()| 0)
    }

    fn reset_on_close(&self, stream: &SimulatedStream) {
        self.with(Call::Setsockopt, stream.id, |world, id| {
            world.held(id).end_mut(id.side()).on_close = OnClose::Reset;
        });
    }

    fn local_address(&self, stream: &SimulatedStream) -> Address {
        self.world.borrow_mut().name(stream.id)
    }

    fn peer_address(&self, stream: &SimulatedStream) -> Address {
        self.world.borrow_mut().name(stream.id.other())
    }

    fn option(&self, stream: &SimulatedStream, option: SocketOption) -> bool {
        self.with(Call::Getsockopt, stream.id, |world, id| *world.option(id, option))
    }

    fn set_option(&self, stream: &SimulatedStream, option: SocketOption, on: bool) {
        self.with(Call::Setsockopt, stream.id, |world, id| *world.option(id, option) = on);
    }

    fn peer_credentials(&self, stream: &SimulatedStream) -> Option<(u32, u32, u32)> {
        let kind = self.world.borrow_mut().held(stream.id).kind;
        (kind == Kind::Unix).then_some(CREDENTIALS)
    }
}

impl Simulated {
    fn send(&self, call: Call, id: EndId, data: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        let result = world.write(id, data);
        let count = world.answered(call, id, result, count)?;
        moved(data, count).for_each(|piece| world.trace.note_bytes(piece));
        Ok(count)
    }

    /// An operation on a stream that cannot fail.
    fn with<T>(&self, call: Call, id: EndId, operation: impl FnOnce(&mut World, EndId) -> T) -> T {
        let mut world = self.world.borrow_mut();
        let now = world.clock.now();
        world.trace.note(now, call, id.number(), 0);
        operation(&mut world, id)
    }
}

impl World {
    /// An operation on a stream is over: it is noted, and perhaps a report follows for no reason.
    fn answered<T>(
        &mut self,
        call: Call,
        id: EndId,
        result: io::Result<T>,
        value: impl FnOnce(&T) -> i64,
    ) -> io::Result<T> {
        self.touched(Source::End(id));
        self.noted(call, id.number(), result, value)
    }

    fn name(&mut self, id: EndId) -> Address {
        self.held(id).end(id.side()).name.clone()
    }

    fn option(&mut self, id: EndId, option: SocketOption) -> &mut bool {
        let end = self.held(id).end_mut(id.side());
        match option {
            SocketOption::NoDelay => &mut end.no_delay,
            SocketOption::KeepAlive => &mut end.keep_alive,
        }
    }

    fn is_locked(&self, name: &Name) -> bool {
        let listening = self.names.find(name).and_then(|id| self.listeners.get(&id));
        listening.is_some_and(|listening| listening.lock_file == LockFile::Used)
    }
}

fn count(count: &usize) -> i64 {
    *count as i64
}

fn refused(address: &Address, error: &io::Error) -> ListenError {
    let number = error.raw_os_error().unwrap_or(libc::EIO);
    let hint = if number == libc::EADDRINUSE { "another socket listens there" } else { "" };
    let (address, source) = (address.clone(), OsError::from_raw_os_error(number));
    ListenError::Refused { address, source, hint }
}

fn deadlock() -> io::Error {
    let words =
        "the simulated network waits for ever: nothing is under way and no timeout was given";
    io::Error::new(io::ErrorKind::Deadlock, words)
}
