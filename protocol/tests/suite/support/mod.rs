//! Doubles and helpers that several files of tests use.

pub(crate) mod by_hand;
pub(crate) mod dressed;
pub(crate) mod lines;
pub(crate) mod policy;
pub(crate) mod producing;
pub(crate) mod reactor_calls;
pub(crate) mod relay_scene;
pub(crate) mod service_scene;
pub(crate) mod stream_scene;
pub(crate) mod work;
pub(crate) mod writes;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use deferred::{Deferred, Failure};
use deferred::{Unhandled, set_unhandled_hook};
use interfaces::{OsError, PullProducer, PushProducer, Reason, Transport};
use ropewalk_protocol::ProtocolRef;
use ropewalk_protocol::testing::memory::{Network, Pair};
use ropewalk_protocol::testing::{Record, Recorder};

/// Two recorders that are joined, and their records.
pub(crate) struct Talk {
    pub(crate) pair: Pair,
    pub(crate) client: Record,
    pub(crate) server: Record,
}

impl Talk {
    pub(crate) fn new() -> Self {
        Self::of(|client| client, |server| server)
    }

    pub(crate) fn of(
        client: impl FnOnce(Recorder) -> Recorder,
        server: impl FnOnce(Recorder) -> Recorder,
    ) -> Self {
        Self::over(&Network::new(), client, server)
    }

    pub(crate) fn over(
        network: &Network,
        client: impl FnOnce(Recorder) -> Recorder,
        server: impl FnOnce(Recorder) -> Recorder,
    ) -> Self {
        let records = [Record::new(), Record::new()];
        let pair = network.join(
            ProtocolRef::new(client(Recorder::new(&records[0]))).as_deliver(),
            ProtocolRef::new(server(Recorder::new(&records[1]))).as_deliver(),
        );
        let [client, server] = records;
        Self { pair, client, server }
    }

    /// Both sides were told once that it is over, and nothing is left.
    pub(crate) fn assert_over(&self) {
        assert_eq!(
            (self.client.count("connection_lost"), self.server.count("connection_lost")),
            (1, 1)
        );
        assert_eq!(self.pair.network().connections(), 0);
    }
}

/// The reason in a word: "ConnectionReset" and "BrokenPipe" by their numbers.
pub(crate) fn why(record: &Record) -> String {
    match record.lost() {
        Some(Reason::Lost(cause)) => {
            let error = cause.downcast_ref::<OsError>().expect("a number, as from a socket");
            format!("{:?}", std::io::Error::from_raw_os_error(error.raw_os_error()).kind())
        }
        Some(reason) => format!("{reason}"),
        None => String::from("not lost"),
    }
}

thread_local! {
    static REPORTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The one hook of the process.
fn report(unhandled: &Unhandled<'_>) {
    REPORTS.with_borrow_mut(|reports| reports.push(unhandled.to_string()));
}

/// The texts that the unhandled hook gets on this thread while `f` runs.
pub(crate) fn reports(f: impl FnOnce()) -> Vec<String> {
    set_unhandled_hook(report);
    REPORTS.take();
    f();
    REPORTS.take()
}

/// A network that catches panics, as a reactor does.
pub(crate) fn catching() -> Network {
    let network = Network::new();
    network.catch_panics(|call| {
        catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
            let message = panic.downcast_ref::<&str>().copied();
            Rc::from(message.unwrap_or("something else than a text"))
        })
    });
    network
}

/// A producer of either kind that keeps a history, and writes one piece when it is pulled.
pub(crate) struct Source {
    pub(crate) history: RefCell<Vec<&'static str>>,
    transport: Rc<dyn Transport>,
    pieces: RefCell<Vec<Vec<u8>>>,
    at_end: fn(&dyn Transport),
}

impl Source {
    pub(crate) fn new(
        transport: &Rc<dyn Transport>,
        pieces: Vec<Vec<u8>>,
        at_end: fn(&dyn Transport),
    ) -> Rc<Self> {
        let (history, pieces) = (RefCell::default(), RefCell::new(pieces));
        Rc::new(Self { history, transport: transport.clone(), pieces, at_end })
    }

    pub(crate) fn silent(transport: &Rc<dyn Transport>) -> Rc<Self> {
        Self::new(transport, Vec::new(), |_| {})
    }

    pub(crate) fn history(&self) -> Vec<&'static str> {
        self.history.borrow().clone()
    }

    fn note(&self, call: &'static str) {
        self.history.borrow_mut().push(call);
    }
}

impl PushProducer for Source {
    fn pause_producing(&self) {
        self.note("pause");
    }

    fn resume_producing(&self) {
        self.note("resume");
    }

    fn stop_producing(&self) {
        self.note("stop");
    }
}

impl PullProducer for Source {
    fn resume_producing(&self) {
        self.note("resume");
        let piece = self.pieces.borrow_mut().pop();
        match piece {
            Some(piece) => self.transport.write(&piece),
            None => (self.at_end)(&*self.transport),
        }
    }

    fn stop_producing(&self) {
        self.note("stop");
    }
}

/// The result of a Deferred that has fired.
pub(crate) fn result<T: 'static>(deferred: Deferred<T>) -> Result<T, Failure> {
    deferred.try_into_result().unwrap_or_else(|_| panic!("it has not fired"))
}
