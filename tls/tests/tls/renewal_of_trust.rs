//! Files of the authorities that a client trusts, which change while a program runs.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use endpoints::Registry;
use interfaces::StreamClientEndpoint;
use protocol::testing::{Record, Recorder};
use rustls::{CertificateError, Error};

use crate::certificates::Authority;
use crate::machine::{Files, Machine};
use crate::talk::{once, rustls_error};
use crate::tls::{ClientSettings, Renewal, SharedConfigs, TlsStrings, Trust, default_provider};

/// The time between two looks at the files.
const INTERVAL: Duration = Duration::from_secs(10);
const NAME: &str = "a.example";

/// A machine with a server of one authority, and clients that trust what is in files.
struct Site {
    machine: Machine,
    files: Files,
    authority: Authority,
    told: Rc<RefCell<Vec<Renewal>>>,
    shared: SharedConfigs,
}

impl Site {
    /// The server is of the authority `old`.
    fn new() -> Self {
        let (machine, files, authority) = (Machine::new(), Files::new(), Authority::named("old"));
        let own = authority.identity(NAME);
        let own = files.write("own.pem", &(own.key_pem() + &own.certificate_pem));
        machine.serve(&format!("ssl:443:{own}")).unwrap();
        Self { machine, files, authority, told: Rc::default(), shared: SharedConfigs::default() }
    }

    /// The client of this string, which keeps its configuration.
    fn client(&self, text: &str) -> Rc<dyn StreamClientEndpoint> {
        let told = self.told.clone();
        let strings = TlsStrings::new()
            .with_shared(&self.shared)
            .with_renewal_observer(move |renewal| told.borrow_mut().push(renewal.clone()));
        strings.register(Registry::new(), self.machine.clone()).client(text).unwrap()
    }

    /// Whether the client takes the server.
    fn is_taken(&self, client: &dyn StreamClientEndpoint) -> bool {
        let record = Record::new();
        let greeter = Recorder::new(&record).on_made(|transport| transport.write(b"hello"));
        drop(client.connect(once(greeter)));
        self.machine.network.flush();
        match record.lost() {
            None => {
                assert_eq!(record.received(), b"hello");
                record.transport().lose_connection();
                self.machine.network.flush();
                true
            }
            lost => {
                let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
                assert_eq!(rustls_error(lost), unknown);
                false
            }
        }
    }

    /// Connects twice, each time after the least time between two looks, so that a change counts.
    fn settle(&self, client: &dyn StreamClientEndpoint) -> bool {
        self.machine.clock.advance(INTERVAL);
        self.is_taken(client);
        self.machine.clock.advance(INTERVAL);
        self.is_taken(client)
    }

    fn told(&self) -> Vec<String> {
        self.told.take().iter().map(ToString::to_string).collect()
    }
}

#[test]
fn changed_authorities_are_trusted_and_those_before_no_more_resumed_or_not() {
    for version in ["1.2", "1.3"] {
        let site = Site::new();
        let new = Authority::named("new");
        let trusted = site.files.write("trusted.pem", site.authority.pem());
        let text = format!("tls:{NAME}:443:trustRoots={trusted}:maxVersion={version}");
        let client = site.client(&text);
        // The second one resumes the session of the first.
        assert!(site.is_taken(&*client) && site.is_taken(&*client));
        site.files.write("trusted.pem", new.pem());
        assert!(site.is_taken(&*client), "the files are not looked at that often");
        assert!(!site.settle(&*client), "{version}: a session from before is resumed");
        let told = site.told();
        assert!(told.len() == 1 && told[0].contains("were renewed: `CN=new`"), "{told:?}");
        site.files.write("trusted.pem", &(new.pem().to_owned() + site.authority.pem()));
        assert!(site.settle(&*client));
    }
}

#[test]
fn files_that_cannot_be_used_are_told_once_and_the_authorities_before_are_trusted() {
    let site = Site::new();
    let (old, more) = (site.authority.pem(), Authority::named("more"));
    let trusted = site.files.write("trusted.pem", old);
    let client = site.client(&format!("tls:{NAME}:443:trustRoots={trusted}:tickets=no"));
    assert!(site.is_taken(&*client));
    for content in ["", &old[..200], &format!("{}{}", more.pem(), &old[..200])] {
        site.files.write("trusted.pem", content);
        assert!(site.settle(&*client) && site.settle(&*client));
        let told = site.told();
        assert!(told.len() == 1 && told[0].contains("those from before are kept"), "{told:?}");
        assert!(told[0].contains("trusted.pem"), "{told:?}");
    }
    site.files.write("trusted.pem", more.pem());
    assert!(!site.settle(&*client));
}

/// Twisted's `caCertsDir`; a file that is new or gone is a change.
#[test]
fn a_directory_of_authorities_is_renewed_with_its_files() {
    let site = Site::new();
    site.files.write("trusted/new.pem", Authority::named("new").pem());
    let trusted = site.files.path("trusted");
    let client = site.client(&format!("ssl:{NAME}:443:caCertsDir={trusted}:tickets=no"));
    assert!(!site.is_taken(&*client));
    site.files.write("trusted/old.pem", site.authority.pem());
    assert!(site.settle(&*client), "{:?}", site.told());
    std::fs::remove_file(site.files.place("trusted/old.pem")).unwrap();
    assert!(!site.settle(&*client));
    let told = site.told();
    assert!(told.len() == 2 && told[0].contains("`CN=old`"), "{told:?}");
}

#[test]
fn a_signal_reads_the_authorities_at_once_and_a_program_polls_them_by_itself() {
    let site = Site::new();
    let trusted = site.files.write("trusted.pem", site.authority.pem());
    let client = site.client(&format!("tls:{NAME}:443:trustRoots={trusted}:reload=0"));
    assert!(site.is_taken(&*client));
    let settings =
        ClientSettings::default().with_trust(Trust::Files(site.files.place("trusted.pem")));
    let provider = Arc::new(default_provider());
    let (_config, renewal) = settings.renewable_config(&provider, &|_| {}).unwrap();
    assert!(renewal.poll().is_empty());

    site.files.write("trusted.pem", Authority::named("new").pem());
    assert!(site.settle(&*client), "nothing is looked at without the signal");
    assert!(matches!(&*site.shared.renew(), [Renewal::Renewed { .. }]));
    assert!(!site.is_taken(&*client));
    assert!(renewal.poll().is_empty(), "they may still be being written");
    assert!(matches!(&*renewal.poll(), [Renewal::Renewed { .. }]));
}
