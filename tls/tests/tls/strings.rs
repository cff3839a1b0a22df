//! The strings `ssl:` and `tls:`: what they mean, and how a mistake in one is told.

use std::time::Duration;

use crate::machine::Machine;
use crate::tls;

fn server(text: &str) -> String {
    match Machine::new().registry().parse_server(text) {
        Ok(parsed) => format!("{} {:?}", parsed.description, parsed.description.layers),
        Err(error) => format!("{}: {error}", error.offset()),
    }
}

fn client(text: &str) -> String {
    match Machine::new().registry().parse_client(text) {
        Ok(parsed) => format!("{} {:?}", parsed.description, parsed.description.layers),
        Err(error) => format!("{}: {error}", error.offset()),
    }
}

#[test]
fn an_ssl_server_has_twisteds_arguments_in_twisteds_order() {
    assert_eq!(
        server("ssl:1:k.pem:c.pem:TLSv1_2_METHOD:10.0.0.1:9:x.pem"),
        "ssl:port=1:privateKey=k.pem:certKey=c.pem:sslmethod=TLSv1_2_METHOD:interface=10.0.0.1\
         :backlog=9:extraCertChain=x.pem [\"tls\", \"tcp\"]"
    );
    let by_name = "ssl:1234:backlog=12:privateKey=k.pem:certKey=c.pem:sslmethod=TLSv1_2_METHOD\
                   :interface=10.0.0.1";
    assert!(server(by_name).starts_with("ssl:port=1234:privateKey=k.pem:certKey=c.pem"));
    assert_eq!(
        server("ssl:443:k.pem"),
        "ssl:port=443:privateKey=k.pem:certKey=k.pem:sslmethod=TLS_METHOD:interface=0.0.0.0\
         :backlog=max [\"tls\", \"tcp\"]"
    );
    assert!(server("ssl:443").contains(":privateKey=server.pem:certKey=server.pem:"));
}

#[test]
fn a_tls_server_has_twisteds_arguments_in_twisteds_order() {
    assert_eq!(
        server("tls:/pems:1234:12:10.0.0.1"),
        "tls:path=/pems:port=1234:backlog=12:interface=10.0.0.1 [\"tls\", \"tcp\"]"
    );
    assert_eq!(
        server("tls:/pems"),
        "tls:path=/pems:port=443:backlog=max:interface=\\:\\: [\"tls\", \"tcp\"]"
    );
}

#[test]
fn an_ssl_client_has_twisteds_arguments() {
    assert_eq!(
        client(
            "ssl:host=example.net:port=4321:privateKey=k:certKey=c:bindAddress=10.0.0.3:timeout=3:caCertsDir=d"
        ),
        "ssl:host=example.net:port=4321:timeout=3:bindAddress=10.0.0.3:certKey=c:privateKey=k\
         :caCertsDir=d [\"tls\", \"tcp\"]"
    );
    assert_eq!(
        client("ssl:example.net:4321:hostname=b\u{fc}cher.ch"),
        "ssl:host=example.net:port=4321:timeout=30:hostname=b\u{fc}cher.ch [\"tls\", \"tcp\"]"
    );
    assert!(client("ssl:443:host=example.net").starts_with("ssl:host=example.net:port=443:"));
    assert!(client("SSL:example.net:443:verify=danger-none").contains(":verify=danger-none "));
}

#[test]
fn a_tls_client_has_twisteds_arguments_in_twisteds_order() {
    assert_eq!(
        client("tls:example.com:443:10:127.0.0.1:c:k:d"),
        "tls:host=example.com:port=443:timeout=10:bindAddress=127.0.0.1:certificate=c\
         :privateKey=k:trustRoots=d [\"tls\", \"tcp\"]"
    );
    assert_eq!(
        client("tls:example.com:443:endpoint=tls\\:b.example.com\\:1"),
        "tls:host=example.com:port=443:endpoint=tls\\:b.example.com\\:1 [\"tls\", \"tls\", \"tcp\"]"
    );
    assert!(client("tls:[::1]:443").starts_with("tls:host=\\:\\:1:port=443:"));
    assert!(client("tls:\u{e9}xample.com:443").starts_with("tls:host=xn--xample-9ua.com:"));
}

