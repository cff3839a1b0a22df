//! Files of clients that change while a program runs: a server's authorities, and a client's own certificate.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use endpoints::Registry;
use interfaces::{PeerIdentity, StreamClientEndpoint, StreamServerEndpoint as _};
use protocol::factory_fn;
use protocol::testing::{Record, Recorder};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription as Alert, ClientConfig, Error, SignatureScheme};
use testkit::result_of;

use crate::certificates::{Authority, Identity, VERSIONS, chosen};
use crate::machine::{Files, Machine};
use crate::talk::{once, rustls_error};
use crate::tls::{
    ClientAuthentication, Renewal, ServerSettings, SharedConfigs, TlsClientEndpoint, TlsStrings,
    default_provider,
};

/// The time between two looks at the files.
const INTERVAL: Duration = Duration::from_secs(10);
const NAME: &str = "a.example";

/// A machine with a server of one authority, and clients of others.
struct Site {
    machine: Machine,
    files: Files,
    authority: Authority,
    told: Rc<RefCell<Vec<Renewal>>>,
    shared: SharedConfigs,
    /// The names of the last client.
    seen: Rc<RefCell<Option<PeerIdentity>>>,
}

impl Site {
    fn new() -> Self {
        let (machine, files, authority) = (Machine::new(), Files::new(), Authority::new());
        let own = authority.identity(NAME);
        files.write("own.pem", &both(&own));
        files.write("authority.pem", authority.pem());
        let (told, shared, seen) = Default::default();
        Self { machine, files, authority, told, shared, seen }
    }

    fn registry(&self) -> Registry {
        let told = self.told.clone();
        let strings = TlsStrings::new()
            .with_shared(&self.shared)
            .with_renewal_observer(move |renewal| told.borrow_mut().push(renewal.clone()));
        strings.register(Registry::new(), self.machine.clone())
    }

    /// A server of clients whose authorities are in `clients.pem`.
    fn serve(&self, options: &str) -> Rc<dyn interfaces::ListeningPort> {
        let [own, clients] = ["own.pem", "clients.pem"].map(|name| self.files.path(name));
        let text = format!("ssl:443:{own}:clientCA={clients}{options}");
        let seen = self.seen.clone();
        let factory = factory_fn(move |_| {
            let seen = seen.clone();
            Recorder::new(&Record::new()).on_data(move |transport, data| {
                seen.replace(transport.query());
                transport.write(data);
            })
        });
        result_of(self.registry().server(&text).unwrap().listen(factory)).unwrap()
    }

    /// A client that shows the pair in `client.pem`, and keeps its sessions.
    fn client(&self, options: &str) -> Rc<dyn StreamClientEndpoint> {
        let [trusted, pair] = ["authority.pem", "client.pem"].map(|name| self.files.path(name));
        let text = format!("tls:{NAME}:443:trustRoots={trusted}:certificate={pair}{options}");
        self.registry().client(&text).unwrap()
    }

    /// Says hello, and returns what came of it.
    fn call(&self, client: &dyn StreamClientEndpoint) -> Record {
        let record = Record::new();
        let greeter = Recorder::new(&record).on_made(|transport| transport.write(b"hello"));
        drop(client.connect(once(greeter)));
        self.machine.network.flush();
        record
    }

    /// Whether the server takes the client; a refused one is told by an alert.
    fn takes(&self, client: &dyn StreamClientEndpoint) -> bool {
        let record = self.call(client);
        match record.lost() {
            None => {
                assert_eq!(record.received(), b"hello");
                record.transport().lose_connection();
                self.machine.network.flush();
                true
            }
            lost => {
                assert_eq!(rustls_error(lost), Error::AlertReceived(Alert::UnknownCA));
                false
            }
        }
    }

    /// Two looks at the files, so that a change counts.
    fn settle(&self) {
        self.machine.clock.advance(INTERVAL);
        self.machine.clock.advance(INTERVAL);
    }

    fn told(&self) -> Vec<String> {
        self.told.take().iter().map(ToString::to_string).collect()
    }
}

fn both(identity: &Identity) -> String {
    identity.key_pem() + &identity.certificate_pem
}

