//! The side of the new version: it takes the sockets, and says when it accepts.
//!
//! Invariant: without a word from a version before, this one starts as if there was none.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Failure, Promise};
use interfaces::{
    ConnectError, FileDescriptorReceiver, Protocol, Reason, StreamClientEndpoint, Transport,
};
use protocol::FactoryFn;
use protocol::task::DeferredExt as _;
use reactor::Reactor;

use super::Sockets;
use super::messages::{END, GONE, Lines, READY, SOCKET, is_trusted};

/// The time that the version before has for its sockets, and for its end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The version before, which waits for this one.
pub(crate) struct Predecessor {
    transport: Rc<dyn Transport>,
    gone: Deferred<()>,
}

/// Takes the sockets of a version that runs; `None` if there is none.
///
/// # Errors
///
/// When there is one, and it has not given them.
pub(crate) async fn take_over(
    reactor: &Reactor,
    endpoint: &dyn StreamClientEndpoint,
    sockets: &Rc<Sockets>,
) -> Result<Option<Predecessor>, Failure> {
    let (given, promise) = Deferred::new();
    let (gone, gone_promise) = Deferred::new();
    let protocol = Taking {
        lines: Lines::default(),
        descriptors: VecDeque::new(),
        sockets: Vec::new(),
        given: Some(promise),
        gone: Some(gone_promise),
    };
    let only = RefCell::new(Some(protocol));
    let factory = FactoryFn::optional(move |_| only.take()).into_rc();
    if let Err(failure) = endpoint.connect(factory).await {
        return if is_absent(&failure) { Ok(None) } else { Err(failure) };
    }
    let (transport, taken) = given.add_timeout(PATIENCE, reactor).await?;
    sockets.receive(taken);
    Ok(Some(Predecessor { transport, gone }))
}

/// Whether nothing listens there.
fn is_absent(failure: &Failure) -> bool {
    failure.downcast_ref::<ConnectError>().is_some_and(|error| {
        matches!(error, ConnectError::Refused { source, .. }
            if [libc::ENOENT, libc::ECONNREFUSED].contains(&source.raw_os_error()))
    })
}

impl Predecessor {
    /// Says that this version accepts, and waits for the end of the other's accepting.
    pub(crate) async fn relieve(self, reactor: &Reactor) {
        self.transport.write(format!("{READY}\n").as_bytes());
        // One that died meanwhile accepts no more, either.
        let _ = self.gone.add_timeout(PATIENCE, reactor).await;
        self.transport.lose_connection();
    }
}

type Given = (Rc<dyn Transport>, Vec<(String, OwnedFd)>);

struct Taking {
    lines: Lines,
    descriptors: VecDeque<OwnedFd>,
    sockets: Vec<(String, OwnedFd)>,
    given: Option<Promise<Given>>,
    gone: Option<Promise<()>>,
}

impl Taking {
    fn fail(&mut self, text: &str) {
        let given = self.given.take();
        if let Some(given) = given {
            given.errback(Failure::msg(format!(
                "the version that runs has given no sockets: {text}"
            )));
        }
    }

    fn line(&mut self, transport: &Rc<dyn Transport>, line: &str) -> Result<(), &'static str> {
        if let Some(address) = line.strip_prefix(SOCKET) {
            let socket = self.descriptors.pop_front().ok_or("a socket is missing")?;
            self.sockets.push((address.into(), socket));
            return Ok(());
        }
        match line {
            END => {
                let (given, sockets) = (self.given.take(), std::mem::take(&mut self.sockets));
                if let Some(given) = given {
                    given.callback((transport.clone(), sockets));
                }
                Ok(())
            }
            GONE => {
                let gone = self.gone.take();
                gone.into_iter().for_each(|it| it.callback(()));
                Ok(())
            }
            _ => Err("it speaks another language"),
        }
    }
}

impl Protocol for Taking {
    fn connection_made(&mut self, transport: &Rc<dyn Transport>) {
        if !is_trusted(transport) {
            self.fail("it is a process of another user");
            transport.abort_connection();
        }
    }

    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        let lines = self.lines.take(data);
        let done = match lines {
            Some(lines) => lines.iter().try_for_each(|line| self.line(transport, line)),
            None => Err("it speaks another language"),
        };
        if let Err(text) = done {
            self.fail(text);
            transport.abort_connection();
        }
    }

    fn connection_lost(&mut self, _: &Rc<dyn Transport>, reason: &Reason) {
        self.fail(&reason.to_string());
        let gone = self.gone.take();
        gone.into_iter().for_each(|it| it.callback(()));
    }

    fn as_file_descriptor_receiver(&mut self) -> Option<&mut dyn FileDescriptorReceiver> {
        Some(self)
    }
}

impl FileDescriptorReceiver for Taking {
    fn file_descriptor_received(&mut self, _: &Rc<dyn Transport>, descriptor: OwnedFd) {
        self.descriptors.push_back(descriptor);
    }
}
