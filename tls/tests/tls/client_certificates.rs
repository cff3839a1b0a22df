//! Servers that ask their clients for certificates, by string.

use interfaces::PeerIdentity;
use rcgen::{DnType, SanType};
use rustls::{AlertDescription as Alert, Error};

use crate::certificates::{Authority, Identity, provider};
use crate::machine::{Files, Machine};
use crate::talk::{rustls_error, told};
use crate::tls::KeyPin;

/// Files of a server, and of clients of its authority.
struct Clients {
    files: Files,
    authority: Authority,
    pem: String,
    trusted: String,
}

impl Clients {
    fn new() -> Self {
        let (files, authority) = (Files::new(), Authority::new());
        let own = authority.identity("a.example");
        let pem = files.write("server.pem", &(own.key_pem() + &own.certificate_pem));
        let trusted = files.write("clients.pem", authority.pem());
        Self { files, authority, pem, trusted }
    }

    /// A client with this certificate, or with none: what it received, and how the server lost it.
    fn call(&self, options: &str, identity: Option<&Identity>) -> (Vec<u8>, Option<String>) {
        let mut outcomes = ["1.2", "1.3"].map(|version| {
            let machine = Machine::new();
            let (pem, trusted) = (&self.pem, &self.trusted);
            let text = format!("ssl:443:{pem}:clientCA={trusted}{options}");
            let server = machine.serve_recorded(&text).unwrap();
            let shown = identity.map_or_else(String::new, |own| {
                let both = own.key_pem() + &own.certificate_pem;
                format!(":certificate={}", self.files.write("client.pem", &both))
            });
            let text =
                format!("tls:a.example:443:trustRoots={trusted}:maxVersion={version}{shown}");
            let client = machine.call(&text).unwrap();
            if let Some(lost) = server.lost() {
                assert!(client.received().is_empty() && server.received().is_empty(), "{lost}");
                let alert = rustls_error(client.lost());
                assert!(matches!(alert, Error::AlertReceived(_)), "{alert}");
            }
            (client.received(), server.lost().map(|lost| told(Some(lost))))
        });
        assert_eq!(outcomes[0], outcomes[1], "with both versions");
        std::mem::take(&mut outcomes[0])
    }

    fn is_taken(&self, options: &str, identity: &Identity) -> bool {
        let (received, lost) = self.call(options, Some(identity));
        if let Some(lost) = &lost {
            let words = "none of its names, nor its key, is one of those that are let in";
            assert!(lost.contains(words), "{lost}");
        }
        received == b"hello"
    }
}

/// tlsverify-007, tlsverify-008
#[test]
fn a_client_of_a_trusted_authority_is_taken_and_one_of_another_is_refused_by_both_sides() {
    let clients = Clients::new();
    let known = clients.authority.identity("client.example");
    assert_eq!(clients.call("", Some(&known)), (b"hello".to_vec(), None));
    let stranger = Authority::named("another").identity("client.example");
    let (received, lost) = clients.call("", Some(&stranger));
    assert!(received.is_empty());
    let lost = lost.unwrap();
    assert!(
        lost.contains("the certificate of the client was refused: its authority `CN=another`"),
        "{lost}"
    );
}

/// tlsverify-035, tlsverify-036
#[test]
fn a_client_without_a_certificate_is_taken_where_one_is_wanted_and_refused_where_one_is_required() {
    let clients = Clients::new();
    assert_eq!(clients.call(":clientAuth=wanted", None), (b"hello".to_vec(), None));
    for required in ["", ":clientAuth=required"] {
        let (received, lost) = clients.call(required, None);
        assert!(received.is_empty());
        let lost = lost.unwrap();
        assert!(lost.contains("the peer has to show a certificate, and showed none"), "{lost}");
    }
    let stranger = Authority::named("another").identity("client.example");
    let (received, _) = clients.call(":clientAuth=wanted", Some(&stranger));
    assert!(received.is_empty(), "a wrong one is refused where one is wanted");
}

