//! Descriptors of others that the loop watches.
//!
//! Invariant: every descriptor here is non-blocking, or is read only where something is there.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{ErrorKind, PipeReader, Read as _, Write as _, pipe};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::rc::{Rc, Weak};

use deferred::Failure;
use interfaces::{
    FileDescriptor, ReactorFdSet, ReadDescriptor, Reason, WatchError, WriteDescriptor,
};

use crate::suite::{Ability, Case, CaseContext, Failed, Outcome, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "descriptors/reader",
        "a reader is called while something is left to read, and not once it is removed",
        reader,
    )
    .needs(&[Ability::FdSet]),
    Case::new(
        "descriptors/writer",
        "a writer is called while there is room, and again when its reader has made some",
        writer,
    )
    .needs(&[Ability::FdSet]),
    Case::new(
        "descriptors/other-end-gone",
        "a watched descriptor whose other end is gone is told so once, and is watched no more",
        other_end_gone,
    )
    .needs(&[Ability::FdSet]),
    Case::new(
        "descriptors/remove-all",
        "all that is watched is returned and called no more, and the loop's own connections go on",
        remove_all,
    )
    .needs(&[Ability::FdSet]),
    Case::new(
        "descriptors/regular-file",
        "a regular file, which is always ready, is refused as that",
        regular_file,
    )
    .needs(&[Ability::FdSet]),
];

/// Reads a byte at a time, and removes itself at the last of `bytes`.
struct Pipe {
    me: Weak<Self>,
    end: PipeReader,
    read: Cell<usize>,
    bytes: usize,
    set: Rc<dyn ReactorFdSet>,
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}

impl FileDescriptor for Pipe {}

impl ReadDescriptor for Pipe {
    fn do_read(&self) -> Result<(), Reason> {
        let count =
            (&self.end).read(&mut [0]).map_err(|error| Reason::Lost(Failure::new(error)))?;
        self.read.set(self.read.get() + count);
        if self.read.get() == self.bytes
            && let Some(me) = self.me.upgrade()
        {
            self.set.remove_reader(&(me as Rc<dyn ReadDescriptor>));
        }
        Ok(())
    }
}

fn reader(t: &CaseContext) -> Outcome {
    let set = set(t)?;
    let (end, mut writer) = pipe().map_err(Failure::new)?;
    let owned = set.clone();
    let pipe = Rc::new_cyclic(|me| Pipe {
        me: Weak::clone(me),
        end,
        read: Cell::new(0),
        bytes: 5,
        set: owned,
    });
    set.add_reader(pipe.clone()).map_err(Failure::new)?;
    t.settle()?;
    same("bytes before any was written", pipe.read.get(), 0)?;
    writer.write_all(b"seven b").map_err(Failure::new)?;
    t.until("five bytes are read", || pipe.read.get() == 5)?;
    t.settle()?;
    same("bytes after it was removed", pipe.read.get(), 5)?;
    same("readers that are left", set.readers().len(), 0)
}

fn set(t: &CaseContext) -> Result<Rc<dyn ReactorFdSet>, Failed> {
    t.world().fd_set().ok_or_else(|| Failed::new("this world watches no descriptors"))
}

/// An end of a pair of sockets, which counts what it is told.
struct WatchedSocket {
    end: UnixStream,
    writes: bool,
    called: Cell<usize>,
    lost: RefCell<Vec<Reason>>,
}

impl WatchedSocket {
    fn pair(writes: bool) -> Result<(Rc<Self>, UnixStream), Failed> {
        let (end, other) = UnixStream::pair().map_err(Failure::new)?;
        for side in [&end, &other] {
            side.set_nonblocking(true).map_err(Failure::new)?;
        }
        let counted = Self { end, writes, called: Cell::new(0), lost: RefCell::default() };
        Ok((Rc::new(counted), other))
    }

    fn transferred(&self, result: std::io::Result<usize>) -> Result<(), Reason> {
        self.called.set(self.called.get() + 1);
        match result {
            Ok(0) => Err(Reason::Done),
            Err(error) if error.kind() != ErrorKind::WouldBlock => {
                Err(Reason::Lost(Failure::new(error)))
            }
            _ => Ok(()),
        }
    }
}

