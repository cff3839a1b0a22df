//! The arguments that clients and servers have in common: versions, ALPN, key exchanges, resumption, the log
//! of keys.
//!
//! Invariant: nothing older than TLS 1.2 can be spoken, and no string leaves nothing to negotiate.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use endpoints::{Argument, ParseError, Value};
use rustls::NamedGroup;
use rustls::crypto::CryptoProvider;

use super::paths::file;
use crate::options::BareEnd;
use crate::settings::{SessionSettings, TlsVersion, VersionRange};

const METHODS: &str = "`TLS_METHOD`, `TLSv1_2_METHOD` or `TLSv1_3_METHOD`";

/// The time between two looks at the files, unless the string has another.
pub(super) const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// The most bytes of a protocol's name (RFC 7301 section 3.1).
const PROTOCOL_BYTES_MAX: usize = 255;

/// The arguments `alpn`, `minVersion`, `maxVersion`, `groups`, `tickets` and `keyLog`, in this order.
pub(super) fn session_settings(
    [alpn, least, greatest, groups, tickets, key_log]: [Argument<'_>; 6],
    versions: VersionRange,
    known_groups: &[NamedGroup],
) -> Result<SessionSettings, ParseError> {
    Ok(SessionSettings {
        alpn: protocols(&alpn)?,
        versions: limited(versions, &least, &greatest)?,
        groups: named_groups(&groups, known_groups)?,
        resumes: !tickets.is_given() || tickets.flag_or(true)?,
        key_log: file(&key_log)?.map(Into::into),
    })
}

/// Those values, as they are printed: what is the default is absent.
pub(super) fn session_arguments(session: &SessionSettings) -> [Value; 6] {
    let SessionSettings { alpn, versions, groups, resumes, key_log } = session;
    let all = VersionRange::default();
    let bound = |version: TlsVersion, default| match version == default {
        true => Value::Absent,
        false => Value::Text(name(version).into()),
    };
    let protocols: Vec<_> = alpn.iter().map(|it| String::from_utf8_lossy(it)).collect();
    let groups: Vec<_> = groups.iter().map(|group| group_name(*group)).collect();
    let key_log = key_log.as_deref().map(|path: &Path| path.display().to_string());
    [
        joined(&protocols),
        bound(versions.least(), all.least()),
        bound(versions.greatest(), all.greatest()),
        joined(&groups),
        if *resumes { Value::Absent } else { Value::Flag(false) },
        Value::text_or_absent(key_log.as_deref()),
    ]
}

/// A list with commas; an empty one is absent.
pub(super) fn joined(items: &[impl Display]) -> Value {
    if items.is_empty() {
        return Value::Absent;
    }
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    Value::Text(items.join(",").into())
}

/// How long passes between two looks at the files; `None` where none is wanted.
pub(super) fn interval(argument: &Argument<'_>) -> Result<Option<Duration>, ParseError> {
    if !argument.is_given() {
        return Ok(Some(RELOAD_INTERVAL));
    }
    let interval = argument.seconds_or(RELOAD_INTERVAL)?;
    Ok((!interval.is_zero()).then_some(interval))
}

/// The value that [`interval`] reads as this.
pub(super) fn interval_value(interval: Option<Duration>) -> Value {
    match interval {
        Some(RELOAD_INTERVAL) => Value::Absent,
        other => Value::Seconds(other.unwrap_or_default()),
    }
}

/// The argument `eof`.
pub(super) fn bare_end(eof: &Argument<'_>) -> Result<BareEnd, ParseError> {
    let (bare_end, name) = match eof.text()? {
        None => return Ok(BareEnd::default()),
        Some("strict") => (BareEnd::Truncated, "strict"),
        Some("lenient") => (BareEnd::Lenient, "lenient"),
        Some(_) => return Err(eof.error("`strict` or `lenient`")),
    };
    eof.record(Value::Text(name.into()));
    Ok(bare_end)
}

/// The value that [`bare_end`] reads as this.
pub(super) fn bare_end_value(bare_end: BareEnd) -> Value {
    match bare_end {
        BareEnd::Truncated => Value::Absent,
        BareEnd::Lenient => Value::Text("lenient".into()),
    }
}

/// The versions that `sslmethod` names, in OpenSSL's words.
pub(super) fn method(argument: &Argument<'_>) -> Result<VersionRange, ParseError> {
    let all = VersionRange::default();
    let (range, name) = match argument.text()? {
        None | Some("TLS_METHOD" | "SSLv23_METHOD") => (Ok(all), "TLS_METHOD"),
        Some("TLSv1_2_METHOD") => (all.at_most(TlsVersion::Tls12), "TLSv1_2_METHOD"),
        Some("TLSv1_3_METHOD") => (all.at_least(TlsVersion::Tls13), "TLSv1_3_METHOD"),
        Some(old @ ("SSLv2_METHOD" | "SSLv3_METHOD" | "TLSv1_METHOD" | "TLSv1_1_METHOD")) => {
            return Err(argument.refuse(format!(
                "{old} is no longer offered by anyone, as it is broken: expected {METHODS}"
            )));
        }
        Some(_) => return Err(argument.error(METHODS)),
    };
    argument.record(Value::Text(name.into()));
    range.map_err(|error| argument.refuse(error.to_string()))
}

fn limited(
    versions: VersionRange,
    least: &Argument<'_>,
    greatest: &Argument<'_>,
) -> Result<VersionRange, ParseError> {
    let versions = match least.text()? {
        None => versions,
        // Every range is above them.
        Some("1.0" | "1.1" | "TLSv1" | "TLSv1.0" | "TLSv1.1") => {
            least.record(Value::Text(name(versions.least()).into()));
            versions
        }
        Some(_) => {
            versions.at_least(version(least)?).map_err(|error| least.refuse(error.to_string()))?
        }
    };
    match greatest.text()? {
        None => Ok(versions),
        Some(_) => {
            versions.at_most(version(greatest)?).map_err(|error| greatest.refuse(error.to_string()))
        }
    }
}

fn version(argument: &Argument<'_>) -> Result<TlsVersion, ParseError> {
    let version = match argument.text()? {
        Some("1.2" | "TLSv1.2") => TlsVersion::Tls12,
        Some("1.3" | "TLSv1.3") => TlsVersion::Tls13,
        _ => return Err(argument.error("`1.2` or `1.3`")),
    };
    argument.record(Value::Text(name(version).into()));
    Ok(version)
}

fn name(version: TlsVersion) -> &'static str {
    match version {
        TlsVersion::Tls12 => "1.2",
        TlsVersion::Tls13 => "1.3",
    }
}

