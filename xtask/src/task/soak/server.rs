//! The server behind the chain, on a UNIX path.
//!
//! Invariant: each connection whose header arrived leaves one entry, under its seed.

use std::collections::HashMap;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use super::conversation::{LIMIT, Seen, converse, read_header};
use super::plan::{End, HEADER, Plan};

pub(super) struct UnixServer {
    path: PathBuf,
    ended: Arc<Ended>,
}

/// What the server saw of each session.
#[derive(Default)]
struct Ended {
    sessions: Mutex<HashMap<u64, Seen>>,
    added: Condvar,
}

impl UnixServer {
    /// Listens on `path`, with a thread for each connection, until the program ends.
    pub(super) fn start(path: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        let ended = Arc::new(Ended::default());
        let shared = ended.clone();
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let ended = shared.clone();
                thread::spawn(move || ended.serve(connection));
            }
        });
        Ok(Self { path: path.to_owned(), ended })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The server's view of a session, once that has ended; none after twice the [`LIMIT`].
    pub(super) fn seen(&self, seed: u64) -> Option<Seen> {
        let sessions = self.ended.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .ended
            .added
            .wait_timeout_while(sessions, 2 * LIMIT, |sessions| !sessions.contains_key(&seed));
        let (mut sessions, _) = waited.unwrap_or_else(PoisonError::into_inner);
        sessions.remove(&seed)
    }

    /// As [`seen`](Self::seen), without waiting.
    pub(super) fn seen_by_now(&self, seed: u64) -> Option<Seen> {
        self.ended.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(&seed)
    }
}

impl Ended {
    fn serve(&self, mut connection: UnixStream) {
        // Without a header there is no session: its client gave up before.
        let Ok(seed) = read_header(&mut connection) else { return };
        if let Ok(seen) = converse(connection, &Plan::new(seed), End::Server, HEADER) {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.insert(seed, seen);
            self.added.notify_all();
        }
    }
}
