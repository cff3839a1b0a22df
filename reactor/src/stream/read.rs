//! Receiving: from the socket into the shared buffer, and up to the protocol in place.
//!
//! Invariant: a stream that may still have something to read is either paused or on the list of
//! those that are still ready; so no edge is lost.

use std::io;

use deferred::Failure;
use interfaces::{Event, Reason};

use crate::core::Core;
use crate::os_error;
use crate::stream::state::{Reading, State, Waits};
use crate::stream::{Running, Stream};
use crate::sys::{Ready, Report, Sys};

impl<S: Sys> Core<S> {
    /// What the system reported about a stream.
    #[inline(always)]
    pub(crate) fn stream_ready(
        &self,
        running: &Running<S>,
        report: &impl Report,
        buffer: &mut [u8],
    ) {
        let io = &running.stream.io;
        if report.brings_bytes() && !io.blocked.get() {
            io.readable.set(true);
            self.read(running, buffer);
        } else {
            self.more_than_bytes(running, report.ready(), buffer);
        }
    }

    #[inline(never)]
    pub(crate) fn more_than_bytes(&self, running: &Running<S>, ready: Ready, buffer: &mut [u8]) {
        let stream = &running.stream;
        let unblocked = stream.io.blocked.get() && ready.writable;
        if unblocked {
            stream.io.blocked.set(false);
        }
        if ready.read_closed {
            stream.io.read_closed.set(true);
        }
        if ready.readable || ready.read_closed || stream.io.readable.get() {
            stream.io.readable.set(true);
            self.read_again(running, buffer);
        }
        let changed = unblocked || ready.read_closed;
        if changed && (stream.unsent() > 0 || stream.io.producer_paused.get()) {
            self.flush_again(running);
        }
        if ready.read_closed && !stream.wants_to_read() && stream.state.get().is_alive() {
            self.look_for_error(stream);
        }
    }

    /// A stream that does not read learns here that it is broken. One that is only paused is told
    /// when it resumes, after what is there to be read.
    fn look_for_error(&self, stream: &std::rc::Rc<Stream<S>>) {
        let flushing = matches!(stream.state.get(), State::Flushing(_));
        let asked = stream.ask_socket(&self.sys, |sys, socket| {
            sys.take_error(socket)?;
            // A UNIX socket whose peer is gone has no error, but refuses even to send nothing.
            if flushing { refuses_writes(sys, socket) } else { Ok(()) }
        });
        let Some(Err(error)) = asked else { return };
        stream.extras.set_broken(os_error(&error));
        match stream.state.get() {
            State::Open { reading: Reading::Open, .. } | State::Doomed | State::Lost => {}
            State::Open { reading: Reading::Ended, .. } | State::Flushing(_) => {
                stream.doom(self, Reason::Lost(Failure::new(os_error(&error))));
            }
        }
    }

    /// As [`read`](Self::read), away from the path of each message.
    #[inline(never)]
    pub(crate) fn read_again(&self, running: &Running<S>, buffer: &mut [u8]) {
        self.read(running, buffer);
    }

    /// Reads until all is read, the protocol wants no more, or the budget of this turn is spent.
    #[inline(always)]
    pub(crate) fn read(&self, running: &Running<S>, buffer: &mut [u8]) {
        let stream = &running.stream;
        let mut reads = 0;
        loop {
            if !stream.wants_to_read() {
                return self.discard(running, buffer);
            }
            let Some(socket) = stream.socket.take() else { return };
            let answer = self.sys.read(&socket, buffer);
            stream.put_back(socket);
            let length = match answer {
                Ok(length) if length > 0 => length,
                answer => return self.read_nothing(running, answer),
            };
            self.deliver(running, Event::DataReceived(&mut buffer[..length]));
            if length < buffer.len() && !stream.io.read_closed.get() {
                stream.io.readable.set(false);
                return;
            }
            reads += 1;
            if reads == self.limits.reads_per_turn {
                return self.note_unread(stream);
            }
        }
    }

    /// Reads once what nobody wants any more, if it has to be read; then the others have their turn.
    #[inline(never)]
    fn discard(&self, running: &Running<S>, buffer: &mut [u8]) {
        let stream = &running.stream;
        if !stream.discards() {
            return;
        }
        match stream.ask_socket(&self.sys, |sys, socket| sys.read(socket, buffer)) {
            Some(Ok(length)) if length > 0 => self.note_unread(stream),
            Some(answer) => self.read_nothing(running, answer),
            None => {}
        }
    }

    /// Nothing is left, for now or for ever.
    #[inline(never)]
    fn read_nothing(&self, running: &Running<S>, answer: io::Result<usize>) {
        let stream = &running.stream;
        let error = match answer {
            Ok(_) => {
                stream.io.readable.set(false);
                return self.end_of_file(running);
            }
            Err(error) => error,
        };
        match error.kind() {
            io::ErrorKind::Interrupted => self.note_unread(stream),
            io::ErrorKind::WouldBlock => {
                stream.io.readable.set(false);
                if let Some(error) = stream.extras.broken() {
                    self.finish(stream, &Reason::Lost(Failure::new(error)));
                }
            }
            _ => self.finish(stream, &Reason::Lost(Failure::new(os_error(&error)))),
        }
    }

    /// The peer sends no more.
    fn end_of_file(&self, running: &Running<S>) {
        let stream = &running.stream;
        stream.io.ends.note_peers();
        if let Some(error) = stream.extras.broken() {
            return self.finish(stream, &Reason::Lost(Failure::new(error)));
        }
        if matches!(stream.state.get(), State::Flushing(_)) {
            return;
        }
        let asked = self.call_for(stream, "protocol", || running.deliver.is_half_closeable());
        self.run_woken_tasks();
        match asked {
            Ok(true) => {
                stream.state.set(stream.state.get().read_ended());
                self.announce(running, Event::ReadConnectionLost);
            }
            Ok(false) => self.end_with_the_peer(running),
            Err(message) => stream.doom(self, Reason::Panicked(message)),
        }
    }

    /// The protocol has no use for one direction alone. What it wrote before still goes out.
    fn end_with_the_peer(&self, running: &Running<S>) {
        let stream = &running.stream;
        if stream.unsent() == 0 {
            return self.finish(stream, &Reason::Done);
        }
        stream.state.set(State::Flushing(Waits::ForNothing));
        self.stop_producer(stream);
        self.flush(running);
    }
}

/// Whether the other end is gone, asked by sending nothing.
fn refuses_writes<S: Sys>(sys: &S, socket: &S::Stream) -> io::Result<()> {
    loop {
        match sys.write(socket, &[]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            answer => return answer.map(drop),
        }
    }
}