#[test]
fn a_changed_authority_lets_its_clients_in_and_those_of_the_old_one_out_resumed_or_not() {
    for version in ["1.2", "1.3"] {
        let site = Site::new();
        let [old, new] = ["old", "new"].map(Authority::named);
        site.files.write("clients.pem", old.pem());
        site.files.write("client.pem", &both(&old.identity("old.example")));
        let _port = site.serve("");
        let of_old = site.client(&format!(":maxVersion={version}"));
        // The second one resumes the session of the first.
        assert!(site.takes(&*of_old) && site.takes(&*of_old));
        site.files.write("client.pem", &both(&new.identity("new.example")));
        let of_new = site.client(&format!(":maxVersion={version}:alpn=x"));
        assert!(!site.takes(&*of_new));

        site.files.write("clients.pem", new.pem());
        site.settle();
        let told = site.told();
        assert!(told.len() == 1 && told[0].contains("were renewed: `CN=new`"), "{told:?}");
        assert!(!site.takes(&*of_old), "{version}: a session from before is resumed");
        assert!(site.takes(&*of_new));
        assert!(site.takes(&*of_new));
    }
}

#[test]
fn authorities_that_cannot_be_used_are_told_once_and_those_from_before_are_kept() {
    let site = Site::new();
    let old = Authority::named("old");
    site.files.write("clients.pem", old.pem());
    site.files.write("client.pem", &both(&old.identity("old.example")));
    let _port = site.serve(":clientAuth=wanted");
    let client = site.client(":tickets=no");
    for content in ["", &old.pem()[..200]] {
        site.files.write("clients.pem", content);
        site.settle();
        site.settle();
        let told = site.told();
        assert!(told.len() == 1 && told[0].contains("those from before are kept"), "{told:?}");
        assert!(told[0].contains("clients.pem"), "{told:?}");
        assert!(site.takes(&*client));
    }
    site.files.write("clients.pem", old.pem());
    site.settle();
    assert!(site.takes(&*client));
}

/// A bundle is no worse for a block that was never read, and is not used where another one is torn since.
#[test]
fn a_bundle_that_was_torn_since_is_refused_and_one_that_always_was_is_renewed() {
    let site = Site::new();
    let [old, new, more] = ["old", "new", "more"].map(Authority::named);
    let torn = &old.pem()[..old.pem().len() / 2];
    site.files.write("clients.pem", &format!("{}{}", old.pem(), new.pem()));
    site.files.write("client.pem", &both(&new.identity("new.example")));
    let _port = site.serve("");
    let client = site.client(":tickets=no");
    let cut = new.pem().len() / 2;
    site.files.write("clients.pem", &format!("{}{}", old.pem(), &new.pem()[..cut]));
    site.settle();
    let told = site.told();
    assert!(told.len() == 1 && told[0].contains("has no end"), "{told:?}");
    assert!(site.takes(&*client), "those from before are kept");

    let site = Site::new();
    site.files.write("clients.pem", &format!("{}{torn}", old.pem()));
    site.files.write("client.pem", &both(&more.identity("more.example")));
    let _port = site.serve("");
    let client = site.client(":tickets=no");
    assert!(!site.takes(&*client));
    site.files.write("clients.pem", &format!("{}{torn}", more.pem()));
    site.settle();
    assert!(site.takes(&*client), "{:?}", site.told());
}

/// Notes the names of authorities that a server sends, and shows nothing.
#[derive(Debug, Default)]
struct Hints(Mutex<Vec<Vec<u8>>>);

