//! Host names, by the system's resolver on a thread of the pool; Twisted's `GAIResolver`.
//!
//! Invariant: a numeric address starts no thread, and a lookup that was cancelled answers once, at once.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};

use deferred::{Deferred, Failure};
use interfaces::{ResolveError, ThreadOutcome};

use super::Core;
use crate::sys::StreamSys;
use crate::threads::jobs::AtTheEnd;

/// The addresses of a name, or the reason why there are none.
type LookUpResult = Result<Vec<SocketAddr>, String>;

impl<S: StreamSys> Core<S> {
    pub(crate) fn resolve(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Deferred::succeed(vec![SocketAddr::new(address, port)]);
        }
        let (deferred, promise) = Deferred::new();
        let result = Arc::new(Mutex::new(None));
        let work = {
            let (host, result) = (host.to_owned(), Arc::clone(&result));
            move || {
                let found = look_up(&host, port);
                *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
            }
        };
        let host = host.to_owned();
        let done = move |outcome: ThreadOutcome| {
            let result = result.lock().unwrap_or_else(PoisonError::into_inner).take();
            match result {
                Some(Ok(addresses)) => promise.callback(addresses),
                Some(Err(reason)) => promise.errback(failed(host, reason)),
                None => promise.errback(failed(host, format!("the lookup {outcome}"))),
            }
        };
        self.call_in_thread(Box::new(work), Box::new(done), AtTheEnd::CutOff);
        deferred
    }
}

fn look_up(host: &str, port: u16) -> LookUpResult {
    let addresses: Vec<_> =
        (host, port).to_socket_addrs().map_err(|error| error.to_string())?.collect();
    if addresses.is_empty() {
        return Err("the name has no address".to_owned());
    }
    Ok(addresses)
}

fn failed(host: String, reason: String) -> Failure {
    Failure::new(ResolveError::Failed { host, reason })
}