impl AsFd for WatchedSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}

impl FileDescriptor for WatchedSocket {
    fn connection_lost(&self, reason: &Reason) {
        self.lost.borrow_mut().push(reason.clone());
    }
}

impl ReadDescriptor for WatchedSocket {
    fn do_read(&self) -> Result<(), Reason> {
        self.transferred((&self.end).read(&mut [0; 64]))
    }
}

impl WriteDescriptor for WatchedSocket {
    fn do_write(&self) -> Result<(), Reason> {
        let data: &[u8] = if self.writes { &[0; 4096] } else { b"" };
        self.transferred((&self.end).write(data).map(|count| count.max(1)))
    }
}

/// Reads all that waits.
fn drain(mut from: &UnixStream) -> usize {
    let mut buffer = [0; 4096];
    let mut all = 0;
    while let Ok(count) = from.read(&mut buffer)
        && count > 0
    {
        all += count;
    }
    all
}

fn writer(t: &CaseContext) -> Outcome {
    let set = set(t)?;
    let (writer, other) = WatchedSocket::pair(true)?;
    let as_writer: Rc<dyn WriteDescriptor> = writer.clone();
    set.add_writer(as_writer.clone()).map_err(Failure::new)?;
    t.until("it has filled its buffer", || {
        let before = writer.called.get();
        before > 1 && t.settle().is_ok() && writer.called.get() == before
    })?;
    let before = writer.called.get();
    ensure(drain(&other) > 0, "nothing was written")?;
    t.until("it is called again", || writer.called.get() > before)?;
    set.remove_writer(&as_writer);
    drain(&other);
    let before = writer.called.get();
    t.settle()?;
    same("calls after it was removed", writer.called.get(), before)?;
    same("writers that are left", set.writers().len(), 0)
}

fn other_end_gone(t: &CaseContext) -> Outcome {
    let set = set(t)?;
    let (both, other) = WatchedSocket::pair(false)?;
    set.add_reader(both.clone()).map_err(Failure::new)?;
    t.settle()?;
    same("calls before", both.called.get(), 0)?;
    drop(other);
    t.until("it is told", || !both.lost.borrow().is_empty())?;
    t.settle()?;
    same("how often", both.lost.borrow().len(), 1)?;
    ensure(both.lost.borrow()[0].is_clean(), "an end of file is a clean end")?;
    same("readers that are left", set.readers().len(), 0)
}

fn remove_all(t: &CaseContext) -> Outcome {
    let set = set(t)?;
    let pair = t.pair(Script::new(), Script::new())?;
    let (both, other) = WatchedSocket::pair(false)?;
    let (reader, mut second) = WatchedSocket::pair(false)?;
    set.add_reader(both.clone()).map_err(Failure::new)?;
    set.add_writer(both.clone()).map_err(Failure::new)?;
    set.add_reader(reader.clone()).map_err(Failure::new)?;
    same("objects", set.remove_all().len(), 2)?;
    same("readers and writers", (set.readers().len(), set.writers().len()), (0, 0))?;
    let before = both.called.get();
    second.write_all(b"x").map_err(Failure::new)?;
    drop((second, other));
    let wire = pair.client.transport()?;
    wire.write(b"goes on");
    wire.lose_connection();
    pair.until_lost(t)?;
    pair.server_has(b"goes on")?;
    same("calls", (both.called.get(), reader.called.get()), (before, 0))?;
    same("losses", both.lost.borrow().len() + reader.lost.borrow().len(), 0)
}

/// A file that nothing is to be asked of.
struct Regular(File);

impl AsFd for Regular {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl FileDescriptor for Regular {}

impl ReadDescriptor for Regular {
    fn do_read(&self) -> Result<(), Reason> {
        Err(Reason::Aborted)
    }
}

fn regular_file(t: &CaseContext) -> Outcome {
    let set = set(t)?;
    let file = tempfile::tempfile().map_err(Failure::new)?;
    let refused = set.add_reader(Rc::new(Regular(file)));
    ensure(matches!(refused, Err(WatchError::NotPollable { .. })), "it was not refused as that")?;
    same("readers", set.readers().len(), 0)
}
