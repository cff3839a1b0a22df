//! The arguments of clients that name the servers to trust, the certificate to show and the name to verify.
//!
//! Invariant: only `verify=danger-none` turns the verification off, and nothing that names authorities stands beside it.

use std::net::IpAddr;
use std::path::PathBuf;

use endpoints::{Argument, Host, ParseError, Value};
use rustls::pki_types::ServerName;

use super::client_config::CertificateFiles;
use super::paths::file;
use crate::settings::Trust;

/// The value of `verify` that turns the verification off.
pub(super) const DANGER_NONE: &str = "danger-none";

/// The servers that are trusted.
pub(super) fn trust(
    trusted: &Argument<'_>,
    verify: &Argument<'_>,
    roots: &Argument<'_>,
) -> Result<Trust, ParseError> {
    let named = trust_roots(roots)?;
    let path = file(trusted)?;
    let given = [trusted, roots].into_iter().find(|argument| argument.is_given());
    match (verify.text()?, given) {
        (Some(DANGER_NONE), Some(other)) => Err(verify.excluded_by(other)),
        (Some(DANGER_NONE), None) => Ok(Trust::DangerAnyone),
        (Some(_), _) => Err(verify.error("`danger-none`, or left out to verify the server")),
        (None, _) => match path {
            Some(_) if roots.is_given() => Err(roots.excluded_by(trusted)),
            Some(path) => Ok(Trust::Files(PathBuf::from(path))),
            None => Ok(named),
        },
    }
}

/// The authorities that `roots` names.
fn trust_roots(roots: &Argument<'_>) -> Result<Trust, ParseError> {
    match roots.text()? {
        None | Some("public") => Ok(Trust::Public),
        #[cfg(feature = "system-roots")]
        Some("system") => Ok(Trust::System),
        #[cfg(not(feature = "system-roots"))]
        Some("system") => Err(roots.refuse(
            "this program was built without the feature `system-roots`: give the file or directory of \
             the system's certificates",
        )),
        Some(_) => Err(roots.error("`public` or `system`")),
    }
}

/// The certificate that the client shows, if one is given.
pub(super) fn certificate_files(
    certificate: &Argument<'_>,
    key: &Argument<'_>,
) -> Result<Option<CertificateFiles>, ParseError> {
    match (file(certificate)?, file(key)?) {
        (Some(path), key_path) => {
            if key_path.is_none() {
                key.record(Value::Text(path.to_owned().into()));
            }
            let private_key = key_path.unwrap_or(path).to_owned();
            Ok(Some(CertificateFiles { certificate: path.to_owned(), private_key }))
        }
        (None, None) => Ok(None),
        (None, Some(_)) => Err(key.refuse(format!(
            "`{}` is given without `{}`: expected the certificate of the key, too",
            key.name(),
            certificate.name()
        ))),
    }
}

/// As [`server_name`], and the description shows the host as it is connected to.
pub(super) fn named_host(
    argument: &Argument<'_>,
) -> Result<(Host, ServerName<'static>), ParseError> {
    let (host, name) = server_name(argument)?;
    argument.record(Value::Text(host.to_string().into()));
    Ok((host, name))
}

/// A host as it is connected to, and as certificates name it: in ASCII, without the dot at the end.
pub(super) fn server_name(
    argument: &Argument<'_>,
) -> Result<(Host, ServerName<'static>), ParseError> {
    let wrong = || argument.error("a host name that a certificate can be for, or an IP address");
    match argument.host()? {
        Host::Name(name) => {
            let bare = name.strip_suffix('.').unwrap_or(&name).to_owned();
            let server = ServerName::try_from(bare).map_err(|_| wrong())?;
            Ok((Host::Name(name), server))
        }
        Host::Ip(address) => Ok((Host::Ip(address), ServerName::from(address))),
        Host::Zoned { address, zone } => {
            Ok((Host::Zoned { address, zone }, ServerName::from(IpAddr::V6(address))))
        }
        _ => Err(wrong()),
    }
}
