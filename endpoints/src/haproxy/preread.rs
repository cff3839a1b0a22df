//! [`ProxyPreread`]: takes the header off a connection; Twisted's `HAProxyProtocolWrapper`.
//!
//! A header of the proxy itself has no addresses, or those of its own connection: it is a health check's.
//!
//! Invariant: the addresses are those of the header from the moment when it is whole.

use core::cell::{OnceCell, RefCell};
use core::time::Duration;

use interfaces::{Address, Query, Transport};

use super::{
    Progress, ProxyAddresses, ProxyHeader, ProxyHeaderParser, ProxyRefusal, ProxyServerOptions,
};
use crate::preread::{Preread, Step};

/// The header of one connection.
pub(super) struct ProxyPreread {
    parser: RefCell<ProxyHeaderParser>,
    header: OnceCell<ProxyHeader>,
}

impl ProxyPreread {
    fn addresses(&self) -> Option<&ProxyAddresses> {
        self.header.get()?.addresses.as_ref()
    }
}

impl Preread for ProxyPreread {
    type Options = ProxyServerOptions;
    type Refusal = ProxyRefusal;
    const NAME: &'static str = "PROXY";

    fn new(options: &ProxyServerOptions) -> Self {
        let parser = ProxyHeaderParser::with_limit(options.header_bytes_max);
        Self { parser: RefCell::new(parser), header: OnceCell::new() }
    }

    fn time_limit(options: &ProxyServerOptions) -> Duration {
        options.timeout
    }

    fn admit(options: &ProxyServerOptions, peer: &Address) -> Result<(), ProxyRefusal> {
        match options.trust.trusts(peer) {
            true => Ok(()),
            false => Err(ProxyRefusal::Untrusted),
        }
    }

    fn push(&self, below: &dyn Transport, data: &[u8]) -> Result<Step, ProxyRefusal> {
        let progress = self.parser.borrow_mut().push(data).map_err(ProxyRefusal::Invalid)?;
        let Progress::Complete { header, used } = progress else { return Ok(Step::Wait) };
        let tells_a_client = header.addresses.as_ref().is_some_and(|told| !is_own(told, below));
        // There is one header.
        let _ = self.header.set(header);
        Ok(if tells_a_client || used < data.len() { Step::Open(used) } else { Step::OpenLater })
    }

    fn has_begun(&self) -> bool {
        self.parser.borrow().has_begun()
    }

    fn timed_out() -> ProxyRefusal {
        ProxyRefusal::TimedOut
    }

    fn ended() -> ProxyRefusal {
        ProxyRefusal::Ended
    }

    fn peer(&self, below: &dyn Transport) -> Address {
        self.addresses().map_or_else(|| below.peer(), |told| told.source.clone())
    }

    fn host(&self, below: &dyn Transport) -> Address {
        self.addresses().map_or_else(|| below.host(), |told| told.destination.clone())
    }

    fn answer(&self, query: &mut Query<'_>) {
        if let Some(header) = self.header.get() {
            query.answer_with(|| header.clone());
        }
    }
}

/// Whether these are the addresses of the connection itself, as a health check of version 1 has them.
fn is_own(told: &ProxyAddresses, below: &dyn Transport) -> bool {
    told.source == below.peer() && told.destination == below.host()
}
