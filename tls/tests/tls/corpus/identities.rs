//! Files with a server's certificate, chain and key.

use super::Row;
use super::authorities::{endless, torn};
use super::originals::Originals;

pub(super) fn rows(originals: &Originals) -> Vec<Row> {
    let mut rows = orders(originals);
    rows.extend(texts(originals));
    rows.extend(keys(originals));
    rows.extend(wrong(originals));
    rows.extend(broken(originals));
    rows
}

fn orders(originals: &Originals) -> Vec<Row> {
    let Originals { ca, other, mid, leaf, key, .. } = originals;
    vec![
        Row::file("the key, then the chain", format!("{key}{leaf}{mid}")),
        Row::file("the chain, then the key", format!("{leaf}{mid}{key}")),
        Row::file("the key in the middle", format!("{leaf}{key}{mid}")),
        Row::file("the chain with its root", format!("{leaf}{mid}{ca}{key}")),
        Row::file("the chain with its root first", format!("{ca}{mid}{leaf}{key}")),
        Row::file("the chain in the wrong order", format!("{leaf}{ca}{mid}{key}")),
        Row::file("the authority before the server", format!("{mid}{leaf}{key}")),
        Row::file("the server twice", format!("{leaf}{leaf}{mid}{key}")),
        Row::file("a certificate that is in no chain", format!("{leaf}{other}{key}")),
        Row::file("the server alone", format!("{leaf}{key}")),
    ]
}

fn texts(originals: &Originals) -> Vec<Row> {
    let Originals { openssl, mid, leaf, key, .. } = originals;
    let whole = format!("{leaf}{mid}{key}");
    let text = openssl.text("x509 -in leaf.pem -text");
    openssl.write("both.pem", format!("{leaf}{key}"));
    openssl.run("pkcs12 -export -in both.pem -out both.p12 -passout pass:x");
    let bags = openssl.text("pkcs12 -in both.p12 -nodes -passin pass:x");
    let one_line = |pem: &str| {
        let lines: Vec<_> = pem.lines().collect();
        format!(
            "{}\n{}\n{}\n",
            lines[0],
            lines[1..lines.len() - 1].concat(),
            lines[lines.len() - 1]
        )
    };
    let indented: String = whole.lines().map(|line| format!("    {line}\n")).collect();
    let header = leaf.replacen('\n', "\nComment: a header\n\n", 1);
    let remark = leaf.replacen('\n', "\n# a remark\n", 1);
    let blank = leaf.replacen('\n', "\n\n", 2);
    let nul = [whole.as_bytes(), &[0, 0]].concat();
    vec![
        Row::file("lines of Windows", whole.replace('\n', "\r\n")),
        Row::file("lines of old Macs", whole.replace('\n', "\r")),
        Row::file("a byte-order mark", format!("\u{feff}{whole}")),
        Row::file(
            "a byte-order mark and lines of Windows",
            format!("\u{feff}{whole}").replace('\n', "\r\n"),
        ),
        Row::file("without the last line end", whole.trim_end()),
        Row::file(
            "certificates joined by a missing line end",
            format!("{}{mid}{key}", leaf.trim_end()),
        ),
        Row::file("the key joined to the certificate", format!("{}{leaf}", key.trim_end())),
        Row::file("text of openssl x509 -text", format!("{text}{key}")),
        Row::file("text with dashes between blocks", format!("{leaf}----- the key -----\n{key}")),
        Row::file("bags of openssl pkcs12", bags),
        Row::file("indented, as in YAML", indented),
        Row::file("blanks at the ends of lines", whole.replace('\n', "  \t\n")),
        Row::file("base64 on one line", one_line(leaf) + &one_line(key)),
        Row::file("a header in a block", format!("{header}{key}")),
        Row::file("a remark in a block", format!("{remark}{key}")),
        Row::file("an empty line in a block", format!("{blank}{key}")),
        Row::file("NUL bytes at the end", nul),
        Row::file(
            "another label, X509 CERTIFICATE",
            whole.replace("CERTIFICATE", "X509 CERTIFICATE"),
        ),
        Row::file(
            "the words of encryption in a remark",
            format!("was Proc-Type: 4,ENCRYPTED once\n{whole}"),
        ),
    ]
}

