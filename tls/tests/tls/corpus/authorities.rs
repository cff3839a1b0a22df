//! Files and directories of authorities.

use super::Row;
use super::originals::Originals;

/// The second line with its first characters made no base64.
pub(super) fn torn(pem: &str) -> String {
    let mut lines: Vec<_> = pem.lines().map(str::to_owned).collect();
    lines[1].replace_range(..3, "!!!");
    lines.join("\n") + "\n"
}

/// Without the line of its end.
pub(super) fn endless(pem: &str) -> String {
    let end = pem.find("-----END").unwrap();
    pem[..end].to_owned()
}

pub(super) fn files(originals: &Originals) -> Vec<Row> {
    let Originals { openssl, ca, other, mid, leaf, key, .. } = originals;
    let both = format!("{ca}{other}");
    let trusted = |options: &str| openssl.text(&format!("x509 -in ca.pem -trustout {options}"));
    openssl.run("x509 -req -in of-ca.csr -signkey ca.key -days 30 -out v1.pem");
    openssl.run("req -new -key ca.key -subj /CN=ca -out ca.csr");
    openssl.run("x509 -req -in ca.csr -signkey ca.key -days 30 -out v1-ca.pem");
    let v1 = originals.read("v1-ca.pem");
    let der = openssl.run("x509 -in ca.pem -outform DER");
    let pkcs7 = openssl.text("crl2pkcs7 -nocrl -certfile ca.pem");
    let text = openssl.text("x509 -in ca.pem -text") + &openssl.text("x509 -in other.pem -text");
    let utf16: Vec<u8> =
        [0xfeff].into_iter().chain(both.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let middle = format!("{ca}{}{other}", torn(mid));
    vec![
        Row::file("a bundle of two", both.clone()),
        Row::file("joined by a missing line end", format!("{}{other}", ca.trim_end())),
        Row::file("the first block torn", format!("{}{other}", torn(ca))),
        Row::file("a block in the middle torn", middle),
        Row::file("the last block torn", format!("{ca}{}", torn(other))),
        Row::file("the last block without an end", format!("{ca}{}", endless(other))),
        Row::file("the first block without an end", format!("{}{other}", endless(ca))),
        Row::file("a byte-order mark", format!("\u{feff}{both}")),
        Row::file("lines of Windows", both.replace('\n', "\r\n")),
        Row::file("without the last line end", both.trim_end()),
        Row::file("text of openssl x509 -text", text),
        Row::file(
            "names above the blocks, as Mozilla's bundle has them",
            format!("ca\n==\n{ca}\nother\n==\n{other}"),
        ),
        Row::file("trusted", trusted("") + other),
        Row::file("trusted for servers", trusted("-addtrust serverAuth") + other),
        Row::file("trusted for clients alone", trusted("-addtrust clientAuth") + other),
        Row::file("trusted, with servers rejected", trusted("-addreject serverAuth") + other),
        Row::file("trusted, with an alias", trusted("-setalias name") + other),
        Row::file("version 1", v1 + other),
        Row::file("a server's own certificate", originals.servers[0].1.clone()),
        Row::file("keys among the certificates", format!("{key}{ca}{key}{other}")),
        Row::file(
            "a request among the certificates",
            format!("{}{both}", originals.read("leaf.csr")),
        ),
        Row::file("the same one twice", format!("{ca}{ca}{other}")),
        Row::file(
            "another label, X509 CERTIFICATE",
            both.replace("CERTIFICATE", "X509 CERTIFICATE"),
        ),
        Row::file("a certificate of no authority", leaf.clone() + other),
        Row::file("PKCS#7", pkcs7),
        Row::file("DER", der),
        Row::file("UTF-16", utf16),
        Row::file("empty", ""),
        Row::file("text alone", "no certificate is here\n"),
        Row::file("a key alone", key.clone()),
        Row::file(
            "dashes of a word processor",
            format!("{}{other}", ca.replace("-----", "\u{2014}\u{2014}-")),
        ),
        Row::file("four dashes", format!("{}{other}", ca.replace("-----", "----"))),
    ]
}

pub(super) fn directories(originals: &Originals) -> Vec<Row> {
    let Originals { openssl, ca, other, key, .. } = originals;
    let hash =
        |name: &str| openssl.text(&format!("x509 -in {name}.pem -noout -hash")).trim().to_owned();
    let (of_ca, of_other) = (hash("ca"), hash("other"));
    let (ca_0, other_0) = (format!("{of_ca}.0"), format!("{of_other}.0"));
    let ca_1 = format!("{of_ca}.1");
    vec![
        Row::directory("hashed names", [(&ca_0, ca), (&other_0, other)]),
        Row::directory("hashed links", [("ca.crt", ca), (&ca_0, "->ca.crt"), (&other_0, other)]),
        Row::directory(
            "hashed links to files of other names",
            [("ca.txt", ca), (&ca_0, "->ca.txt")],
        ),
        Row::directory("a second file of one hash", [(&ca_0, other), (&ca_1, ca)]),
        Row::directory("a link that leads nowhere", [(&ca_0, "->nothing"), (&other_0, other)]),
        Row::directory(
            "a link that leads to itself",
            [(&ca_0, &format!("->{ca_0}")), (&other_0, other)],
        ),
        Row::directory(
            "names of .crt, .cer and .PEM",
            [("a.crt", ca), ("b.PEM", other), ("c.cer", ca)],
        ),
        Row::directory("names of other kinds", [("ca.txt", ca), ("README", other), ("x.pem", ca)]),
        Row::directory("a directory below", [("more/ca.pem", ca), (&other_0, other)]),
        Row::directory("a torn file beside a good one", [(&ca_0, &torn(ca)), (&other_0, other)]),
        Row::directory("a key beside a certificate", [("ca.key.pem", key), (&other_0, other)]),
        Row::directory("a bundle in one file", [(&ca_0, &format!("{ca}{other}"))]),
        Row::directory("only a key", [("key.pem", key)]),
        Row::directory("nothing of use", [("README", "nothing")]),
    ]
}
