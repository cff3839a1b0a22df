//! The arguments of a server that ask its clients for certificates.
//!
//! Invariant: a string that names clients also says who vouches for them.

use endpoints::{Argument, ParseError, Value};

use super::key_pins::key_pins;
use super::paths::file;
use super::session_strings::{joined, list};
use crate::settings::ClientAuthentication;
use crate::verification::ClientNames;

/// The arguments `clientCA`, `clientAuth`, `clientCN`, `clientDNS`, `clientURI` and `clientPin`, in this order.
pub(super) fn client_authentication(
    [trusted, mode, common_names, dns_names, uris, pins]: [Argument<'_>; 6],
) -> Result<Option<ClientAuthentication>, ParseError> {
    let Some(path) = file(&trusted)? else {
        let alone = [&mode, &common_names, &dns_names, &uris, &pins];
        return match alone.into_iter().find(|argument| argument.is_given()) {
            Some(alone) => Err(alone.refuse(format!(
                "`{}` is given without `{}`: expected the file or directory of the authorities that \
                 vouch for the clients, too",
                alone.name(),
                trusted.name()
            ))),
            None => Ok(None),
        };
    };
    let clients = match mode.text()? {
        None | Some("required") => ClientAuthentication::required(path),
        Some("wanted") => ClientAuthentication::wanted(path),
        Some(_) => return Err(mode.error("`required` or `wanted`")),
    };
    let mut names = ClientNames::default();
    let texts = |argument: &Argument<'_>| -> Result<Vec<String>, ParseError> {
        let names = list(argument, "names with commas between them")?;
        Ok(names.into_iter().map(str::to_owned).collect())
    };
    names.common_names = texts(&common_names)?;
    names.dns_names = texts(&dns_names)?.iter().map(|name| name.to_ascii_lowercase()).collect();
    names.uris = texts(&uris)?;
    names.keys = key_pins(&pins)?;
    Ok(Some(clients.with_names(names)))
}

/// The values of those arguments, as they are printed.
pub(super) fn client_arguments(clients: Option<&ClientAuthentication>) -> [Value; 6] {
    let Some(clients) = clients else { return [const { Value::Absent }; 6] };
    let ClientNames { common_names, dns_names, uris, keys } = clients.names();
    let mode = match clients.is_required() {
        true => Value::Absent,
        false => Value::Text("wanted".into()),
    };
    let trusted = clients.trusted().display().to_string();
    [
        Value::Text(trusted.into()),
        mode,
        joined(common_names),
        joined(dns_names),
        joined(uris),
        joined(keys),
    ]
}
