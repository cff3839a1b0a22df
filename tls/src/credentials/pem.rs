//! [`read_pem`]: the blocks of a PEM text, as people's files have them.
//!
//! Invariant: every marker of the text is in a block or in a fault; text around the blocks is ignored.

use interfaces::printable;
use rustls::pki_types::pem::{PemObject as _, SectionKind};

/// A PEM text, read to its end: the blocks in their order, and what was meant to be one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PemText {
    /// The whole blocks.
    pub blocks: Vec<PemBlock>,
    /// The broken ones.
    pub faults: Vec<PemFault>,
}

/// A block between `-----BEGIN LABEL-----` and `-----END LABEL-----` (RFC 7468).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PemBlock {
    /// The label, such as `CERTIFICATE`.
    pub label: String,
    /// The line of its `BEGIN`; the first line is 1.
    pub line: usize,
    /// The decoded content. Of an encrypted block it is the ciphertext.
    pub der: Vec<u8>,
    /// It has OpenSSL's old header `Proc-Type: 4,ENCRYPTED` (RFC 1421).
    pub is_encrypted: bool,
}

/// A broken block, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
#[non_exhaustive]
pub struct PemFault {
    /// The line; the first line is 1.
    pub line: usize,
    /// The mistake there.
    pub problem: PemProblem,
}

/// A mistake in a PEM text. What it shows of the text is escaped ([`printable`](interfaces::printable)).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemProblem {
    /// The text ends, or another block begins, inside a block.
    #[error("the block `BEGIN {}` has no end: expected `-----END {}-----`", printable(.label), printable(.label))]
    NoEnd {
        /// The label at the beginning.
        label: String,
    },
    /// A block ends with another label than it began with.
    #[error("the block `BEGIN {}` ends with `END {}`", printable(.label), printable(.end))]
    WrongEnd {
        /// The label at the beginning.
        label: String,
        /// The label at the end.
        end: String,
    },
    /// A block ends that has not begun.
    #[error("`END {}` without a `BEGIN {}` before it", printable(.label), printable(.label))]
    NoBegin {
        /// The label at the end.
        label: String,
    },
    /// The content is not base64.
    #[error("the block `BEGIN {}` is not base64", printable(.label))]
    NotBase64 {
        /// The label.
        label: String,
    },
    /// The content is no certificate, though the label says so.
    #[error("the block `BEGIN {}` is damaged: it is no certificate", printable(.label))]
    NoCertificate {
        /// The label.
        label: String,
    },
    /// A line was meant to be a marker: its dashes or blanks are wrong.
    #[error("this is not a line `-----BEGIN {}-----`, though it is like one", printable(.label))]
    Misspelt {
        /// The label that was meant.
        label: String,
    },
    /// The file is of UTF-16, as some editors and shells of Windows save it.
    #[error("the file is UTF-16: expected ASCII or UTF-8, as `iconv -f UTF-16 -t UTF-8` makes it")]
    Utf16,
    /// The file is the DER of a certificate, key or store, and not PEM.
    #[error(
        "the file is binary (DER): expected PEM, as `openssl x509 -inform DER` makes of a \
         certificate, `openssl pkey -inform DER` of a key and `openssl pkcs12 -nodes` of a PKCS#12 file"
    )]
    Der,
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The longest label of a known kind is 27 bytes long; what is longer is text.
const LABEL_BYTES_MAX: usize = 64;

/// Reads a PEM text. A byte-order mark, any line ends, indentation, text around blocks, blocks that follow
/// each other on one line, and headers within them (RFC 1421) are all right.
///
/// # Examples
///
/// ```
/// let text = b"note\r\n-----BEGIN X-----\r\nAAEC\r\n-----END X----------BEGIN X-----\r\nAAE";
/// let pem = ropewalk_tls::read_pem(text);
/// assert_eq!(pem.blocks[0].der, [0, 1, 2]);
/// assert_eq!(
///     pem.faults[0].to_string(),
///     "line 4: the block `BEGIN X` has no end: expected `-----END X-----`"
/// );
/// ```
pub fn read_pem(text: &[u8]) -> PemText {
    let mut reader = Reader::default();
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if let Some(problem) = other_form(text) {
        reader.fault(1, problem);
        return reader.pem;
    }
    // OpenSSL takes a carriage return alone for no line end, but old editors wrote it so.
    let ends = if text.contains(&b'\n') { b'\n' } else { b'\r' };
    for (index, line) in text.split(|byte| *byte == ends).enumerate() {
        reader.line(index + 1, line);
    }
    reader.end();
    reader.pem
}

/// Another form of the file, if it is of one that is often met.
fn other_form(text: &[u8]) -> Option<PemProblem> {
    match text {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'-', 0, b'-', 0, ..] | [0, b'-', 0, b'-', ..] => {
            Some(PemProblem::Utf16)
        }
        // A SEQUENCE with a length of one to three bytes, which no text begins with.
        [0x30, 0x81..=0x83, ..] => Some(PemProblem::Der),
        _ => None,
    }
}

