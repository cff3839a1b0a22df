//! Endpoints that put TLS on others: what they pass on of the endpoint that they wrap.

use std::sync::Arc;

use deferred::{Cancelled, Deferred, Failure};
use interfaces::{ConnectError, StreamClientEndpoint as _, StreamServerEndpoint as _};
use protocol::connect_protocol;
use protocol::testing::memory::{ClientEndpoint, Network, ServerEndpoint};
use protocol::testing::{Clock, Record, Recorder};
use rustls::pki_types::ServerName;

use crate::talk::{NAME, Talk, once};
use crate::tls::{TlsClientEndpoint, TlsServerEndpoint};

/// Two endpoints of one name in memory, with TLS on both.
struct Wrapped {
    network: Network,
    server: TlsServerEndpoint<ServerEndpoint>,
    client: TlsClientEndpoint<ClientEndpoint>,
}

fn wrapped() -> Wrapped {
    let talk = Talk::new(&rustls::version::TLS13);
    let (network, clock) = (Network::new(), Clock::new());
    let (server, client) = (Arc::new(talk.server_config), Arc::new(talk.client_config));
    let name = ServerName::try_from(NAME).expect("a name");
    Wrapped {
        server: TlsServerEndpoint::new(server, network.server("svc"), clock.clone()),
        client: TlsClientEndpoint::new(client, name, network.client("svc"), clock),
        network,
    }
}

fn result<T: 'static>(deferred: Deferred<T>) -> Result<T, Failure> {
    deferred.try_into_result().unwrap_or_else(|_| panic!("it has not fired"))
}

#[test]
fn connecting_gives_the_users_protocol_whose_bytes_pass_through_tls_both_ways() {
    let Wrapped { network, server, client } = wrapped();
    let (asked, answered) = (Record::new(), Record::new());
    let echo = Recorder::new(&asked).on_data(|transport, data| transport.write(data));
    let _port = result(server.listen(once(echo))).expect("the name is free");
    let connecting = connect_protocol(&client, Recorder::new(&answered));
    network.flush();
    let protocol = result(connecting).expect("it listens");
    protocol.enter_with(|_, transport| transport.write(b"spam"));
    network.flush();
    assert_eq!((asked.received(), answered.received()), (b"spam".into(), b"spam".into()));
    assert_eq!((asked.count("handshake_completed"), answered.count("handshake_completed")), (1, 1));
    protocol.enter_with(|_, transport| transport.lose_connection());
    network.flush();
    assert!(answered.lost().is_some_and(|reason| reason.is_clean()));
}

#[test]
fn a_server_gives_the_port_of_the_endpoint_that_it_wraps() {
    let Wrapped { network, server, .. } = wrapped();
    let port = result(server.listen(once(Recorder::new(&Record::new())))).expect("it is free");
    let plain = network.server("other").listen(once(Recorder::new(&Record::new())));
    assert_eq!(
        format!("{port:?}").replace("svc", "other"),
        format!("{:?}", result(plain).unwrap())
    );
    let stopping = port.stop_listening();
    network.flush();
    assert!(result(stopping).is_ok());
    assert_eq!(network.ports(), 1);
}

#[test]
fn a_failure_to_connect_is_that_of_the_endpoint_that_is_wrapped() {
    let Wrapped { network, client, .. } = wrapped();
    let attempts = [
        client.connect(once(Recorder::new(&Record::new()))),
        network.client("svc").connect(once(Recorder::new(&Record::new()))),
    ];
    assert!(attempts.iter().all(|attempt| !attempt.is_fired()), "before that there is no result");
    network.flush();
    let [wrapped, plain] = attempts.map(|attempt| result(attempt).expect_err("none listens"));
    assert!(wrapped.check::<ConnectError>());
    assert_eq!(wrapped.to_string(), plain.to_string());
}

#[test]
fn cancelling_stops_the_attempt_below() {
    let Wrapped { network, server, client } = wrapped();
    let _port = result(server.listen(once(Recorder::new(&Record::new())))).expect("it is free");
    let attempt = client.connect(once(Recorder::new(&Record::new())));
    assert_eq!(network.attempts(), 1);
    attempt.cancel_handle().cancel();
    assert!(result(attempt).is_err_and(|failure| failure.check::<Cancelled>()));
    network.flush();
    assert_eq!((network.attempts(), network.connections()), (0, 0));
}
