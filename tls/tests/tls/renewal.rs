//! Certificates that change in their files while a server runs.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use endpoints::Registry;
use interfaces::{StreamClientEndpoint, StreamServerEndpoint};
use protocol::factory_fn;
use protocol::testing::{Record, Recorder};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, Error};
use testkit::result_of;

use crate::certificates::{Authority, Identity, VERSIONS};
use crate::machine::{Files, Machine};
use crate::talk::rustls_error;
use crate::tls::{Renewal, RenewalFault, ServerSettings, TlsClientEndpoint, TlsStrings};

/// The time between two looks at the files.
const INTERVAL: Duration = Duration::from_secs(10);

/// Renewals of the test under load; see [`renewals_under_load`].
const RENEWALS: usize = 334;

const NAME: &str = "a.example";

/// A server whose files change, with a client that trusts its authority.
struct Site {
    files: Files,
    authority: Authority,
    machine: Machine,
    told: Rc<RefCell<Vec<Renewal>>>,
}

impl Site {
    fn new() -> Self {
        let (files, authority) = (Files::new(), Authority::new());
        Self { files, authority, machine: Machine::new(), told: Rc::default() }
    }

    /// Listens as the string says.
    fn serve(&self, text: &str) -> Rc<dyn interfaces::ListeningPort> {
        let told = self.told.clone();
        let strings = TlsStrings::new()
            .with_renewal_observer(move |renewal| told.borrow_mut().push(renewal.clone()));
        let registry = strings.register(Registry::new(), self.machine.clone());
        let factory = factory_fn(|_| {
            Recorder::new(&Record::new()).on_data(|transport, data| transport.write(data))
        });
        let endpoint = registry.server(text).unwrap();
        result_of(endpoint.listen(factory)).unwrap()
    }

    /// What a client gets that asks for this name, and resumes nothing.
    fn call(&self, name: &str) -> Record {
        let mut config = self.authority.client(VERSIONS[0]);
        config.resumption = Resumption::disabled();
        let record = Record::new();
        let greeter = Recorder::new(&record).on_made(|transport| transport.write(b"hello"));
        let (below, time) = (self.machine.network.client("443"), self.machine.clone());
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let endpoint = TlsClientEndpoint::new(Arc::new(config), name, below, time);
        drop(endpoint.connect(crate::talk::once(greeter)));
        self.machine.network.flush();
        record
    }

    /// The certificate that a client gets; the handshake has to succeed.
    fn shown(&self, name: &str) -> Vec<u8> {
        let record = self.call(name);
        assert_eq!(record.received(), b"hello", "{name}: {:?}", record.lost());
        let shown = record.transport().as_tls().unwrap().peer_certificates()[0].clone();
        record.transport().abort_connection();
        self.machine.network.flush();
        shown
    }

    /// Two looks at the files, so that a change counts.
    fn settle(&self) {
        self.machine.clock.advance(INTERVAL);
        self.machine.clock.advance(INTERVAL);
    }

    fn refusals(&self) -> Vec<String> {
        self.told
            .take()
            .into_iter()
            .map(|renewal| match renewal {
                Renewal::Refused(_) => renewal.to_string(),
                other => panic!("{other}"),
            })
            .collect()
    }

    fn both(&self, identity: &Identity) -> String {
        identity.key_pem() + &identity.certificate_pem
    }
}

#[test]
fn a_changed_pair_is_shown_after_two_looks_and_told_with_its_certificate() {
    let site = Site::new();
    let (first, second) = (site.authority.identity(NAME), site.authority.identity(NAME));
    let pem = site.files.write("own.pem", &site.both(&first));
    let _port = site.serve(&format!("ssl:443:{pem}"));
    site.settle();
    assert!(site.told.borrow().is_empty(), "nothing has changed");
    site.files.write("own.pem", &site.both(&second));
    site.machine.clock.advance(INTERVAL);
    assert_eq!(site.shown(NAME), first.certificate.to_vec(), "it may still be being written");
    site.machine.clock.advance(INTERVAL);
    assert_eq!(site.shown(NAME), second.certificate.to_vec());
    let told = site.told.take();
    let [Renewal::Renewed { path, certificates }] = &*told else { panic!("{told:?}") };
    assert_eq!((path, certificates.len()), (&site.files.place("own.pem"), 1));
    assert!(told[0].to_string().contains("were renewed: `CN="), "{}", told[0]);
}

#[test]
fn reload_sets_the_interval_and_0_looks_at_nothing() {
    for (reload, looks) in [("2", 2), ("0", 0)] {
        let site = Site::new();
        let pem = site.files.write("own.pem", &site.both(&site.authority.identity(NAME)));
        let _port = site.serve(&format!("ssl:443:{pem}:reload={reload}"));
        let second = site.authority.identity(NAME);
        site.files.write("own.pem", &site.both(&second));
        (0..2).for_each(|_| site.machine.clock.advance(Duration::from_secs(2)));
        assert_eq!(site.shown(NAME) == second.certificate.to_vec(), looks > 0, "{reload}");
    }
}

