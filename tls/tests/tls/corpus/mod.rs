//! PEM files and directories as people have them, read by OpenSSL and here: nothing that OpenSSL takes is
//! silently taken otherwise. `corpus.txt` is the table of both verdicts.

mod authorities;
mod identities;
mod openssl;
mod originals;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use originals::Originals;

use crate::machine::{Files, Machine};

/// The files of one row: a file's name and content, or `->` and the target of a link.
type Content = Vec<(String, Vec<u8>)>;

/// A row: its name and its files. Of an identity or a file of authorities it is one, called `file.pem`.
struct Row {
    name: &'static str,
    content: Content,
}

impl Row {
    fn file(name: &'static str, content: impl Into<Vec<u8>>) -> Self {
        Self { name, content: vec![("file.pem".into(), content.into())] }
    }

    fn directory<const N: usize>(name: &'static str, files: [(&str, &str); N]) -> Self {
        let owned = |(name, content): (&str, &str)| (name.to_owned(), content.into());
        Self { name, content: files.into_iter().map(owned).collect() }
    }

    /// Writes the files below a directory.
    fn write(&self, directory: &Path) {
        for (name, content) in &self.content {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match content.strip_prefix(b"->") {
                Some(target) => symlink(std::str::from_utf8(target).unwrap(), path).unwrap(),
                None => fs::write(path, content).unwrap(),
            }
        }
    }
}

/// Both verdicts about a row.
struct Verdicts {
    openssl: String,
    ours: String,
}

/// Whether this is no row "accepted there, silently wrong here": here the same is taken, or more, or it is said
/// what is not.
fn is_right(Verdicts { openssl, ours }: &Verdicts) -> bool {
    let is_told = ours.starts_with("refused: ") || ours.contains("; told: ");
    let more = openssl.strip_prefix("trusts ").is_some_and(|trusted| {
        trusted.split(" and ").all(|name| ours.split(' ').any(|word| word == name))
    });
    openssl == "refused" || openssl == ours || more || is_told
}

/// Without what differs from run to run: dates, and the numbers of lines, as signatures differ in length.
fn steady(told: &str) -> String {
    let told = told.split(" (the certificate ").next().unwrap_or_default();
    let mut parts = told.split(" line ");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text += " line ";
        text += if part.starts_with(|first: char| first.is_ascii_digit()) { "N" } else { "" };
        text += part.trim_start_matches(|digit: char| digit.is_ascii_digit());
    }
    text
}

#[test]
fn what_openssl_reads_is_read_alike_or_refused_by_name() {
    let Some(originals) = Originals::new() else { return };
    let mut table = BTreeMap::new();
    let identities = identities::rows(&originals);
    let (files, directories) =
        (authorities::files(&originals), authorities::directories(&originals));
    assert!(identities.len() + files.len() + directories.len() >= 60);
    for row in &identities {
        table.insert(format!("identity  {}", row.name), identity(&originals, row));
    }
    for row in &files {
        table.insert(format!("trust     {}", row.name), authority(&originals, row, "file.pem"));
    }
    for row in &directories {
        table.insert(format!("directory {}", row.name), authority(&originals, row, "."));
    }
    let wrong: Vec<_> =
        table.iter().filter(|(_, row)| !is_right(row)).map(|(name, _)| name).collect();
    let shown: String = table
        .iter()
        .map(|(name, row)| {
            format!("{name}\n    openssl: {}\n    ours:    {}\n", row.openssl, row.ours)
        })
        .collect();
    assert!(wrong.is_empty(), "silently wrong: {wrong:?}\n{shown}");
    let ours = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with("    openssl: ")).map(str::to_owned).collect()
    };
    let seen = Path::new(env!("CARGO_TARGET_TMPDIR")).join("corpus.txt");
    fs::write(&seen, &shown).unwrap();
    assert_eq!(ours(&shown), ours(include_str!("corpus.txt")), "see {}", seen.display());
}

/// How a server with this file does: the number of certificates that it sends, or the error.
fn identity(originals: &Originals, row: &Row) -> Verdicts {
    let files = Files::new();
    row.write(&files.place(""));
    let (path, machine) = (files.path("file.pem"), Machine::new());
    let ours = match machine.serve(&format!("ssl:443:{path}")) {
        Ok(()) => {
            let record = machine.call("ssl:a.example:443:verify=danger-none").unwrap();
            assert_eq!(record.received(), b"hello", "{}: {:?}", row.name, record.lost());
            format!("sends {}", record.transport().as_tls().unwrap().peer_certificates().len())
        }
        Err(told) => format!("refused: {}", steady(&told.replace(&path, "file.pem"))),
    };
    let openssl = originals.openssl.served(&files.place("file.pem"));
    assert!(ours.starts_with("sends") || ours.contains("file.pem"), "{}: {ours}", row.name);
    Verdicts { openssl, ours }
}

/// Which of the two authorities a client with these files trusts, and what it is told.
fn authority(originals: &Originals, row: &Row, place: &str) -> Verdicts {
    let files = Files::new();
    row.write(&files.place(""));
    let path = files.path(place);
    let machine = Machine::new();
    let mut trusted = Vec::new();
    let mut refused = None;
    for (port, (name, own)) in (1..).zip(&originals.servers) {
        let pem = originals.files.write(&format!("{name}-server.pem"), own);
        machine.serve(&format!("ssl:{port}:{pem}")).unwrap();
        match machine.call(&format!("tls:a.example:{port}:trustRoots={path}")) {
            Ok(record) if record.received() == b"hello" => trusted.push(*name),
            Ok(_) => {}
            Err(told) => refused = Some(told),
        }
    }
    let mut told = machine.told.take();
    told.sort();
    told.dedup();
    let told = steady(&told.join("; ").replace(&*path, "FILES"));
    let ours = match refused {
        Some(error) => format!("refused: {}", steady(&error.replace(&*path, "FILES"))),
        None if told.is_empty() => format!("trusts {}", trusted.join(" and ")),
        None => format!("trusts {}; told: {told}", trusted.join(" and ")),
    };
    let openssl = originals.openssl.trusted(&files.place(place), &originals.servers);
    Verdicts { openssl, ours }
}