/// The items of a list with commas, if it is given: none of them is empty, or has blanks around it.
pub(super) fn list<'a>(
    argument: &Argument<'a>,
    expected: &'static str,
) -> Result<Vec<&'a str>, ParseError> {
    let Some(text) = argument.text()? else { return Ok(Vec::new()) };
    let items: Vec<_> = text.split(',').collect();
    match items.iter().all(|item| !item.is_empty() && item.trim() == *item) {
        true => Ok(items),
        false => Err(argument.error(expected)),
    }
}

fn protocols(argument: &Argument<'_>) -> Result<Vec<Vec<u8>>, ParseError> {
    let expected = "protocols of at most 255 bytes with commas between them, as in `h2,http/1.1`";
    let names = list(argument, expected)?;
    if names.iter().any(|name| name.len() > PROTOCOL_BYTES_MAX) {
        return Err(argument.error(expected));
    }
    Ok(names.into_iter().map(|name| name.as_bytes().to_vec()).collect())
}

fn named_groups(
    argument: &Argument<'_>,
    known: &[NamedGroup],
) -> Result<Vec<NamedGroup>, ParseError> {
    let names = list(argument, "key exchanges with commas between them, as in `x25519,secp256r1`")?;
    let mut groups = Vec::new();
    for name in names {
        let name = match &*name.to_ascii_lowercase() {
            "p-256" | "prime256v1" => "secp256r1".to_owned(),
            "p-384" => "secp384r1".to_owned(),
            name => name.to_owned(),
        };
        let group = known.iter().find(|group| group_name(**group) == name).ok_or_else(|| {
            let known: Vec<_> = known.iter().map(|group| group_name(*group)).collect();
            argument
                .error(format!("key exchanges of {}, with commas between them", known.join(", ")))
        })?;
        groups.push(*group);
    }
    Ok(groups)
}

/// The key exchanges of a provider; without one, those of the default, or else of all that rustls's own providers have.
pub(super) fn known_groups(provider: Option<&CryptoProvider>) -> Vec<NamedGroup> {
    let of = |provider: &CryptoProvider| provider.kx_groups.iter().map(|it| it.name()).collect();
    match provider {
        Some(provider) => of(provider),
        #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
        None => of(&crate::default_provider()),
        #[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
        None => vec![
            NamedGroup::X25519MLKEM768,
            NamedGroup::X25519,
            NamedGroup::secp256r1,
            NamedGroup::secp384r1,
        ],
    }
}

/// The name that IANA registered, in lower case.
fn group_name(group: NamedGroup) -> String {
    format!("{group:?}").to_ascii_lowercase()
}
