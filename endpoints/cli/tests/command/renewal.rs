//! Certificates that change while the command runs, seen by `openssl s_client`.

use std::path::Path;

use tempfile::TempDir;
use testkit::find_peer;

use crate::certificates::Certificate;
use crate::running::{Running, eventually, ropewalk, ropewalk_with, run};

/// A pair for `localhost` with this common name, in one file.
fn write_pair(path: &Path, common_name: &str) {
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(path, key.serialize_pem() + &certificate.pem()).unwrap();
}

/// What `openssl s_client` says of a connection with this server name.
fn asked(address: &str, name: &str) -> String {
    let mut command = find_peer("openssl").unwrap();
    command.args(["s_client", "-connect", address, "-servername", name]);
    let ended = run(command, "");
    String::from_utf8_lossy(&ended.output).into_owned() + &ended.errors
}

#[test]
fn sighup_reads_the_certificates_again_for_all_workers() {
    if find_peer("openssl").is_none() {
        return;
    }
    let directory = TempDir::new().unwrap();
    let pem = directory.path().join("own.pem");
    for (kind, place) in [("ssl:0", &pem), ("tls", &directory.path().to_path_buf())] {
        write_pair(&pem, "the first");
        let place = place.display();
        let text = match kind {
            "tls" => format!("tls:{place}:0:interface=127.0.0.1:reload=0"),
            _ => format!("ssl:0:{place}:interface=127.0.0.1:reload=0"),
        };
        let mut server = Running::ropewalk(&["serve", "echo", &text, "--workers", "2"]);
        let address = server.listening();
        assert!(asked(&address, "localhost").contains("the first"), "{kind}");
        write_pair(&pem, "the second");
        assert!(asked(&address, "localhost").contains("the first"), "{kind}");
        server.signal("HUP");
        eventually("the renewed certificate", || {
            asked(&address, "localhost").contains("the second")
        });
        std::fs::write(&pem, "").unwrap();
        server.signal("HUP");
        // The line is written before the next handshake is taken.
        for _ in 0..4 {
            assert!(asked(&address, "localhost").contains("the second"), "{kind}");
        }
        let ended = server.terminate();
        assert_eq!(ended.code, Some(0));
        assert!(ended.errors.contains("were renewed: `CN=the second`"), "{}", ended.errors);
        assert!(ended.errors.contains("and those from before are kept"), "{}", ended.errors);
    }
}

/// The authorities that a relay trusts at its back end.
#[test]
fn sighup_reads_the_authorities_of_back_ends_again() {
    let (shown, other) = (Certificate::new(), Certificate::new());
    let mut back_end = Running::ropewalk(&["serve", "echo", &shown.server()]);
    let to = other.client(&back_end.listening()) + ":reload=0";
    let mut relay = Running::ropewalk(&["relay", "tcp:0:interface=127.0.0.1", &to]);
    let address = relay.listening();
    let echoed = || {
        let ended = ropewalk_with(&["pipe", &format!("tcp:{address}")], b"hello".into());
        ended.output == b"hello"
    };
    assert!(!echoed());
    std::fs::copy(shown.certificate(), other.certificate()).unwrap();
    assert!(!echoed());
    relay.signal("HUP");
    eventually("the renewed authority", echoed);
    std::fs::write(other.certificate(), "").unwrap();
    relay.signal("HUP");
    // The line is written before the next connection is taken.
    assert!(echoed() && echoed());
    let ended = relay.terminate();
    assert_eq!(ended.code, Some(0));
    assert!(ended.errors.contains("were renewed: "), "{}", ended.errors);
    assert!(ended.errors.contains("and those from before are kept"), "{}", ended.errors);
    assert_eq!(back_end.terminate().code, Some(0));
}

#[test]
fn changed_certificates_are_noticed_without_a_signal() {
    if find_peer("openssl").is_none() {
        return;
    }
    let directory = TempDir::new().unwrap();
    let pem = directory.path().join("own.pem");
    write_pair(&pem, "the first");
    let text = format!("ssl:0:{}:interface=127.0.0.1:reload=100ms", pem.display());
    let mut server = Running::ropewalk(&["relay", &text, "tcp:127.0.0.1:9"]);
    let address = server.listening();
    write_pair(&pem, "the second");
    eventually("the renewed certificate", || asked(&address, "localhost").contains("the second"));
    assert_eq!(server.terminate().code, Some(0));
}

