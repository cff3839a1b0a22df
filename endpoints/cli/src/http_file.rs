//! `serve http-file`: the files of one directory over HTTP/1.0 (RFC 1945), for trying things.
//!
//! ```text
//!  head ──▶ http::request ──▶ Root::find: a file below the directory ──▶ FileSender, as the client reads
//!                └── refused ──────┴── refused ──▶ a status with a line of text, and the end
//! ```
//!
//! GET and HEAD; no ranges, no lists of directories, and no names that begin with a dot. Files are read on the
//! reactor's thread, so one on a slow disk delays all connections.
//! Invariant: a connection has one answer, and at most one piece of a file in memory; a file that shrinks
//! meanwhile ends its connection with a reset, never with an end that looks whole.

mod content_type;
mod root;

use std::fs::File;
use std::io::Read as _;
use std::rc::Rc;

use deferred::Failure;
use interfaces::{Factory, HalfCloseableProtocol, Protocol, Transport};
use protocol::producers::FileSender;

use crate::http::{BAD, HttpRequest, NOT_ALLOWED, OK, answer_head, request, take_head};
use content_type::content_type;
use root::{Found, Refusal};

pub(crate) use root::Root;

/// Serves the files below the root; without one, every path is absent.
pub(crate) fn factory(root: Option<Root>) -> Rc<dyn Factory> {
    let root = root.map(Rc::new);
    protocol::factory_fn(move |_| HttpFile { root: root.clone(), head: Some(Vec::new()) })
}

struct HttpFile {
    root: Option<Rc<Root>>,
    /// `None` once the request is answered.
    head: Option<Vec<u8>>,
}

impl Protocol for HttpFile {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        let Some(head) = &mut self.head else { return };
        take_head(head, data);
        match request(head) {
            None => return,
            Some(Ok(request)) => answer(self.root.as_deref(), transport, &request),
            Some(Err(status)) => refuse(transport, status, true, ""),
        }
        self.head = None;
    }

    fn as_half_closeable(&mut self) -> Option<&mut dyn HalfCloseableProtocol> {
        Some(self)
    }
}

impl HalfCloseableProtocol for HttpFile {
    /// A client that ends its side behind its request waits for the answer.
    fn read_connection_lost(&mut self, transport: &Rc<dyn Transport>) {
        if self.head.take().is_some() {
            transport.lose_connection();
        }
    }
}

fn answer(root: Option<&Root>, transport: &Rc<dyn Transport>, request: &HttpRequest<'_>) {
    let HttpRequest { method, path, has_version } = *request;
    let is_head = method == "HEAD" && has_version;
    if method != "GET" && !is_head {
        return refuse(transport, NOT_ALLOWED, has_version, "");
    }
    match root.map_or(Err(Refusal::Absent), |root| root.find(path)) {
        Ok(Found { file, length, name }) => {
            if has_version {
                let kind = content_type(&name);
                let extra = "X-Content-Type-Options: nosniff\r\n";
                transport.write(answer_head(OK, kind, length, extra).as_bytes());
            }
            if is_head { transport.lose_connection() } else { send(transport, file, length) }
        }
        Err(Refusal::BadPath) => refuse(transport, BAD, has_version, ""),
        Err(Refusal::Forbidden) => refuse(transport, "403 Forbidden", has_version, ""),
        Err(Refusal::Absent) => refuse(transport, "404 Not Found", has_version, ""),
        Err(Refusal::IsDirectory(path)) => {
            let location = format!("Location: {path}\r\n");
            refuse(transport, "301 Moved Permanently", has_version, &location);
        }
    }
}

fn refuse(transport: &Rc<dyn Transport>, status: &str, has_version: bool, extra: &str) {
    let body = format!("{status}\n");
    let head = answer_head(status, "text/plain", body.len() as u64, extra);
    let head = if has_version { head } else { String::new() };
    transport.write((head + &body).as_bytes());
    transport.lose_connection();
}

/// Sends the first `length` bytes of a file, as the client reads them.
fn send(transport: &Rc<dyn Transport>, mut file: File, length: u64) {
    let mut left = length;
    let read = move |buffer: &mut [u8]| {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let bytes = file.read(&mut buffer[..most]).map_err(Failure::new)?;
        left -= bytes as u64;
        if bytes == 0 { Err(Failure::msg("the file has become shorter")) } else { Ok(bytes) }
    };
    let transport = transport.clone();
    let consumer = transport.clone();
    let _sent = FileSender::new(read).begin(consumer).add_both(move |outcome| {
        match outcome {
            Ok(_) => transport.lose_connection(),
            Err(_) => transport.abort_connection(),
        }
        Ok::<_, Failure>(())
    });
}
