//! [`FoundBlocks`]: the blocks of a file that has none of the right kind, with what they are made useful by.
//!
//! Invariant: labels are shown escaped, and at most a few of them.

/// The labels of the blocks that a file has in place of those that were looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundBlocks(Vec<String>);

impl FoundBlocks {
    pub(super) fn of(labels: &[String]) -> Self {
        let mut labels = labels.to_vec();
        labels.sort();
        labels.dedup();
        labels.truncate(LABELS_TOLD_MAX);
        Self(labels)
    }
}

/// The most labels that an error names.
const LABELS_TOLD_MAX: usize = 4;

/// Nothing, or `, and found `CERTIFICATE REQUEST`` with the remedy.
impl std::fmt::Display for FoundBlocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, label) in self.0.iter().enumerate() {
            let lead = if index == 0 { ", and found" } else { "," };
            write!(f, "{lead} `{}`{}", interfaces::printable(label.as_bytes()), remedy(label))?;
        }
        Ok(())
    }
}

/// How a block of another kind becomes one that can be used.
fn remedy(label: &str) -> &'static str {
    match label {
        "PKCS7" | "CMS" => " (which `openssl pkcs7 -print_certs` turns into certificates)",
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            " (which an authority makes a certificate of)"
        }
        "OPENSSH PRIVATE KEY" => " (which `ssh-keygen -p -m PEM` turns into a PEM key)",
        "PUBLIC KEY" | "RSA PUBLIC KEY" => " (the public half of a key)",
        _ => "",
    }
}
