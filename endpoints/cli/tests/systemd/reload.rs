//! `Type=notify-reload`: `systemctl reload` sends SIGHUP, and returns when the service says that it has reloaded.
//!
//! Invariant: what was reloaded is in force when `systemctl reload` has returned.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::{find_peer, skip};

use crate::client::{Restless, echoes, free_port, tcp};
use crate::manager::Manager;

/// The first systemd that knows the type.
const VERSION: u32 = 253;

/// Writes a pair for `localhost` with this common name, in one file.
fn write_pair(path: &Path, common_name: &str) {
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    fs::write(path, key.serialize_pem() + &certificate.pem()).unwrap();
}

/// What OpenSSL's client sees of the certificate.
fn shown(port: u16) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &format!("127.0.0.1:{port}")]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A server of TLS and one without, of this type; and its ports.
fn start(kind: &str) -> Option<(Manager, [u16; 2])> {
    find_peer("openssl")?;
    let ports = [free_port(), free_port()];
    let [secret, plain] = ports;
    let service = format!(
        "[Service]\nType={kind}\nExecStart=%ROPEWALK serve echo \
         ssl:{secret}:%D/own.pem:interface=127.0.0.1:reload=0 tcp:{plain}:interface=127.0.0.1"
    );
    let manager = Manager::start(&[("echo.service", &service)])?;
    let version = manager.version();
    if kind == "notify-reload" && version < VERSION {
        skip(&format!("Type=notify-reload needs systemd {VERSION}, and this is {version}"));
        return None;
    }
    write_pair(&manager.path("own.pem"), "generation-0");
    manager.does(&["start", "echo.service"]);
    Some((manager, ports))
}

#[test]
fn a_reload_has_renewed_the_certificates_when_it_returns_and_no_client_notices() {
    let Some((manager, [secret, plain])) = start("notify-reload") else { return };
    let clients = [(); 2].map(|()| Restless::new(plain));
    let held = tcp(plain);
    assert!(shown(secret).contains("generation-0"));
    let first = manager.property("echo.service", "MainPID");
    for generation in 1..=20 {
        let name = format!("generation-{generation}");
        write_pair(&manager.path("own.pem"), &name);
        manager.does(&["reload", "echo.service"]);
        let seen = shown(secret);
        assert!(seen.contains(&name), "{name}: {seen}");
        assert_eq!(manager.property("echo.service", "ActiveState"), "active");
        assert_eq!(manager.property("echo.service", "ReloadResult"), "success");
    }
    for client in clients {
        let answered = client.stop();
        assert_eq!((answered.refused, answered.dropped), (0, 0), "{answered:?}");
    }
    echoes(held);
    let status = format!("listening on 127.0.0.1:{secret}, 127.0.0.1:{plain}");
    assert_eq!(manager.property("echo.service", "StatusText"), status);
    assert_eq!(manager.property("echo.service", "MainPID"), first);
}

#[test]
fn a_pair_that_is_refused_is_told_and_the_service_goes_on_with_the_old_one() {
    let Some((manager, [secret, _])) = start("notify-reload") else { return };
    fs::write(manager.path("own.pem"), "nothing").unwrap();
    manager.does(&["reload", "echo.service"]);
    assert!(shown(secret).contains("generation-0"));
    assert_eq!(manager.property("echo.service", "ActiveState"), "active");
    assert!(manager.log().contains("and those from before are kept"), "{}", manager.log());
}

/// The signal by hand, which every systemd can do.
#[test]
fn sighup_from_the_manager_is_a_reload_that_it_sees_begin_and_end() {
    let Some((manager, [secret, plain])) = start("notify") else { return };
    write_pair(&manager.path("own.pem"), "generation-1");
    manager.does(&["kill", "--signal=HUP", "echo.service"]);
    let begin = std::time::Instant::now();
    while !shown(secret).contains("generation-1") {
        assert!(begin.elapsed() < crate::manager::LIMIT, "{}", manager.log());
    }
    manager.awaits("echo.service", "ActiveState", "active");
    echoes(tcp(plain));
    assert_eq!(manager.property("echo.service", "NRestarts"), "0");
}
