//! A machine with TCP in memory, a resolver that knows one name, and files.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use deferred::{Deferred, Failure};
use endpoints::Registry;
use interfaces::{
    ConnectTcp, DelayedCall, Factory, ListenError, ListenTcp, ListeningPort, ReactorTcp,
    ReactorTime, ResolveError, Resolver, StreamClientEndpoint, StreamServerEndpoint,
};
use protocol::factory_fn;
use protocol::testing::memory::Network;
use protocol::testing::{Clock, Record, Recorder};
use testkit::result_of;

use crate::tls;

/// The reactor of the machine; a clone is the same one.
#[derive(Clone, Default)]
pub(crate) struct Machine {
    pub(crate) network: Network,
    pub(crate) clock: Clock,
    pub(crate) listened: Rc<RefCell<Vec<ListenTcp>>>,
    pub(crate) connected: Rc<RefCell<Vec<ConnectTcp>>>,
    pub(crate) resolved: Rc<RefCell<Vec<String>>>,
    /// What an operator is told of files.
    pub(crate) told: Rc<RefCell<Vec<String>>>,
    /// Whether nothing can listen on an IPv6 address.
    pub(crate) lacks_ipv6: Rc<std::cell::Cell<bool>>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let machine = Self::default();
        machine.network.run_clock(&machine.clock);
        machine
    }

    pub(crate) fn registry(&self) -> Registry {
        let told = self.told.clone();
        let strings = tls::TlsStrings::new()
            .with_observer(move |error| told.borrow_mut().push(error.to_string()));
        strings.register(Registry::new(), self.clone())
    }

    /// Listens, with a protocol that echoes; what goes wrong in words.
    pub(crate) fn serve(&self, text: &str) -> Result<(), String> {
        let endpoint = self.registry().server(text).map_err(|error| error.report())?;
        let factory = factory_fn(|_| {
            Recorder::new(&Record::new()).on_data(|transport, data| transport.write(data))
        });
        in_words(result_of(endpoint.listen(factory))).map(drop)
    }

    /// As [`serve`](Self::serve), and the record of the first connection.
    pub(crate) fn serve_recorded(&self, text: &str) -> Result<Record, String> {
        let endpoint = self.registry().server(text).map_err(|error| error.report())?;
        let record = Record::new();
        let seen = record.clone();
        let factory = factory_fn(move |_| {
            Recorder::new(&seen).on_data(|transport, data| transport.write(data))
        });
        in_words(result_of(endpoint.listen(factory)))?;
        Ok(record)
    }

    /// Connects, says hello, and gives what came of it.
    pub(crate) fn call(&self, text: &str) -> Result<Record, String> {
        let endpoint = self.registry().client(text).map_err(|error| error.report())?;
        let record = Record::new();
        let greeter = Recorder::new(&record).on_made(|transport| transport.write(b"hello"));
        let connected = endpoint.connect(crate::talk::once(greeter));
        self.network.flush();
        in_words(result_of(connected))?;
        Ok(record)
    }
}

fn in_words<T>(result: Result<T, Failure>) -> Result<T, String> {
    result.map_err(|failure| format!("{failure:#}"))
}

impl ReactorTcp for Machine {
    fn listen_tcp(
        &self,
        options: &ListenTcp,
        factory: Rc<dyn Factory>,
    ) -> Result<Rc<dyn ListeningPort>, ListenError> {
        self.listened.borrow_mut().push(options.clone());
        if self.lacks_ipv6.get() && options.address.is_ipv6() {
            let source = interfaces::OsError::from_raw_os_error(97);
            let address = options.address.into();
            return Err(ListenError::Refused { address, source, hint: "".into() });
        }
        let port = self.network.server(&options.address.port().to_string()).listen(factory);
        Ok(result_of(port).expect("the port is free"))
    }

    fn connect_tcp(&self, options: &ConnectTcp, factory: Rc<dyn Factory>) -> Deferred<()> {
        self.connected.borrow_mut().push(options.clone());
        self.network.client(&options.address.port().to_string()).connect(factory)
    }
}

impl Resolver for Machine {
    fn resolve_host_name(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        self.resolved.borrow_mut().push(host.to_owned());
        if host.ends_with("example") {
            return Deferred::succeed(vec![SocketAddr::from(([127, 0, 0, 1], port))]);
        }
        Deferred::fail(ResolveError::Failed { host: host.into(), reason: "no such host".into() })
    }
}

impl ReactorTime for Machine {
    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn call_later(&self, delay: Duration, call: Box<dyn FnOnce()>) -> DelayedCall {
        self.clock.call_later(delay, call)
    }

    fn delayed_calls(&self) -> Vec<DelayedCall> {
        self.clock.delayed_calls()
    }
}

/// A directory for one test.
pub(crate) struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// Writes a file, and gives its path as an endpoint string takes it.
    pub(crate) fn write(&self, name: &str, content: &str) -> String {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        quoted(&path)
    }

    /// The path of a file or directory in it, which need not be there, as an endpoint string takes it.
    pub(crate) fn path(&self, name: &str) -> String {
        quoted(&self.place(name))
    }

    /// The same path as the system takes it.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

fn quoted(path: &Path) -> String {
    endpoints::quote_positional_argument(path.to_str().unwrap()).into()
}