#[test]
fn a_client_that_accepts_any_server_has_a_layer_that_says_so_however_deep_it_lies() {
    assert_eq!(tls::UNVERIFIED_LAYER, "tls-unverified");
    for (text, layers) in [
        ("ssl:a.example:1:verify=danger-none", "[\"tls-unverified\", \"tcp\"]"),
        ("tls:a.example:1:verify=danger-none", "[\"tls-unverified\", \"tcp\"]"),
        (
            "tls:a.example:1:endpoint=ssl\\:b.example\\:1\\:verify=danger-none",
            "[\"tls\", \"tls-unverified\", \"tcp\"]",
        ),
        (
            "tls:a.example:1:verify=danger-none:endpoint=ssl\\:b.example\\:1",
            "[\"tls-unverified\", \"tls\", \"tcp\"]",
        ),
    ] {
        assert!(client(text).ends_with(layers), "{}", client(text));
    }
}

#[test]
fn a_description_parses_to_itself() {
    for text in
        ["ssl:443:k\\:ey.pem:interface=[::1]:extraCertChain=x", "tls:/pems:1234:12:10.0.0.1"]
    {
        let once = server(text);
        assert_eq!(server(once.split_once(' ').unwrap().0), once);
    }
    for text in [
        "ssl:example.net:4321:certKey=c:verify=danger-none:hostname=a.example",
        "tls:[::1]:443:bindAddress=[::1]:trustRoots=d",
        "tls:example.com:443:endpoint=ssl\\:b.example.com\\:1",
    ] {
        let once = client(text);
        assert_eq!(client(once.split_once(' ').unwrap().0), once);
    }
}

#[test]
fn a_mistake_in_a_servers_string_is_told_at_its_place() {
    let old = "SSLv3_METHOD is no longer offered by anyone, as it is broken: expected `TLS_METHOD`, \
               `TLSv1_2_METHOD` or `TLSv1_3_METHOD`";
    for (text, told) in [
        ("ssl:x:privateKey=k", "4: port `x` is not a number from 0 to 65535"),
        ("ssl:x", "4: port `x` is not a number from 0 to 65535"),
        ("ssl:65536:k", "4: port `65536` is not a number from 0 to 65535"),
        ("ssl:", "4: port is empty, and not a number from 0 to 65535"),
        ("ssl:1:sslmethod=SSLv3_METHOD", &format!("16: {old}")),
        (
            "ssl:1:sslmethod=TLSv9",
            "16: sslmethod `TLSv9` is not `TLS_METHOD`, `TLSv1_2_METHOD` or `TLSv1_3_METHOD`",
        ),
        ("ssl:1:caCertsDir=d", "6: unknown option `caCertsDir` for a `ssl` server"),
        ("ssl:1:privateKey=", "17: privateKey is empty, and not the path of a file or directory"),
        (
            "ssl:1:k:interface=999.1.1.1",
            "18: interface `999.1.1.1` is not an IP address or a host name",
        ),
        (
            "ssl:1:dhParameters=f",
            "19: dhParameters is not supported: leave it out, as keys are agreed on with elliptic curves",
        ),
        ("tls", "3: `path` is missing for a `tls` server"),
        ("tls:/pems:x", "10: port `x` is not a number from 0 to 65535"),
    ] {
        assert_eq!(server(text), told, "{text}");
    }
}

#[test]
fn a_mistake_in_a_clients_string_is_told_at_its_place() {
    for (text, told) in [
        ("ssl:example.net", "15: `port` is missing for a `ssl` client"),
        (
            "ssl:example.net:1:sslmethod=TLS_METHOD",
            "18: unknown option `sslmethod` for a `ssl` client",
        ),
        (
            "ssl:example.net:1:privateKey=k",
            "29: `privateKey` is given without `certKey`: expected the certificate of the key, too",
        ),
        (
            "ssl:example.net:1:hostname=a b",
            "27: hostname `a b` is not an IP address or a host name",
        ),
        (
            "ssl:example.net:1:verify=no",
            "25: verify `no` is not `danger-none`, or left out to verify the server",
        ),
        (
            "ssl:example.net:1:verify=danger-none:caCertsDir=d",
            "25: `verify` cannot be given together with `caCertsDir`",
        ),
        ("tls:example.com", "15: `port` is missing for a `tls` client"),
        ("tls:bad host:443", "4: host `bad host` is not an IP address or a host name"),
        (
            "tls:example.com:443:timeout=",
            "28: timeout is empty, and not a time from 0 to 4294967295 s, as in `30` or `500ms`",
        ),
        (
            "tls:example.com:443:timeout=x",
            "28: timeout `x` is not a time from 0 to 4294967295 s, as in `30` or `500ms`",
        ),
        ("tls:a b.example:443", "4: host `a b.example` is not an IP address or a host name"),
        ("tls::443", "4: host is empty, and not an IP address or a host name"),
        ("tls:example.com:443:endpoint=", "29: the kind of endpoint is empty"),
        ("tls:example.com:443:bogus=1", "20: unknown option `bogus` for a `tls` client"),
        (
            "tls:example.com:443:privateKey=k",
            "31: `privateKey` is given without `certificate`: expected the certificate of the key, too",
        ),
        ("tls:example.com:443:endpoint=what\\:x", "29: unknown endpoint kind `what`"),
        (
            "tls:example.com:443:timeout=3:endpoint=tls\\:b.example\\:1",
            "28: `timeout` cannot be given together with `endpoint`",
        ),
        ("tls:127.0.0.1:443:bindAddress=[::1]", "30: bindAddress `[::1]` is not an IPv4 address"),
        (
            "tls:example.com:443:host=x",
            "20: `host` is given twice to a `tls` client, by position and by name",
        ),
    ] {
        assert_eq!(client(text), told, "{text}");
    }
}

