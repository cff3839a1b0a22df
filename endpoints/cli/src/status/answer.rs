//! The answer to one request for the status: HTTP/1.0 (RFC 1945), of which HTTP/1.1 clients and HTTP/0.9
//! requests are understood.
//!
//! HAProxy's `agent-check` with `agent-send "GET /agent\n"` is a request of HTTP/0.9, whose answer has no head.
//! Invariant: a request is read up to [`HEAD_BYTES_MAX`], and answered once.

use super::Board;

/// The longest head of a request.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024;

/// A request, as far as it decides the answer.
#[derive(Debug, PartialEq, Eq)]
struct StatusRequest<'a> {
    method: &'a str,
    path: &'a str,
    has_version: bool,
}

/// The answer to a head, once that is complete; `None` until then.
pub(super) fn answer(board: &Board, head: &[u8]) -> Option<Vec<u8>> {
    match request(head)? {
        Ok(request) => Some(respond(board, &request)),
        Err(status) => Some(response(status, "text/plain", &format!("{status}\n"), true)),
    }
}

/// The request, or the status of a refusal.
fn request(head: &[u8]) -> Option<Result<StatusRequest<'_>, &'static str>> {
    if head.len() > HEAD_BYTES_MAX {
        return Some(Err("431 Request Header Fields Too Large"));
    }
    let end = head.iter().position(|byte| *byte == b'\n')?;
    let (line, fields) = head.split_at_checked(end)?;
    let Ok(line) = str::from_utf8(line) else { return Some(Err(BAD)) };
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        [method, path] => Some(Ok(StatusRequest { method, path, has_version: false })),
        [method, path, version] if version.starts_with("HTTP/") => {
            let is_complete = has_empty_line(fields);
            is_complete.then_some(Ok(StatusRequest { method, path, has_version: true }))
        }
        _ => Some(Err(BAD)),
    }
}

const BAD: &str = "400 Bad Request";

/// Whether the head, from the end of its first line on, is complete.
fn has_empty_line(fields: &[u8]) -> bool {
    let has = |end: &[u8]| fields.windows(end.len()).any(|window| window == end);
    has(b"\n\n") || has(b"\n\r\n")
}

fn respond(board: &Board, request: &StatusRequest<'_>) -> Vec<u8> {
    let path = request.path.split('?').next().unwrap_or_default();
    let (status, kind, body) = match (request.method, path) {
        ("GET" | "HEAD", "/live") => (OK, "text/plain", "ok\n".into()),
        ("GET" | "HEAD", "/ready") => ready(board),
        ("GET" | "HEAD", "/agent") => {
            (OK, "text/plain", format!("{}\n", board.readiness.agent_words()))
        }
        ("GET" | "HEAD", "/metrics") => (OK, METRICS_TYPE, board.metrics_text()),
        ("GET" | "HEAD", _) => {
            let paths = "there are /live, /ready, /metrics and /agent\n";
            ("404 Not Found", "text/plain", paths.into())
        }
        _ => ("405 Method Not Allowed", "text/plain", "GET and HEAD are allowed\n".into()),
    };
    if request.has_version {
        response(status, kind, &body, request.method != "HEAD")
    } else {
        body.into_bytes()
    }
}

const OK: &str = "200 OK";

/// The text format of Prometheus.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

fn ready(board: &Board) -> (&'static str, &'static str, String) {
    let blockers = board.readiness.blockers();
    if blockers.is_empty() {
        (OK, "text/plain", "ready\n".into())
    } else {
        ("503 Service Unavailable", "text/plain", blockers.join("\n") + "\n")
    }
}

fn response(status: &str, kind: &str, body: &str, has_body: bool) -> Vec<u8> {
    let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{allow}\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let body = if has_body { body } else { "" };
    (head + body).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::policies::ConnectionTotal;

    fn board() -> Board {
        Board::new(ConnectionTotal::new())
    }

    fn text(head: &str) -> String {
        String::from_utf8(answer(&board(), head.as_bytes()).expect("it is complete")).expect("text")
    }

    #[test]
    fn a_head_is_answered_when_it_is_complete_and_not_before() {
        let whole = "GET /live HTTP/1.1\r\nHost: a\r\n\r\n";
        for length in 0..whole.len() {
            assert_eq!(answer(&board(), &whole.as_bytes()[..length]), None, "{length}");
        }
        let told = text(whole);
        assert!(
            told.starts_with("HTTP/1.1 200 OK\r\n") && told.ends_with("\r\n\r\nok\n"),
            "{told}"
        );
        assert!(text("GET /live HTTP/1.0\n\n").ends_with("\r\n\r\nok\n"));
    }

    #[test]
    fn a_request_without_a_version_gets_no_head() {
        assert_eq!(text("GET /agent\n"), "down\n");
        assert_eq!(text("GET /agent\r\n"), "down\n");
    }

    #[test]
    fn the_head_alone_can_be_asked_for() {
        let told = text("HEAD /live HTTP/1.1\r\n\r\n");
        assert!(told.contains("Content-Length: 3\r\n") && told.ends_with("\r\n\r\n"), "{told}");
    }

    #[test]
    fn blockers_are_named() {
        let told = text("GET /ready?x HTTP/1.1\r\n\r\n");
        assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
        assert!(told.ends_with("listen: the ports are not open yet\n"), "{told}");
    }

    #[test]
    fn a_wrong_request_is_told_what_is_wrong() {
        for (head, status) in [
            ("POST /live HTTP/1.1\r\n\r\n", "405"),
            ("GET /other HTTP/1.1\r\n\r\n", "404"),
            ("nonsense\n", "400"),
            ("GET  \n", "400"),
            ("a b c d\n", "400"),
            ("GET /live SPDY/1\r\n\r\n", "400"),
            (&"x".repeat(HEAD_BYTES_MAX + 1), "431"),
        ] {
            assert!(text(head).starts_with(&format!("HTTP/1.1 {status} ")), "{head:.20}");
        }
        assert!(answer(&board(), b"\xff\n").expect("complete").starts_with(b"HTTP/1.1 400 "));
    }
}