/// The state between two lines.
#[derive(Default)]
struct Reader {
    pem: PemText,
    open: Option<Open>,
}

/// A block that has begun.
struct Open {
    label: String,
    line: usize,
    content: Vec<u8>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &[u8]) {
        let mut rest = line.trim_ascii();
        loop {
            if let Some((label, after)) = marker(rest, BEGIN) {
                self.begin(number, label);
                rest = after;
            } else if self.open.is_some()
                && let Some(place) = position(rest, END)
                && let Some((label, after)) = marker(&rest[place..], END)
            {
                self.take(&rest[..place]);
                self.close(label);
                rest = after;
            } else if let Some((label, after)) = marker(rest, END) {
                self.fault(number, PemProblem::NoBegin { label });
                rest = after;
            } else {
                break;
            }
        }
        match misspelt(rest) {
            Some(label) => self.fault(number, PemProblem::Misspelt { label }),
            // What follows a marker is no empty line, which would end the headers.
            None if rest.is_empty() && !line.trim_ascii().is_empty() => {}
            None => self.take(rest),
        }
    }

    fn take(&mut self, content: &[u8]) {
        if let Some(open) = &mut self.open {
            open.content.extend_from_slice(content);
            open.content.push(b'\n');
        }
    }

    fn begin(&mut self, line: usize, label: String) {
        self.end();
        self.open = Some(Open { label, line, content: Vec::new() });
    }

    /// The end of the text, or of an open block that another one cuts off.
    fn end(&mut self) {
        if let Some(Open { label, line, .. }) = self.open.take() {
            self.fault(line, PemProblem::NoEnd { label });
        }
    }

    /// The end of the open block.
    fn close(&mut self, end: String) {
        let Some(Open { label, line, content }) = self.open.take() else { return };
        if end != label {
            return self.fault(line, PemProblem::WrongEnd { label, end });
        }
        let (headers, base64) = split_headers(&content);
        match decoded(base64) {
            Some(der) => {
                let is_encrypted = position(headers, b"ENCRYPTED").is_some();
                self.pem.blocks.push(PemBlock { label, line, der, is_encrypted });
            }
            None => self.fault(line, PemProblem::NotBase64 { label }),
        }
    }

    fn fault(&mut self, line: usize, problem: PemProblem) {
        self.pem.faults.push(PemFault { line, problem });
    }
}

/// The label of the marker that `line` begins with, and what follows the marker.
fn marker<'a>(line: &'a [u8], front: &[u8]) -> Option<(String, &'a [u8])> {
    let rest = line.strip_prefix(front)?;
    let end = position(rest, DASHES).filter(|end| *end <= LABEL_BYTES_MAX)?;
    let (label, rest) = rest.split_at(end);
    if !label.iter().all(|byte| matches!(byte, b' '..=b'~')) || label.trim_ascii().is_empty() {
        return None;
    }
    Some((String::from_utf8_lossy(label).into_owned(), rest[DASHES.len()..].trim_ascii()))
}

/// The label of a line that people would take for the beginning of a certificate or key.
fn misspelt(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line).ok().filter(|line| line.len() <= 2 * LABEL_BYTES_MAX)?;
    let is_dash = |character: char| {
        matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}') || character.is_whitespace()
    };
    let label = line.trim_matches(is_dash).strip_prefix("BEGIN ")?.trim();
    let is_known = label.ends_with("CERTIFICATE") || label.ends_with("PRIVATE KEY");
    (is_known && line.starts_with(is_dash)).then(|| label.to_owned())
}

/// The headers of a block, which end with an empty line, and its base64.
fn split_headers(content: &[u8]) -> (&[u8], &[u8]) {
    let first = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match position(content, b"\n\n") {
        Some(end) if first.contains(&b':') => content.split_at(end),
        _ => (&[], content),
    }
}

fn decoded(base64: &[u8]) -> Option<Vec<u8>> {
    let mut block = b"-----BEGIN CERTIFICATE-----\n".to_vec();
    block.extend(base64);
    block.extend(b"-----END CERTIFICATE-----\n");
    let (_, der) = <(SectionKind, Vec<u8>)>::from_pem_slice(&block).ok()?;
    (!der.is_empty()).then_some(der)
}

fn position(text: &[u8], words: &[u8]) -> Option<usize> {
    text.windows(words.len()).position(|window| window == words)
}

/// Never shows the content, which may be a key.
impl std::fmt::Debug for PemBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PemBlock")
            .field("label", &self.label)
            .field("line", &self.line)
            .field("is_encrypted", &self.is_encrypted)
            .finish_non_exhaustive()
    }
}