#[test]
fn listening_and_connecting_use_what_the_string_says() {
    let machine = Machine::new();
    let files = crate::machine::Files::new();
    let identity = crate::certificates::Authority::new().identity("a.example");
    let pem = files.write("a.pem", &(identity.key_pem() + &identity.certificate_pem));
    machine.serve(&format!("ssl:1234:{pem}:interface=10.0.0.1:backlog=12")).unwrap();
    machine.serve(&format!("tls:{pem}:1235")).unwrap();
    let listened = machine.listened.borrow();
    assert_eq!(listened[0].address, "10.0.0.1:1234".parse().unwrap());
    assert_eq!(listened[0].backlog, 12);
    assert_eq!(listened[1].address, "[::]:1235".parse().unwrap());
    assert_eq!(listened[1].backlog, interfaces::BACKLOG_MAX);

    machine.call("tls:\u{e9}.example:1234:timeout=7:bindAddress=127.0.0.1").unwrap();
    assert_eq!(*machine.resolved.borrow(), ["xn--9ca.example"]);
    let connected = machine.connected.borrow();
    assert_eq!(connected[0].timeout, Duration::from_secs(7));
    assert_eq!(connected[0].bind_address, Some("127.0.0.1:0".parse().unwrap()));
}

#[test]
fn roots_are_public_or_the_systems_and_a_host_keeps_its_zone() {
    for kind in ["tls", "ssl"] {
        let wrong = client(&format!("{kind}:a.example:443:roots=none"));
        assert_eq!(wrong, "24: roots `none` is not `public` or `system`");
        let zoned = client(&format!("{kind}:[fe80::1%eth0]:443"));
        let host = format!(r"{kind}:host=fe80\:\:1%eth0:port=443:");
        assert!(zoned.starts_with(&host), "{zoned}");
    }
}

#[test]
fn a_server_over_another_endpoint_has_no_port_of_its_own() {
    assert_eq!(
        server(r"ssl:endpoint=tls\:/pems\:1:privateKey=k.pem"),
        "ssl:privateKey=k.pem:certKey=k.pem:sslmethod=TLS_METHOD:endpoint=tls\\:/pems\\:1 \
         [\"tls\", \"tls\", \"tcp\"]"
    );
    assert_eq!(
        server(r"tls:/pems:endpoint=ssl\:1"),
        "tls:path=/pems:endpoint=ssl\\:1 [\"tls\", \"tls\", \"tcp\"]"
    );
    let both = r"ssl:443:endpoint=ssl\:1";
    assert_eq!(server(both), "4: `port` cannot be given together with `endpoint`");
    let both = r"tls:/pems:backlog=7:endpoint=ssl\:1";
    assert_eq!(server(both), "18: `backlog` cannot be given together with `endpoint`");
    assert_eq!(server(r"ssl:endpoint=slc\:1"), "13: unknown endpoint kind `slc`");
}

#[test]
fn a_folders_default_is_every_ipv4_address_where_there_is_no_ipv6_and_what_was_asked_for_fails() {
    let machine = Machine::new();
    machine.lacks_ipv6.set(true);
    let files = crate::machine::Files::new();
    let identity = crate::certificates::Authority::new().identity("a.example");
    let pem = files.write("a.pem", &(identity.key_pem() + &identity.certificate_pem));
    machine.serve(&format!("tls:{pem}:1235")).unwrap();
    assert!(machine.serve(&format!("tls:{pem}:1236:interface=[::]")).is_err());
    let listened = machine.listened.borrow();
    let addresses: Vec<_> = listened.iter().map(|options| options.address.to_string()).collect();
    assert_eq!(addresses, ["[::]:1235", "0.0.0.0:1235", "[::]:1236"]);
}
