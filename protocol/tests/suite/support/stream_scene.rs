//! Halves of connections in memory, and tasks that await them.

use std::future::Future;
use std::rc::Rc;

use deferred::{Deferred, Failure, TaskRunner};
use interfaces::{Factory, StreamServerEndpoint as _};
use ropewalk_protocol::factory_fn;
use ropewalk_protocol::streams::{self, ReadHalf, StreamError, WriteHalf};
use ropewalk_protocol::testing::memory::Network;
use ropewalk_protocol::testing::{Record, Recorder};

/// A network, and tasks on it.
pub(crate) struct StreamScene {
    pub(crate) network: Network,
    tasks: TaskRunner,
}

impl StreamScene {
    pub(crate) fn new() -> Self {
        Self { network: Network::new(), tasks: TaskRunner::new() }
    }

    pub(crate) fn settle(&self) {
        loop {
            let moved = self.network.pump();
            if !self.tasks.run() && !moved {
                return;
            }
        }
    }

    pub(crate) fn spawn<T: 'static>(
        &self,
        future: impl Future<Output = Result<T, StreamError>> + 'static,
    ) -> Deferred<T> {
        self.tasks.spawn(async { future.await.map_err(Failure::new) })
    }

    /// The halves of a client, and the record of its peer.
    pub(crate) fn client(
        &self,
        peer: impl Fn(Recorder) -> Recorder + 'static,
    ) -> (ReadHalf, WriteHalf, Record) {
        let record = Record::new();
        let served = record.clone();
        let factory: Rc<dyn Factory> = factory_fn(move |_| peer(Recorder::new(&served)));
        let _port = self.network.server("peer").listen(factory);
        let connected = streams::connect(&self.network.client("peer"));
        self.settle();
        let (reader, writer) = connected.try_into_result().expect("at once").expect("it listens");
        (reader, writer, record)
    }
}

/// A task's outcome.
pub(crate) fn outcome<T: 'static>(task: Deferred<T>) -> Result<T, StreamError> {
    let result = task.try_into_result().unwrap_or_else(|_| panic!("the task is not over"));
    result.map_err(|failure| failure.downcast_ref::<StreamError>().expect("its error").clone())
}
