//! The request to a proxy of HTTP, and its answers, without I/O.
//!
//! Invariant: all that was taken of heads is at most 8 KiB, and no byte behind the last one.
//!
//! ```text
//!             1xx
//!            ┌───┐
//!  Asking ◀──┴───┘
//!     │ 2xx ──▶ open, with the bytes behind the head
//!     └ any other, no HTTP, too long ──▶ over, with an error
//! ```

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use data_encoding::BASE64;
use interfaces::Reason;

use super::answer::{AnswerHead, head_length, may_be_answer};
use super::target::authority;
use super::{HttpChallenge, HttpConnectError, HttpCredentials};
use crate::tunnel::{Handshake, Step};

/// The longest head of an answer, together with those of the interim answers before it.
const HEAD_BYTES_MAX: usize = 8192;

/// Asks for one destination.
pub(super) struct ConnectRequest {
    text: String,
    is_authorized: bool,
    bytes: Vec<u8>,
    /// How far the end of the head has been looked for.
    searched: usize,
    /// What the heads may still have.
    allowed: usize,
}

impl ConnectRequest {
    /// # Errors
    ///
    /// [`HttpConnectError::BadHost`] and [`HttpConnectError::BadCredentials`].
    pub(super) fn new(
        (host, port): (&str, u16),
        credentials: Option<&HttpCredentials>,
    ) -> Result<Self, HttpConnectError> {
        let to = authority(host, port)?;
        let mut text = alloc::format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
        if let Some(credentials) = credentials {
            text.push_str("Proxy-Authorization: Basic ");
            BASE64.encode_append(credentials.joined()?.as_bytes(), &mut text);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        let (is_authorized, bytes) = (credentials.is_some(), Vec::new());
        Ok(Self { text, is_authorized, bytes, searched: 0, allowed: HEAD_BYTES_MAX })
    }

    /// The head is not whole.
    fn waits(&mut self) -> Step<HttpConnectError> {
        self.searched = self.bytes.len();
        if !may_be_answer(&self.bytes) {
            return Step::Fail(HttpConnectError::NotHttp);
        }
        match self.bytes.len() > self.allowed {
            true => Step::Fail(HttpConnectError::TooLong),
            false => Step::Wait,
        }
    }

    /// Judges a whole head, which is taken out; `None` for an interim one.
    fn judge(&mut self, length: usize) -> Option<Step<HttpConnectError>> {
        let Some(allowed) = self.allowed.checked_sub(length) else {
            return Some(Step::Fail(HttpConnectError::TooLong));
        };
        let rest = self.bytes.split_off(length);
        let head = mem::replace(&mut self.bytes, rest);
        (self.allowed, self.searched) = (allowed, 0);
        let Some(head) = AnswerHead::parse(&head) else {
            return Some(Step::Fail(HttpConnectError::NotHttp));
        };
        match head.status {
            // What a 2xx says of a body's length does not count.
            200..=299 => Some(Step::Open(mem::take(&mut self.bytes))),
            // 101 would be another protocol, which was not asked for.
            100 | 102..=199 => None,
            407 => Some(Step::Fail(self.unauthenticated(&head))),
            status => Some(Step::Fail(HttpConnectError::Refused { status, reason: head.reason() })),
        }
    }

    fn unauthenticated(&self, head: &AnswerHead<'_>) -> HttpConnectError {
        let schemes: Vec<&[u8]> = head.schemes().collect();
        let has_basic = schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case(b"basic"));
        let challenge = match (has_basic || schemes.is_empty(), self.is_authorized) {
            (true, true) => HttpChallenge::Wrong,
            (true, false) => HttpChallenge::Missing,
            (false, _) => {
                let schemes = schemes.join(&b", "[..]);
                HttpChallenge::OtherScheme(String::from_utf8_lossy(&schemes).into_owned())
            }
        };
        HttpConnectError::NotAuthenticated { challenge }
    }
}

impl Handshake for ConnectRequest {
    const LOG_PREFIX: &'static str = "HttpConnect";
    type Error = HttpConnectError;

    fn first(&self) -> Vec<u8> {
        self.text.as_bytes().to_owned()
    }

    fn push(&mut self, data: &[u8]) {
        self.bytes.extend_from_slice(data);
    }

    fn step(&mut self) -> Step<HttpConnectError> {
        while let Some(length) = head_length(&self.bytes, self.searched) {
            if let Some(step) = self.judge(length) {
                return step;
            }
        }
        self.waits()
    }

    fn timed_out(after: Duration) -> HttpConnectError {
        HttpConnectError::TimedOut { after }
    }

    fn ended(reason: Reason) -> HttpConnectError {
        HttpConnectError::Ended(reason)
    }
}
