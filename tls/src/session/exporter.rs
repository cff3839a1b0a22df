//! The exporter of TLS 1.3 (RFC 8446 section 7.5): keying material from a secret of the session.
//!
//! rustls 0.23 exports on its buffered connections alone. Its unbuffered ones give the exporter's secret to the
//! [`KeyLog`] of their configuration, while they are driven. So [`keeping_exporter`] wraps that log with one
//! that puts the secret down for its thread, and the session takes it at the end of the same call. All else is
//! made of the provider's own HKDF and hash function.
//!
//! Invariant: a session takes the secret only that was put down while it ran itself, also where the log of a
//! user runs another session meanwhile; and each secret is overwritten when it is dropped, as rustls's
//! [`OkmBlock`] does.

use std::cell::Cell;
use std::sync::Arc;

use interfaces::ExportKeyingMaterialError;
use rustls::crypto::tls13::OkmBlock;
use rustls::{KeyLog, SupportedCipherSuite, Tls13CipherSuite};

/// The label of the exporter's secret in a key log (NSS).
const SECRET_LABEL: &str = "EXPORTER_SECRET";
/// The front of all labels of TLS 1.3 (RFC 8446 section 7.1).
const LABEL_PREFIX: &[u8] = b"tls13 ";
/// The longest label: with the prefix it has one byte for its length.
const LABEL_BYTES_MAX: usize = 255 - LABEL_PREFIX.len();
/// HKDF-Expand counts its blocks in one byte (RFC 5869 section 2.3).
const BLOCKS_MAX: usize = 255;

thread_local! {
    /// The secret that the running session has put down.
    static PUT_DOWN: Cell<Option<ExporterSecret>> = const { Cell::new(None) };
}

/// The secret of one session. Boxed, so that it is not copied about, and a session without one pays one word.
pub(super) type ExporterSecret = Box<OkmBlock>;

/// The log `below`, which also has sessions keep the secret of the exporter, as
/// [`TlsTransport::export_keying_material`](interfaces::TlsTransport::export_keying_material) and
/// [`Session::export_keying_material`](crate::Session::export_keying_material) need it. For a configuration of
/// rustls; [`ServerSettings::with_exported_keying_material`](crate::ServerSettings::with_exported_keying_material)
/// and the same of [`ClientSettings`](crate::ClientSettings) do this by themselves. What `below` logs stays as it
/// is: nothing more is logged.
///
/// ```
/// # use ropewalk_tls as tls;
/// fn exporting(mut config: rustls::ServerConfig) -> rustls::ServerConfig {
///     config.key_log = tls::keeping_exporter(config.key_log);
///     config
/// }
/// ```
pub fn keeping_exporter(below: Arc<dyn KeyLog>) -> Arc<dyn KeyLog> {
    Arc::new(KeepingExporter(below))
}

#[derive(Debug)]
struct KeepingExporter(Arc<dyn KeyLog>);

impl KeyLog for KeepingExporter {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        if self.0.will_log(label) {
            self.0.log(label, client_random, secret);
        }
        if label == SECRET_LABEL && secret.len() <= OkmBlock::MAX_LEN {
            PUT_DOWN.set(Some(Box::new(OkmBlock::new(secret))));
        }
    }

    fn will_log(&self, label: &str) -> bool {
        label == SECRET_LABEL || self.0.will_log(label)
    }
}

/// A part of a handshake that runs: the secret that is put down is its own. That of the session outside, if this
/// one runs inside another, is put back at the end, also by a panic.
pub(super) struct Keeping {
    outer: Option<ExporterSecret>,
}

impl Keeping {
    pub(super) fn begin() -> Self {
        Self { outer: PUT_DOWN.take() }
    }

    /// The secret that was put down meanwhile.
    pub(super) fn end(self) -> Option<ExporterSecret> {
        PUT_DOWN.take()
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        PUT_DOWN.set(self.outer.take());
    }
}

/// Fills `output`, for a session of this suite.
pub(super) fn export(
    suite: SupportedCipherSuite,
    secret: Option<&ExporterSecret>,
    label: &[u8],
    context: &[u8],
    output: &mut [u8],
) -> Result<(), ExportKeyingMaterialError> {
    let SupportedCipherSuite::Tls13(suite) = suite else {
        return Err(ExportKeyingMaterialError::OldVersion);
    };
    let secret = secret.ok_or(ExportKeyingMaterialError::NotKept)?;
    let max = BLOCKS_MAX * suite.common.hash_provider.output_len();
    let (length, label_length) = (output.len(), label.len());
    if !(1..=LABEL_BYTES_MAX).contains(&label_length) {
        let max = LABEL_BYTES_MAX;
        return Err(ExportKeyingMaterialError::Label { length: label_length, max });
    }
    if !(1..=max).contains(&length) {
        return Err(ExportKeyingMaterialError::Length { length, max });
    }
    expand(suite, secret, label, context, output)
        .ok_or(ExportKeyingMaterialError::Length { length, max })
}

/// TLS-Exporter(label, context, length) of RFC 8446 section 7.5.
fn expand(
    suite: &Tls13CipherSuite,
    secret: &OkmBlock,
    label: &[u8],
    context: &[u8],
    output: &mut [u8],
) -> Option<()> {
    let (hash, hkdf) = (suite.common.hash_provider, suite.hkdf_provider);
    let info = hkdf_label(hash.output_len(), label, hash.hash(&[]).as_ref())?;
    let derived = hkdf.expander_for_okm(secret).expand_block(&[&info]);
    let info = hkdf_label(output.len(), b"exporter", hash.hash(context).as_ref())?;
    hkdf.expander_for_okm(&derived).expand_slice(&[&info], output).ok()
}

/// `HkdfLabel` of RFC 8446 section 7.1; `None` where something does not fit into its field.
fn hkdf_label(length: usize, label: &[u8], context: &[u8]) -> Option<Vec<u8>> {
    let mut info = u16::try_from(length).ok()?.to_be_bytes().to_vec();
    info.push(u8::try_from(LABEL_PREFIX.len() + label.len()).ok()?);
    info.extend_from_slice(LABEL_PREFIX);
    info.extend_from_slice(label);
    info.push(u8::try_from(context.len()).ok()?);
    info.extend_from_slice(context);
    Some(info)
}