fn keys(originals: &Originals) -> Vec<Row> {
    let Originals { openssl, leaf, key, .. } = originals;
    let sec1 = openssl.text("ec -in leaf.key");
    let parameters = openssl.text("ecparam -name prime256v1");
    let old = openssl.text("ec -in leaf.key -aes128 -passout pass:x");
    let encrypted = openssl.text("pkcs8 -topk8 -in leaf.key -passout pass:x");
    let rsa = originals.own("rsa:2048");
    let rsa_old = openssl.text("rsa -in own.key -traditional") + &originals.read("own.crt");
    vec![
        Row::file("SEC1", format!("{sec1}{leaf}")),
        Row::file("SEC1 behind its parameters", format!("{parameters}{sec1}{leaf}")),
        Row::file("RSA in PKCS#8", rsa),
        Row::file("RSA in PKCS#1", rsa_old),
        Row::file("Ed25519", originals.own("ed25519")),
        Row::file("P-384", originals.own("ec -pkeyopt ec_paramgen_curve:P-384")),
        Row::file("secp256k1", originals.own("ec -pkeyopt ec_paramgen_curve:secp256k1")),
        Row::file("Ed448", originals.own("ed448")),
        Row::file("encrypted in the old form", format!("{old}{leaf}")),
        Row::file("encrypted PKCS#8", format!("{encrypted}{leaf}")),
        Row::file("a plain key, then an encrypted one", format!("{key}{encrypted}{leaf}")),
        Row::file("an encrypted key, then a plain one", format!("{encrypted}{key}{leaf}")),
    ]
}

fn wrong(originals: &Originals) -> Vec<Row> {
    let Originals { openssl, leaf, key, mid, .. } = originals;
    let trusted = openssl.text("x509 -in leaf.pem -trustout -addtrust serverAuth");
    openssl.run("x509 -req -in leaf.csr -signkey leaf.key -days 30 -out v1.pem");
    openssl.run("req -x509 -key leaf.key -days 30 -subj /CN=a.example -out own-ca.pem");
    openssl.run(
        "req -x509 -key leaf.key -days 30 -subj /CN=ip -addext subjectAltName=IP:10.0.0.1 -out ip.pem",
    );
    let pkcs7 = openssl.text("crl2pkcs7 -nocrl -certfile leaf.pem");
    let der = openssl.run("x509 -in leaf.pem -outform DER");
    let public = openssl.text("pkey -in leaf.key -pubout");
    let parameters = String::from_utf8(openssl.filter("dhparam -dsaparam 512", "")).unwrap();
    let csr = originals.read("leaf.csr");
    let pkcs12 = std::fs::read(originals.files.place("both.p12")).unwrap();
    vec![
        Row::file("the server as TRUSTED CERTIFICATE", format!("{trusted}{mid}{key}")),
        Row::file("version 1", originals.read("v1.pem") + key),
        Row::file("what openssl req -x509 makes", originals.read("own-ca.pem") + key),
        Row::file("for an address alone", originals.read("ip.pem") + key),
        Row::file("the key of another certificate", format!("{leaf}{}", originals.read("ca.key"))),
        Row::file("a request for the certificate", format!("{csr}{key}")),
        Row::file("PKCS#7 for the certificate", format!("{pkcs7}{key}")),
        Row::file("PKCS#12", pkcs12),
        Row::file("DER", der),
        Row::file("a public key for the key", format!("{leaf}{public}")),
        Row::file("parameters of Diffie-Hellman", format!("{parameters}{leaf}{key}")),
        Row::file("no key", leaf.clone()),
        Row::file("no certificate", key.clone()),
        Row::file("empty", ""),
    ]
}

fn broken(originals: &Originals) -> Vec<Row> {
    let Originals { mid, leaf, key, .. } = originals;
    let whole = format!("{leaf}{mid}{key}");
    let utf16: Vec<u8> =
        [0xfeff].into_iter().chain(whole.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let half = &whole[..whole.len() / 2];
    let end = "-----END CERTIFICATE-----";
    let other_end = leaf.replace(end, "-----END PRIVATE KEY-----");
    // 121 bytes, which need padding.
    let unpadded = originals.openssl.text("ec -in leaf.key").replace('=', "");
    vec![
        Row::file("the server's block torn", format!("{key}{}{mid}", torn(leaf))),
        Row::file("a block of the chain torn", format!("{key}{leaf}{}", torn(mid))),
        Row::file("the key torn", format!("{leaf}{}", torn(key))),
        Row::file("a block of the chain without an end", format!("{key}{leaf}{}", endless(mid))),
        Row::file("a block without an end before another", format!("{key}{}{mid}", endless(leaf))),
        Row::file("a block that ends as another", format!("{key}{other_end}{mid}")),
        Row::file("cut in the middle", half.to_owned()),
        Row::file("base64 without its padding", format!("{leaf}{unpadded}")),
        Row::file("UTF-16", utf16),
        Row::file("four dashes", format!("{key}{}", leaf.replace("-----", "----"))),
        Row::file(
            "four dashes in the chain",
            format!("{key}{leaf}{}", mid.replace("-----", "----")),
        ),
        Row::file("labels in small letters", whole.to_lowercase()),
    ]
}