#[test]
fn files_that_are_wrong_are_told_once_and_the_old_pair_is_kept_until_they_are_right() {
    let site = Site::new();
    let (first, other) = (site.authority.identity(NAME), site.authority.identity(NAME));
    let pem = site.files.write("own.pem", &site.both(&first));
    let _port = site.serve(&format!("ssl:443:{pem}"));
    let expired = site.authority.expired(NAME);
    let key = first.key_pem();
    for (content, words) in [
        (String::new(), "no private key in the file"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA".into(), "own.pem"),
        (key.clone(), "no certificate in the file"),
        (key + &other.certificate_pem, "does not match the certificate"),
        (site.both(&expired), "is not valid now: `CN="),
    ] {
        site.files.write("own.pem", &content);
        site.settle();
        site.settle();
        let told = site.refusals();
        assert_eq!(told.len(), 1, "{words}: {told:?}");
        assert!(told[0].contains(words) && told[0].contains("are kept: "), "{}", told[0]);
        assert_eq!(site.shown(NAME), first.certificate.to_vec(), "{words}");
    }
    std::fs::remove_file(site.files.place("own.pem")).unwrap();
    site.settle();
    assert!(site.refusals()[0].contains("No such file"));
    site.files.write("own.pem", &site.both(&other));
    site.settle();
    assert!(matches!(site.told.take()[..], [Renewal::Renewed { .. }]));
    assert_eq!(site.shown(NAME), other.certificate.to_vec());
}

#[test]
fn a_certificate_that_loses_its_authorities_is_not_shown() {
    let site = Site::new();
    let below = site.authority.intermediate("below");
    let (first, second) = (below.identity(NAME), below.identity(NAME));
    let pem = site.files.write("own.pem", &(site.both(&first) + below.pem()));
    let _port = site.serve(&format!("ssl:443:{pem}"));
    site.files.write("own.pem", &site.both(&second));
    site.settle();
    let told = site.told.take();
    let [Renewal::Refused(error)] = &*told else { panic!("{told:?}") };
    assert!(matches!(error.fault, RenewalFault::WithoutChain(_)));
    assert_eq!(site.shown(NAME), first.certificate.to_vec());
    site.files.write("own.pem", &(site.both(&second) + below.pem()));
    site.settle();
    assert_eq!(site.shown(NAME), second.certificate.to_vec());
}

#[test]
fn a_certificate_put_into_a_directory_is_served_between_two_connections_and_one_taken_out_is_not() {
    let site = Site::new();
    let (first, second) = (site.authority.identity(NAME), site.authority.identity("b.example"));
    site.files.write("pems/a.pem", &site.both(&first));
    let _port = site.serve(&format!("tls:{}:443", site.files.path("pems")));
    let unknown = Error::AlertReceived(AlertDescription::UnrecognisedName);
    assert_eq!(rustls_error(site.call("b.example").lost()), unknown);
    site.files.write("pems/b.pem", &site.both(&second));
    site.settle();
    assert_eq!(site.shown("b.example"), second.certificate.to_vec());
    assert_eq!(site.shown(NAME), first.certificate.to_vec());
    std::fs::remove_file(site.files.place("pems/b.pem")).unwrap();
    site.settle();
    assert_eq!(rustls_error(site.call("b.example").lost()), unknown);
    assert!(site.told.take().iter().all(|told| matches!(told, Renewal::Renewed { .. })));
}

#[test]
fn the_certificate_for_clients_without_a_name_is_renewed_like_the_others() {
    let site = Site::new();
    let (first, second) = (site.authority.identity(NAME), site.authority.identity(NAME));
    site.files.write("pems/a.pem", &site.both(&first));
    let _port = site.serve(&format!("tls:{}:443", site.files.path("pems")));
    let nameless = || {
        let record = site.machine.call("ssl:127.0.0.1:443:verify=danger-none").unwrap();
        record.transport().as_tls().unwrap().peer_certificates()[0].clone()
    };
    assert_eq!(nameless(), first.certificate.to_vec());
    site.files.write("pems/a.pem", &site.both(&second));
    site.settle();
    assert_eq!(nameless(), second.certificate.to_vec());
}

#[test]
fn half_a_pair_in_a_directory_takes_no_name_away() {
    let site = Site::new();
    let (first, second) = (site.authority.identity(NAME), site.authority.identity(NAME));
    site.files.write("pems/key.pem", &first.key_pem());
    site.files.write("pems/own.pem", &first.certificate_pem);
    site.files.write("pems/z.pem", &site.both(&site.authority.identity("z.example")));
    let _port = site.serve(&format!("tls:{}:443", site.files.path("pems")));
    for (file, content) in
        [("key.pem", second.key_pem()), ("key.pem", String::new()), ("own.pem", String::new())]
    {
        site.files.write(&format!("pems/{file}"), &content);
        site.settle();
        // The same refusal twice is told once.
        let told = site.refusals();
        assert!(told.iter().all(|told| told.contains("expected both")), "{file}: {told:?}");
        assert_eq!(site.shown(NAME), first.certificate.to_vec(), "{file}");
    }
    site.files.write("pems/key.pem", &second.key_pem());
    site.files.write("pems/own.pem", &second.certificate_pem);
    site.settle();
    assert_eq!(site.shown(NAME), second.certificate.to_vec());
}

#[test]
fn the_looks_end_with_the_port() {
    let site = Site::new();
    let pem = site.files.write("own.pem", &site.both(&site.authority.identity(NAME)));
    let port = site.serve(&format!("ssl:443:{pem}"));
    assert_eq!(site.machine.clock.pending(), 1);
    drop(port.stop_listening());
    drop(port);
    site.machine.network.flush();
    assert_eq!(site.machine.clock.pending(), 0);
}

#[test]
fn renew_reads_at_once_what_the_operator_is_done_with() {
    let site = Site::new();
    let (first, second) = (site.authority.identity(NAME), site.authority.identity(NAME));
    site.files.write("own.pem", &site.both(&first));
    let path = site.files.place("own.pem");
    let settings = ServerSettings::new(&path, &path);
    let provider = Arc::new(crate::tls::default_provider());
    let (_config, renewal) = settings.renewable_config(&provider, None, &|_| {}).unwrap();
    assert!(matches!(&*renewal.renew(), [Renewal::Unchanged { .. }]));
    site.files.write("own.pem", &first.key_pem());
    for _ in 0..2 {
        assert!(
            matches!(&*renewal.renew(), [Renewal::Refused(_)]),
            "it is told whenever it is asked"
        );
    }
    site.files.write("own.pem", &site.both(&second));
    assert!(matches!(&*renewal.renew(), [Renewal::Renewed { .. }]));
}

/// A way to put a pair in its files, in steps between which everything may happen.
type Steps = Vec<(&'static str, String)>;

/// The steps of one renewal: the key or the certificate first, whole or by halves, in two files or in one.
fn steps(number: usize, is_one_file: bool, identity: &Identity) -> Steps {
    let (key, certificate) = (identity.key_pem(), identity.certificate_pem.clone());
    let (parts, halved) = match (is_one_file, number.is_multiple_of(2)) {
        (true, _) => (vec![("own.pem", key + &certificate)], number % 4 < 2),
        (false, true) => (vec![("key.pem", key), ("own.pem", certificate)], number % 4 < 2),
        (false, false) => (vec![("own.pem", certificate), ("key.pem", key)], number % 4 < 2),
    };
    let mut steps = Steps::new();
    for (file, content) in parts {
        if halved {
            // Every place of the text is the end of a half some time.
            let half = number * 37 % content.len();
            steps.push((file, content[..half].to_owned()));
        }
        steps.push((file, content));
    }
    steps
}

/// Writes into the file itself, or puts another one in its place.
fn put(path: &Path, content: &str, in_place: bool) {
    if in_place {
        return std::fs::write(path, content).unwrap();
    }
    let beside = path.with_extension("new");
    std::fs::write(&beside, content).unwrap();
    std::fs::rename(beside, path).unwrap();
}

/// Renews again and again while clients come, at each step with none, one or many looks at the files. Every
/// handshake has to succeed, with the old pair or the new one.
fn renewals_under_load(text: &str, is_one_file: bool) {
    let site = Site::new();
    let mut own = site.authority.identity(NAME);
    for (file, content) in steps(3, is_one_file, &own) {
        site.files.write(&format!("pems/{file}"), &content);
    }
    let path = |name: &str| site.files.path(&format!("pems/{name}"));
    let text = text.replace("{dir}", &site.files.path("pems"));
    let text = text.replace("{key}", &path("key.pem")).replace("{own}", &path("own.pem"));
    let _port = site.serve(&text);
    for number in 0..RENEWALS {
        let next = site.authority.identity(NAME);
        for (file, content) in steps(number, is_one_file, &next) {
            let place = site.files.place(&format!("pems/{file}"));
            put(&place, &content, number % 3 > 0);
            (0..number % 5).for_each(|_| site.machine.clock.advance(INTERVAL));
            let shown = site.shown(NAME);
            let (old, new) = (&own.certificate, &next.certificate);
            assert!(shown == old.to_vec() || shown == new.to_vec(), "{number}: {file}");
        }
        site.settle();
        assert_eq!(site.shown(NAME), next.certificate.to_vec(), "{number}");
        own = next;
    }
}

#[test]
fn renewals_of_two_files_under_load_fail_no_handshake() {
    renewals_under_load("ssl:443:{key}:{own}", false);
}

#[test]
fn renewals_of_a_directory_under_load_fail_no_handshake() {
    renewals_under_load("tls:{dir}:443", false);
}

#[test]
fn renewals_of_one_file_under_load_fail_no_handshake() {
    renewals_under_load("tls:{dir}:443", true);
}
