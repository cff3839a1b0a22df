//! HTTP/1.0 (RFC 1945) as far as the command speaks it: the head of a request, and that of an answer. HTTP/1.1
//! clients and HTTP/0.9 requests are understood.
//!
//! Invariant: a head is read up to [`HEAD_BYTES_MAX`], and no byte of a request comes back in a head.

/// The longest head of a request.
pub(crate) const HEAD_BYTES_MAX: usize = 8 * 1024;

/// A request, as far as it decides the answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HttpRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// HTTP/0.9 has none, and no head of the answer.
    pub(crate) has_version: bool,
}

pub(crate) const OK: &str = "200 OK";
pub(crate) const BAD: &str = "400 Bad Request";
pub(crate) const NOT_ALLOWED: &str = "405 Method Not Allowed";

/// The request of a head that is complete, or the status of a refusal; `None` until then.
pub(crate) fn request(head: &[u8]) -> Option<Result<HttpRequest<'_>, &'static str>> {
    if head.len() > HEAD_BYTES_MAX {
        return Some(Err("431 Request Header Fields Too Large"));
    }
    let end = head.iter().position(|byte| *byte == b'\n')?;
    let (line, fields) = head.split_at_checked(end)?;
    let Ok(line) = str::from_utf8(line) else { return Some(Err(BAD)) };
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        [method, path] => Some(Ok(HttpRequest { method, path, has_version: false })),
        [method, path, version] if version.starts_with("HTTP/") => {
            let is_complete = has_empty_line(fields);
            is_complete.then_some(Ok(HttpRequest { method, path, has_version: true }))
        }
        _ => Some(Err(BAD)),
    }
}

/// Whether the head, from the end of its first line on, is complete.
fn has_empty_line(fields: &[u8]) -> bool {
    let has = |end: &[u8]| fields.windows(end.len()).any(|window| window == end);
    has(b"\n\n") || has(b"\n\r\n")
}

/// The head of an answer with a body of this length. `extra` is whole lines.
pub(crate) fn answer_head(status: &str, kind: &str, length: u64, extra: &str) -> String {
    let allow = if status == NOT_ALLOWED { "Allow: GET, HEAD\r\n" } else { "" };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{allow}{extra}\
         Connection: close\r\n\r\n"
    )
}

/// Takes bytes of a head, and no more than say that it is too long.
pub(crate) fn take_head(head: &mut Vec<u8>, data: &[u8]) {
    let room = (HEAD_BYTES_MAX + 1).saturating_sub(head.len());
    head.extend_from_slice(data.get(..room).unwrap_or(data));
}
