//! Values of endpoint strings in configurations of serde and on command lines of clap: mistakes keep their place.
//!
//! Invariant: what is asked for is the whole text that a person reads.

use clap::Parser;
use ropewalk_endpoints::sni::{SniClientConfig, SniRoute};
use ropewalk_endpoints::{
    ClientString, Host, ServerString, SocksClientConfig, TcpServerConfig, UnixName,
    UnixServerConfig,
};
use serde::{Deserialize, Serialize};

use crate::config::registry;

#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct Configuration {
    listen: Vec<ServerString>,
    upstream: ClientString,
    admin: Option<UnixServerConfig>,
}

#[derive(Debug, Parser)]
struct CommandLine {
    #[arg(long)]
    metrics: Option<TcpServerConfig>,
    listen: ServerString,
}

#[test]
fn a_configuration_holds_endpoints_as_their_strings() {
    let text = r#"{"listen":["tcp:80","tls:/etc/certs"],"upstream":"tcp:a:1","admin":"unix:address=/run/a:mode=0600:backlog=max:lockfile=1"}"#;
    let read: Configuration = serde_json::from_str(text).unwrap();
    assert_eq!(read.admin, Some(UnixServerConfig::new(UnixName::Path("/run/a".into()))));
    assert_eq!(read.listen[1].as_str(), "tls:/etc/certs");
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}

#[test]
fn a_mistake_in_a_configuration_has_its_picture() {
    let text = r#"{"listen":[],"upstream":"tcp:a:1","admin":"unix:/run/a:mdoe=600"}"#;
    let mistake = serde_json::from_str::<Configuration>(text).unwrap_err().to_string();
    let expected = "\
unknown option `mdoe` for a `unix` server
  unix:/run/a:mdoe=600
              ^^^^ column 13: a similar option exists: `mode`
 at line 1 column 64";
    assert_eq!(mistake, expected);
    let mistake = serde_json::from_str::<ServerString>("7").unwrap_err().to_string();
    assert!(mistake.contains(r#"expected an endpoint string, as "tcp:8080""#), "{mistake}");
}

#[test]
fn a_mistake_on_a_command_line_has_its_picture() {
    let read = CommandLine::try_parse_from(["x", "--metrics=tcp:9090", "tcp:80"]).unwrap();
    assert_eq!(read.metrics, Some(TcpServerConfig::new(9090)));
    assert_eq!(read.listen.as_str(), "tcp:80");
    let mistake = CommandLine::try_parse_from(["x", "--metrics=tcp:80a0", "tcp:80"]).unwrap_err();
    let expected = "\
error: port `80a0` is not a number from 0 to 65535
  tcp:80a0
      ^^^^ column 5
";
    assert_eq!(mistake.to_string(), expected);
    assert!(mistake.use_stderr());
}

#[test]
fn a_string_of_another_kind_is_told_which_kind_is_expected() {
    let mistake = "tcp:80".parse::<UnixServerConfig>().unwrap_err();
    let expected = "\
error: unknown endpoint kind `tcp`
  tcp:80
  ^^^ column 1: expected `unix`";
    assert_eq!(mistake.report(), expected);
    let mistake = "unix:/a".parse::<TcpServerConfig>().unwrap_err();
    assert_eq!(mistake.help().as_deref(), Some("expected one of `tcp`, `tcp6`"));
}

#[test]
fn a_password_is_stored_and_not_shown() {
    let mut socks = SocksClientConfig::new(Host::ANY_IPV4, 1, "tcp:a:1".parse().unwrap());
    (socks.user, socks.password) = (Some("me".into()), "secret".into());
    assert!(socks.to_string().contains(":user=me:password=secret:tcp:a:1"));
    let stored = ClientString::try_from(&socks).unwrap();
    let outer = SniClientConfig::new([SniRoute { takes: Vec::new(), endpoint: stored.clone() }]);
    for shown in [format!("{socks:?}"), format!("{stored:?}"), format!("{outer:?}")] {
        assert!(!shown.contains("secret") && shown.contains("tcp:a:1"), "{shown}");
    }
    for wrong in [
        "socks5:host=a:port=x:user=me:password=secret:tcp:a:1",
        r"sni:for=a:socks5:host=a:port=1:user=me:password=s\:ecret:tcp:secret.example:x",
        r"socks5:user=me:password=secret\",
    ] {
        let mistake = registry().parse_client(wrong).unwrap_err();
        let report = mistake.report().replace("secret.example", "");
        assert!(!report.contains("ecret"), "{report}");
        assert_eq!(mistake.text(), wrong, "a program has the whole string");
    }
    let plain: ServerString = r"unix:/a\b".parse().unwrap();
    assert_eq!(format!("{plain:?}"), r#"ServerString("unix:/a\\b")"#);
}
