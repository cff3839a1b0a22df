//! The one-shot helper over TLS: Twisted's `ClientCreator.connectSSL`.

use std::sync::Arc;
use std::time::Duration;

use interfaces::StreamServerEndpoint as _;
use protocol::client::ClientCreator;
use protocol::testing::{Record, Recorder};

use crate::certificates::VERSIONS;
use crate::talk::{NAME, Talk, once, server_factory};
use crate::tls::{TlsClientEndpoint, TlsOptions};

#[test]
fn a_creator_connects_over_tls_with_the_configuration_the_name_and_the_limits_of_its_endpoint() {
    for version in VERSIONS {
        let talk = Talk::new(version);
        let (clock, network) = (&talk.clock, &talk.network);
        network.run_clock(clock);
        let echo = Recorder::new(&Record::new()).on_data(|transport, data| transport.write(data));
        let server = server_factory(&talk.server_config, once(echo), clock);
        let port = network.server("svc").listen(server);
        let limits = TlsOptions::default().with_handshake_timeout(Duration::from_secs(7));
        let name = rustls::pki_types::ServerName::try_from(NAME).unwrap();
        // Its authority is trusted by this configuration alone.
        let config = Arc::new(talk.client_config.clone());
        let endpoint =
            TlsClientEndpoint::new(config.clone(), name, network.client("svc"), clock.clone())
                .with_options(limits);
        let record = Record::new();
        let made = record.clone();
        let creator = ClientCreator::new(clock.clone(), move || {
            Recorder::new(&made).on_made(|transport| transport.write(b"over tls"))
        });
        let users = Arc::strong_count(&config);
        let connecting = creator.connect(&endpoint);
        network.pump();
        assert!(!connecting.is_fired(), "not before the next turn");
        let limits: Vec<_> = clock.delayed_calls().iter().filter_map(|it| it.time()).collect();
        assert!(limits.contains(&Duration::from_secs(7)), "of the handshake: {limits:?}");
        assert!(Arc::strong_count(&config) > users, "this very configuration");
        network.flush();
        assert!(connecting.try_into_result().unwrap().is_ok());
        assert_eq!(record.received(), b"over tls");
        drop(port);
    }
}
