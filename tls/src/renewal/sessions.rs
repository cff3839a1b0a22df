//! Sessions that are not resumed once certificates were renewed: a resumption shows and verifies none.
//!
//! Invariant: a session is resumed in the generation that it began in, and in no later one.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use rustls::server::{ProducesTickets, StoresServerSessions};

/// How many sessions a client keeps, as rustls's own default.
const CLIENT_SESSIONS_MAX: usize = 256;

/// A server's sessions in another's store or tickets, each behind the number of its generation.
#[derive(Debug)]
pub(super) struct ServerSessions<T> {
    pub(super) inner: T,
    pub(super) generation: Arc<AtomicU64>,
}

impl<T> ServerSessions<T> {
    fn number(&self) -> [u8; 8] {
        self.generation.load(Ordering::Acquire).to_be_bytes()
    }

    fn numbered(&self, session: &[u8]) -> Vec<u8> {
        [&self.number(), session].concat()
    }

    /// The session, if it began in this generation.
    fn current(&self, numbered: &[u8]) -> Option<Vec<u8>> {
        numbered.strip_prefix(&self.number()).map(<[u8]>::to_vec)
    }
}

impl ProducesTickets for ServerSessions<Arc<dyn ProducesTickets>> {
    fn enabled(&self) -> bool {
        self.inner.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.inner.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.inner.encrypt(&self.numbered(plain))
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.current(&self.inner.decrypt(cipher)?)
    }
}

impl StoresServerSessions for ServerSessions<Arc<dyn StoresServerSessions>> {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let value = self.numbered(&value);
        self.inner.put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.current(&self.inner.get(key)?)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.current(&self.inner.take(key)?)
    }

    fn can_cache(&self) -> bool {
        self.inner.can_cache()
    }
}

/// The sessions of a client, in memory.
pub(super) struct ClientSessions(RwLock<Arc<ClientSessionMemoryCache>>);

impl Default for ClientSessions {
    fn default() -> Self {
        Self(RwLock::new(Arc::new(ClientSessionMemoryCache::new(CLIENT_SESSIONS_MAX))))
    }
}

impl ClientSessions {
    /// Forgets them all.
    pub(super) fn forget(&self) {
        let empty = Arc::new(ClientSessionMemoryCache::new(CLIENT_SESSIONS_MAX));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = empty;
    }

    fn current(&self) -> Arc<ClientSessionMemoryCache> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientSessionStore for ClientSessions {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.current().set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.current().kx_hint(server_name)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.current().set_tls12_session(server_name, value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.current().tls12_session(server_name)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.current().remove_tls12_session(server_name);
    }

    fn insert_tls13_ticket(
        &self,
        server_name: ServerName<'static>,
        value: Tls13ClientSessionValue,
    ) {
        self.current().insert_tls13_ticket(server_name, value);
    }

    fn take_tls13_ticket(
        &self,
        server_name: &ServerName<'static>,
    ) -> Option<Tls13ClientSessionValue> {
        self.current().take_tls13_ticket(server_name)
    }
}

impl fmt::Debug for ClientSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSessions").finish_non_exhaustive()
    }
}
