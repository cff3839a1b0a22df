//! The certificate of the servers with TLS, generated for each run of the bench.
//!
//! Invariant: the key is stored beside the certificate only.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

/// The name of the certificate's subject.
pub(crate) const NAME: &str = "localhost";

pub(crate) fn write(mut words: impl Iterator<Item = OsString>) -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(words.next().ok_or("the directory is missing")?);
    let own = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("certificate.pem"), own.cert.pem())?;
    fs::write(directory.join("key.pem"), own.signing_key.serialize_pem())?;
    Ok(())
}