impl ResolvesClientCert for Hints {
    fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        *self.0.lock().unwrap() = hints.iter().map(|hint| hint.to_vec()).collect();
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn the_names_of_the_authorities_that_clients_are_told_change_with_them() {
    let site = Site::new();
    let authorities = ["one", "two", "one"].map(Authority::named);
    site.files.write("clients.pem", authorities[0].pem());
    let _port = site.serve(":clientAuth=wanted");
    let hints = Arc::new(Hints::default());
    let config = ClientConfig::builder_with_provider(Arc::new(chosen::default_provider()))
        .with_protocol_versions(&[VERSIONS[0]])
        .unwrap()
        .with_root_certificates(site.authority.roots())
        .with_client_cert_resolver(hints.clone());
    let (below, time) = (site.machine.network.client("443"), site.machine.clone());
    let name = ServerName::try_from(NAME).unwrap();
    let client = TlsClientEndpoint::new(Arc::new(config), name, below, time);
    for (authority, common_name) in authorities.iter().zip(["one", "two", "one"]) {
        site.files.write("clients.pem", authority.pem());
        site.settle();
        for _ in 0..2 {
            assert_eq!(site.call(&client).received(), b"hello");
            let [hint] = &hints.0.lock().unwrap()[..] else { panic!("{hints:?}") };
            assert!(hint.ends_with(common_name.as_bytes()), "{hint:?}");
        }
    }
}

#[test]
fn a_client_shows_its_changed_certificate_from_then_on_and_not_a_session_of_the_old_one() {
    for version in ["1.2", "1.3"] {
        let site = Site::new();
        let clients = Authority::named("clients");
        site.files.write("clients.pem", clients.pem());
        site.files.write("client.pem", &both(&clients.identity("first.example")));
        let _port = site.serve("");
        let client = site.client(&format!(":maxVersion={version}"));
        let shown = || {
            assert!(site.takes(&*client));
            site.seen.take().unwrap().dns_names.remove(0)
        };
        assert_eq!([shown(), shown()], ["first.example", "first.example"]);
        site.files.write("client.pem", &both(&clients.identity("second.example")));
        assert_eq!(shown(), "first.example", "the files are not looked at that often");
        site.machine.clock.advance(INTERVAL);
        assert_eq!(shown(), "first.example", "they may still be being written");
        site.machine.clock.advance(INTERVAL);
        assert_eq!(shown(), "second.example", "{version}");
        let told = site.told();
        assert!(told.len() == 1 && told[0].contains("client.pem` were renewed"), "{told:?}");

        // Files that are some seconds old are not being written any more.
        site.files.write("client.pem", &both(&clients.identity("third.example")));
        let file = std::fs::File::options().write(true).open(site.files.place("client.pem"));
        file.unwrap().set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        site.machine.clock.advance(INTERVAL);
        assert_eq!(shown(), "third.example", "{version}");
    }
}

#[test]
fn a_clients_certificate_that_cannot_be_used_is_told_and_the_old_one_is_shown() {
    let site = Site::new();
    let clients = Authority::named("clients");
    site.files.write("clients.pem", clients.pem());
    let first = clients.identity("first.example");
    site.files.write("client.pem", &both(&first));
    let _port = site.serve("");
    let client = site.client("");
    assert!(site.takes(&*client));
    let other = clients.identity("other.example");
    let expired = clients.expired("first.example");
    for (content, words) in [
        (first.key_pem(), "no certificate"),
        (other.key_pem() + &first.certificate_pem, "does not match"),
        (both(&expired), "not valid now"),
    ] {
        site.files.write("client.pem", &content);
        for _ in 0..3 {
            site.machine.clock.advance(INTERVAL);
            assert!(site.takes(&*client));
        }
        let told = site.told();
        assert!(told.len() == 1 && told[0].contains(words), "{told:?}");
    }
}

#[test]
fn a_signal_reads_the_files_of_servers_and_clients_at_once() {
    let site = Site::new();
    let clients = Authority::named("clients");
    site.files.write("clients.pem", clients.pem());
    site.files.write("client.pem", &both(&clients.identity("first.example")));
    let _port = site.serve(":reload=0");
    let client = site.client(":reload=0");
    assert!(site.takes(&*client));
    let new = Authority::named("new");
    site.files.write("clients.pem", new.pem());
    site.files.write("client.pem", &both(&new.identity("second.example")));
    site.settle();
    assert!(site.takes(&*client), "nothing is looked at without the signal");
    let outcomes = site.shared.renew();
    let renewed = |renewal: &&Renewal| matches!(renewal, Renewal::Renewed { .. });
    assert_eq!((outcomes.len(), outcomes.iter().filter(renewed).count()), (4, 2), "{outcomes:?}");
    assert!(site.takes(&*client));
    assert_eq!(site.seen.take().unwrap().dns_names, ["second.example"]);
}

/// Without sealed tickets the sessions are stored.
#[test]
fn stored_sessions_end_with_the_authorities_of_their_clients_too() {
    let site = Site::new();
    let [old, new] = ["old", "new"].map(Authority::named);
    site.files.write("clients.pem", old.pem());
    site.files.write("client.pem", &both(&old.identity("old.example")));
    let [own, clients] = ["own.pem", "clients.pem"].map(|name| site.files.place(name));
    let settings =
        ServerSettings::new(&own, &own).with_clients(ClientAuthentication::required(clients));
    let provider = Arc::new(default_provider());
    let (config, renewal) = settings.renewable_config(&provider, None, &|_| {}).unwrap();
    let factory = factory_fn(|_| {
        Recorder::new(&Record::new()).on_data(|transport, data| transport.write(data))
    });
    let factory = crate::tls::wrap_server(Arc::new(config), factory, site.machine.clone());
    drop(site.machine.network.server("443").listen(factory));
    let client = site.client(":maxVersion=1.2");
    assert!(site.takes(&*client) && site.takes(&*client));
    site.files.write("clients.pem", new.pem());
    let outcomes = renewal.renew();
    assert!(matches!(&*outcomes, [Renewal::Unchanged { .. }, Renewal::Renewed { .. }]));
    assert!(!site.takes(&*client));
}