#[test]
fn an_unknown_name_gets_alert_112_and_a_dot_at_the_end_makes_no_difference() {
    if find_peer("openssl").is_none() {
        return;
    }
    let directory = TempDir::new().unwrap();
    write_pair(&directory.path().join("own.pem"), "the own");
    let text = format!("tls:{}:0:interface=127.0.0.1", directory.path().display());
    let mut server = Running::ropewalk(&["serve", "echo", &text]);
    let address = server.listening();
    for name in ["localhost", "localhost.", "LOCALHOST", "LocalHost."] {
        assert!(asked(&address, name).contains("the own"), "{name}");
    }
    let unknown = asked(&address, "unknown.example");
    assert!(unknown.contains("alert number 112"), "{unknown}");
    assert_eq!(server.terminate().code, Some(0));
}

/// Makes an authority, a pair of its own in `own.pem`, and the OCSP response for it in `own.der`, with openssl.
const MAKE_OCSP_RESPONSE: &str = r#"set -e
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority
openssl req -newkey rsa:2048 -nodes -keyout own.key -out own.csr -subj /CN=own
openssl x509 -req -in own.csr -CA ca.pem -CAkey ca.key -days 1 -set_serial 0x1234567890 -out own.crt
cat own.key own.crt > own.pem
printf 'V\t330101000000Z\t\t1234567890\tunknown\t/CN=own\n' > index.txt
openssl ocsp -issuer ca.pem -cert own.crt -no_nonce -reqout own.req
openssl ocsp -index index.txt -CA ca.pem -rsigner ca.pem -rkey ca.key -reqin own.req -respout own.der -ndays 1
"#;

#[test]
fn an_ocsp_response_is_stapled_and_one_for_another_certificate_refused() {
    if find_peer("openssl").is_none() {
        return;
    }
    let directory = TempDir::new().unwrap();
    let mut make = std::process::Command::new("sh");
    make.args(["-c", MAKE_OCSP_RESPONSE]).current_dir(directory.path());
    let made = run(make, "");
    assert_eq!(made.code, Some(0), "{}", made.errors);
    let place = directory.path().display();
    let text = format!("ssl:0:{place}/own.pem:interface=127.0.0.1:ocsp={place}/own.der");
    let mut server = Running::ropewalk(&["serve", "echo", &text]);
    let mut command = find_peer("openssl").unwrap();
    command.args(["s_client", "-status", "-connect", &server.listening()]);
    let asked = String::from_utf8_lossy(&run(command, "").output).into_owned();
    assert!(asked.contains("OCSP Response Status: successful"), "{asked}");
    assert_eq!(server.terminate().code, Some(0));
    write_pair(&directory.path().join("own.pem"), "another");
    let refused = ropewalk(&["serve", "echo", &text]);
    assert_eq!(refused.code, Some(69));
    assert!(refused.errors.contains("it is for another certificate"), "{}", refused.errors);
}

#[test]
fn a_folder_staples_the_response_beside_a_file_and_keeps_both_while_they_do_not_fit() {
    if find_peer("openssl").is_none() {
        return;
    }
    let (made_in, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut make = std::process::Command::new("sh");
    make.args(["-c", MAKE_OCSP_RESPONSE]).current_dir(made_in.path());
    let made = run(make, "");
    assert_eq!(made.code, Some(0), "{}", made.errors);
    let (pem, response) = (folder.path().join("own.pem"), folder.path().join("own.pem.ocsp"));
    std::fs::copy(made_in.path().join("own.pem"), &pem).unwrap();
    let text = format!("tls:{}:0:interface=127.0.0.1:reload=100ms", folder.path().display());
    let mut server = Running::ropewalk(&["serve", "echo", &text]);
    let address = server.listening();
    let is_stapled = || {
        let mut command = find_peer("openssl").unwrap();
        command.args(["s_client", "-status", "-noservername", "-connect", &address]);
        let told = String::from_utf8_lossy(&run(command, "").output).into_owned();
        assert!(told.contains("CN = own"), "{told}");
        told.contains("OCSP Response Status: successful")
    };
    assert!(!is_stapled());
    std::fs::copy(made_in.path().join("own.der"), &response).unwrap();
    eventually("the response is stapled", is_stapled);
    write_pair(&pem, "another");
    server.signal("HUP");
    // The line is written before the next handshake is taken.
    assert!(is_stapled(), "the old pair and its response are kept");
    std::fs::remove_file(&response).unwrap();
    eventually("the renewed certificate", || asked(&address, "localhost").contains("another"));
    let ended = server.terminate();
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.errors.contains("own.pem.ocsp` of `path`: it is for another certificate"),
        "{}",
        ended.errors
    );
}
