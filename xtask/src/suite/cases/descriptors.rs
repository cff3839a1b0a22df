//! Descriptors that are sent over connections, and a buffer of the protocol's own.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{PipeReader, Read as _, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::rc::Rc;

use deferred::Failure;
use interfaces::{Reason, SendFileDescriptorError, Transport, UnixTransport};

use crate::suite::pattern::pattern;
use crate::suite::{Ability, Case, CaseContext, Failed, Outcome, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "stream/own-buffer",
        "a protocol with a small buffer of its own gets every byte in order, then the end",
        own_buffer,
    ),
    Case::new(
        "descriptors/in-order",
        "descriptors come in order, each before the byte that was written behind it",
        in_order,
    )
    .needs(&[Ability::PassDescriptors]),
    Case::new(
        "descriptors/untaken",
        "a protocol that takes no descriptors gets the bytes, and what was sent is closed",
        untaken,
    )
    .needs(&[Ability::PassDescriptors]),
    Case::new(
        "descriptors/no-byte-behind",
        "a descriptor without a byte behind it loses the sender's connection and is never received",
        no_byte_behind,
    )
    .needs(&[Ability::PassDescriptors]),
];

fn own_buffer(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new().buffer(1000), Script::new())?;
    let bytes = pattern(1, 200_000);
    let wire = pair.client.transport()?;
    wire.write(&bytes);
    wire.lose_connection();
    pair.until_lost(t)?;
    pair.server_has(&bytes)?;
    pair.ensure_clean()
}

fn unix(transport: &Rc<dyn Transport>) -> Result<&dyn UnixTransport, Failed> {
    transport.as_unix().ok_or_else(|| Failed::new("as_unix() is None"))
}

/// An end of a pipe to send, its open file's number, and the other end.
fn sent_end() -> Result<(OwnedFd, u64, PipeReader), Failed> {
    let (reader, writer) = pipe().map_err(Failure::new)?;
    let writer = OwnedFd::from(writer);
    Ok((writer.try_clone().map_err(Failure::new)?, inode(writer)?, reader))
}

fn inode(descriptor: OwnedFd) -> Result<u64, Failed> {
    Ok(File::from(descriptor).metadata().map_err(Failure::new)?.ino())
}

fn in_order(t: &CaseContext) -> Outcome {
    let received = Rc::new(RefCell::new(Vec::new()));
    let bytes_before = Rc::new(Cell::new(0));
    let (taken, so_far, counted) = (received.clone(), bytes_before.clone(), bytes_before.clone());
    let server = Script::new()
        .data(move |_, data| counted.set(counted.get() + data.len()))
        .descriptor(move |_, descriptor| taken.borrow_mut().push((descriptor, so_far.get())));
    let pair = t.pair(server, Script::new())?;
    let wire = pair.client.transport()?;
    let (mut expected, mut written) = (Vec::new(), 0);
    for _ in 0..5 {
        for _ in 0..2 {
            let (descriptor, number, _) = sent_end()?;
            unix(&wire)?.send_file_descriptor(descriptor);
            expected.push((number, written));
        }
        wire.write(&pattern(2, 30_000));
        written += 30_000;
    }
    wire.lose_connection();
    pair.until_lost(t)?;
    same("bytes", pair.server.received_bytes(), written)?;
    let received: Vec<_> = received.take();
    same("descriptors", received.len(), expected.len())?;
    for ((descriptor, before), (number, written)) in received.into_iter().zip(expected) {
        same("the open file", inode(descriptor)?, number)?;
        ensure(before <= written, "a byte came before the descriptor that it was written behind")?;
    }
    pair.ensure_clean()
}

fn untaken(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new(), Script::new())?;
    let wire = pair.client.transport()?;
    let (descriptor, _, mut other_end) = sent_end()?;
    unix(&wire)?.send_file_descriptor(descriptor);
    wire.write(b"junk");
    wire.lose_connection();
    pair.until_lost(t)?;
    pair.server_has(b"junk")?;
    same("the end of its pipe", other_end.read(&mut [0]).ok(), Some(0))?;
    pair.ensure_clean()
}

fn no_byte_behind(t: &CaseContext) -> Outcome {
    let received = Rc::new(Cell::new(0));
    let count = received.clone();
    let server = Script::new().descriptor(move |_, _| count.set(count.get() + 1));
    let pair = t.pair(server, Script::new())?;
    let wire = pair.client.transport()?;
    let (descriptor, _, mut other_end) = sent_end()?;
    wire.write(b"before");
    unix(&wire)?.send_file_descriptor(descriptor);
    wire.lose_connection();
    pair.until_lost(t)?;
    pair.server_has(b"before")?;
    same("descriptors", received.get(), 0)?;
    same("the end of its pipe", other_end.read(&mut [0]).ok(), Some(0))?;
    let Reason::Lost(failure) = pair.client.reason()? else {
        return Err(Failed::new("the sender does not hear of it"));
    };
    let overrun = SendFileDescriptorError::Overrun { count: 1 };
    same("the reason", failure.downcast_ref(), Some(&overrun))
}
