//! `--dump`: all that passes on accepted connections, as their protocol reads and writes it, for finding a mistake.
//!
//! ```text
//!  ConnectionMeter ──▶ ConnectionDump ──▶ DumpSink ──▶ a thread ──▶ the file, or standard error
//!                      text, hex, pcap    bounded      may block
//! ```
//!
//! **Passwords and all else that peers send are in it**, also of TLS; a file is made for its owner alone.
//! Invariant: the bytes of a connection pass whether they are dumped or not; a piece without room is
//! missing as a whole, and told.

mod form;
mod pcap;
mod sink;

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use deferred::Chain;
use interfaces::{Address, Reason, Transport, printable};

use crate::exit_code::Exit;
use crate::log::{Kind, now};
use crate::report;
use form::{DumpEvent, Side, pcap_head, text};
use pcap::TcpTrace;
use sink::DumpSink;

pub(crate) use form::DumpForm;

/// What the connections of all workers are dumped to; its drop waits for a moment until all is written.
#[derive(Debug)]
pub(crate) struct Dump {
    form: DumpForm,
    sink: DumpSink,
}

impl Dump {
    /// Opens the file, or takes standard error.
    ///
    /// # Errors
    ///
    /// The exit code, when the file cannot be opened; it was reported.
    pub(crate) fn open(form: DumpForm, file: Option<&Path>) -> Result<Arc<Self>, Exit> {
        let sink = DumpSink::open(file).map_err(|error| {
            let place = file.map_or("standard error".into(), |it| it.display().to_string());
            report::note(format_args!("error: cannot dump to {place}: {error}"));
            Exit::of_io(&error)
        })?;
        if form == DumpForm::Pcap {
            sink.push(pcap_head());
        }
        Ok(Arc::new(Self { form, sink }))
    }

    /// The dump of one connection.
    pub(crate) fn connection(self: &Arc<Self>, id: u64, peer: &Address) -> ConnectionDump {
        let trace = RefCell::new(TcpTrace::new(id, peer, peer));
        ConnectionDump { dump: self.clone(), id, peer: peer.clone(), trace }
    }
}

/// Dumps one connection.
pub(crate) struct ConnectionDump {
    dump: Arc<Dump>,
    id: u64,
    peer: Address,
    trace: RefCell<TcpTrace>,
}

impl ConnectionDump {
    /// It stands.
    pub(crate) fn made(&self, transport: &dyn Transport) {
        let host = transport.host();
        self.trace.replace(TcpTrace::new(self.id, &self.peer, &host));
        let ends = printable(&format!("{} to {host}", self.peer)).to_string();
        self.tell(&DumpEvent::Made(&ends));
    }

    /// Bytes came from the client.
    pub(crate) fn received(&self, data: &[u8]) {
        self.tell(&DumpEvent::Data(Side::Client, data));
    }

    /// Bytes were written to the client.
    pub(crate) fn sent(&self, data: &[u8]) {
        self.tell(&DumpEvent::Data(Side::Server, data));
    }

    /// The client sends no more.
    pub(crate) fn received_end(&self) {
        self.tell(&DumpEvent::End(Side::Client));
    }

    /// The server writes no more.
    pub(crate) fn sent_end(&self) {
        self.tell(&DumpEvent::End(Side::Server));
    }

    /// It is over.
    pub(crate) fn lost(&self, reason: &Reason) {
        let cause = printable(&Chain(reason).to_string()).to_string();
        self.tell(&DumpEvent::Lost { is_clean: reason.is_clean(), cause: &cause });
    }

    fn tell(&self, event: &DumpEvent<'_>) {
        let time = now();
        let record = match self.dump.form {
            DumpForm::Text => text(time, self.id, event, false),
            DumpForm::Hex => text(time, self.id, event, true),
            DumpForm::Pcap => self.trace.borrow_mut().records(time, event),
        };
        if !self.dump.sink.push(record) {
            let id = self.id;
            let text = format_args!(
                "warning: a piece of connection {id} is not in the dump, whose file is too slow or full"
            );
            report::repeated(Kind::Dump, text);
        }
    }
}
