//! The answer to one request for the status.
//!
//! HAProxy's `agent-check` with `agent-send "GET /agent\n"` is a request of HTTP/0.9, whose answer has no head.
//! Invariant: a request is answered once.

use super::Board;
use crate::http::{HttpRequest, NOT_ALLOWED, OK, answer_head, request};

/// The answer to a head, once that is complete; `None` until then.
pub(super) fn answer(board: &Board, head: &[u8]) -> Option<Vec<u8>> {
    match request(head)? {
        Ok(request) => Some(respond(board, &request)),
        Err(status) => Some(response(status, "text/plain", &format!("{status}\n"), true)),
    }
}

fn respond(board: &Board, request: &HttpRequest<'_>) -> Vec<u8> {
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
        _ => (NOT_ALLOWED, "text/plain", "GET and HEAD are allowed\n".into()),
    };
    if request.has_version {
        response(status, kind, &body, request.method != "HEAD")
    } else {
        body.into_bytes()
    }
}

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
    let head = answer_head(status, kind, body.len() as u64, "Cache-Control: no-store\r\n");
    let body = if has_body { body } else { "" };
    (head + body).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HEAD_BYTES_MAX;
    use protocol::policies::ConnectionTotal;

    fn board() -> Board {
        Board::new(ConnectionTotal::new(), ropewalk::tls::SharedConfigs::new())
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