#[test]
fn of_the_clients_of_an_authority_those_are_taken_that_a_name_or_a_key_is_given_of() {
    let clients = Clients::new();
    let alice = clients.authority.changed("Alice.example", |params| {
        params.distinguished_name.push(DnType::CommonName, "alice");
        let uri = "spiffe://example.org/alice".try_into().unwrap();
        params.subject_alt_names.push(SanType::URI(uri));
    });
    let pin = KeyPin::of(&alice.certificate, &provider()).unwrap();
    for (options, is_taken) in [
        (":clientCN=alice".to_owned(), true),
        (":clientCN=bob,alice".to_owned(), true),
        (":clientCN=bob".to_owned(), false),
        (":clientCN=Alice".to_owned(), false),
        (":clientDNS=alice.example".to_owned(), true),
        (":clientDNS=ALICE.example".to_owned(), true),
        (":clientDNS=bob.example".to_owned(), false),
        (":clientCN=bob:clientDNS=alice.example".to_owned(), true),
        (":clientURI=spiffe\\://example.org/alice".to_owned(), true),
        (":clientURI=spiffe\\://example.org/bob".to_owned(), false),
        (format!(":clientPin={pin}"), true),
        (format!(":clientPin={}", "0".repeat(64)), false),
        (format!(":clientCN=bob:clientPin={pin}"), true),
    ] {
        assert_eq!(clients.is_taken(&options, &alice), is_taken, "{options}");
    }
    // A common name is none of the others, nor the other way round.
    for options in [":clientDNS=alice", ":clientCN=alice.example", ":clientURI=alice"] {
        assert!(!clients.is_taken(options, &alice), "{options}");
    }
}

#[test]
fn the_protocol_is_told_who_its_client_is_and_what_is_shown_of_it_is_one_line() {
    let clients = Clients::new();
    let machine = Machine::new();
    let (pem, trusted) = (&clients.pem, &clients.trusted);
    let server = machine.serve_recorded(&format!("ssl:443:{pem}:clientCA={trusted}")).unwrap();
    let own = clients.authority.changed("Alice.example", |params| {
        params.distinguished_name.push(DnType::CommonName, "alice\nCN `root`");
        let uri = "spiffe://example.org/alice".try_into().unwrap();
        params.subject_alt_names.push(SanType::URI(uri));
    });
    let client = clients.files.write("client.pem", &(own.key_pem() + &own.certificate_pem));
    let text = format!("tls:a.example:443:trustRoots={trusted}:certificate={client}");
    let called = machine.call(&text).unwrap();
    let identity = server.transport().query::<PeerIdentity>().unwrap();
    assert_eq!(identity.common_name.as_deref(), Some("alice\nCN `root`"));
    assert_eq!(identity.dns_names, ["alice.example"]);
    assert_eq!(identity.uris, ["spiffe://example.org/alice"]);
    let shown = identity.to_string();
    let front =
        r"CN `alice\nCN `root``, DNS `alice.example`, URI `spiffe://example.org/alice`, sha256:";
    assert!(shown.starts_with(front) && shown.lines().count() == 1, "{shown}");
    // Of the server the client knows as much.
    let of_server = called.transport().query::<PeerIdentity>().unwrap();
    assert_eq!(of_server.dns_names, ["a.example"]);
    assert_ne!(of_server.fingerprint, identity.fingerprint);
}

#[test]
fn a_refused_client_is_told_by_an_alert_of_its_kind() {
    let clients = Clients::new();
    let machine = Machine::new();
    let (pem, trusted) = (&clients.pem, &clients.trusted);
    machine.serve(&format!("ssl:443:{pem}:clientCA={trusted}:clientCN=bob")).unwrap();
    let own = clients.authority.identity("client.example");
    let client = clients.files.write("client.pem", &(own.key_pem() + &own.certificate_pem));
    let text = format!("tls:a.example:443:trustRoots={trusted}:certificate={client}");
    let error = rustls_error(machine.call(&text).unwrap().lost());
    assert_eq!(error, Error::AlertReceived(Alert::AccessDenied));
}

#[test]
fn names_of_clients_need_an_authority_and_mistakes_are_told_at_their_place() {
    let machine = Machine::new();
    let registry = machine.registry();
    let told = |text: &str| match registry.parse_server(text) {
        Ok(parsed) => panic!("{}", parsed.description),
        Err(error) => format!("{}: {error}", error.offset()),
    };
    for (text, words) in [
        ("ssl:1:clientCN=bob", "15: `clientCN` is given without `clientCA`"),
        ("tls:/pems:clientAuth=wanted", "21: `clientAuth` is given without `clientCA`"),
        (
            "ssl:1:clientCA=d:clientAuth=maybe",
            "28: clientAuth `maybe` is not `required` or `wanted`",
        ),
        ("ssl:1:clientCA=d:clientCN=a,,b", "26: clientCN `a,,b` is not names with commas"),
        ("ssl:1:clientCA=d:clientPin=ab", "27: clientPin `ab` is not hashes of public keys"),
        ("ssl:1:clientCA=", "15: clientCA is empty"),
    ] {
        let told = told(text);
        assert!(told.starts_with(words), "{text}: {told}");
    }
}
