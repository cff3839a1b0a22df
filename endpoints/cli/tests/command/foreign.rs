//! Servers of others that listen on a port which they are told.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use testkit::find_peer;

use crate::bytes::{MIB, THERE, assert_same};
use crate::running::{Running, connect, eventually, ropewalk_command};

/// A running server on a port of its own, ended when dropped.
pub(crate) struct ForeignServer {
    pub(crate) child: Child,
    pub(crate) port: u16,
    _directory: TempDir,
}

impl Drop for ForeignServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of 127.0.0.1 that was free just now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl ForeignServer {
    /// A program that is told its port by these arguments; `None`, and the test is noted as skipped, where it is
    /// not installed. Another process may take the port before, so it is tried again.
    pub(crate) fn start(
        program: &str,
        arguments: impl Fn(u16, &TempDir) -> Vec<String>,
    ) -> Option<Self> {
        Self::start_on("127.0.0.1", program, arguments)
    }

    fn start_on(
        host: &str,
        program: &str,
        arguments: impl Fn(u16, &TempDir) -> Vec<String>,
    ) -> Option<Self> {
        for _ in 0..5 {
            let mut command = find_peer(program)?;
            let (port, directory) = (free_port(), tempfile::tempdir().unwrap());
            command.args(arguments(port, &directory)).stdin(Stdio::null());
            let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let mut server = Self { child, port, _directory: directory };
            let mut has_ended = false;
            eventually("the server listens or ends", || {
                has_ended = server.child.try_wait().unwrap().is_some();
                has_ended || TcpStream::connect((host, port)).is_ok()
            });
            if !has_ended {
                return Some(server);
            }
        }
        panic!("{program} does not listen");
    }

    /// socat on an address of this machine, with these options; it says back what it is sent.
    pub(crate) fn echo(kind: &str, host: &str, options: &str) -> Option<Self> {
        Self::start_on(host, "socat", |port, _| {
            let bind = if host.contains(':') { format!("[{host}]") } else { host.into() };
            vec![format!("{kind}:{port},bind={bind},fork,reuseaddr{options}"), "EXEC:cat".into()]
        })
    }

    /// tinyproxy with these lines of configuration.
    pub(crate) fn http(lines: &str) -> Option<Self> {
        Self::start("tinyproxy", |port, directory| {
            let path = directory.path().join("tinyproxy.conf");
            let text =
                format!("Listen 127.0.0.1\nPort {port}\nAllow 127.0.0.1\nTimeout 60\n{lines}\n");
            std::fs::write(&path, text).unwrap();
            vec!["-d".into(), "-c".into(), path.to_str().unwrap().into()]
        })
    }

    /// microsocks with these arguments more.
    pub(crate) fn socks(more: &[&str]) -> Option<Self> {
        Self::start("microsocks", |port, _| {
            let own = ["-i", "127.0.0.1", "-p", &port.to_string()].map(String::from);
            own.into_iter().chain(more.iter().map(|it| (*it).into())).collect()
        })
    }

    /// The string of a client that goes through it.
    pub(crate) fn to(&self, kind: &str, (host, port): (&str, u16), more: &str) -> String {
        format!("{kind}:host={host}:port={port}{more}:tcp:127.0.0.1:{}", self.port)
    }
}

/// Everything comes back from the server of a client string. Proxies copy in one thread without buffers, and pass no
/// half-close on: so it goes by pieces that the sockets hold.
pub(crate) fn echoes(client: &str) {
    let mut relay = ropewalk_command();
    relay.args(["relay", "tcp:0:interface=127.0.0.1", client]);
    echoes_by(relay, client);
}

/// The same of a relay that listens on a port of 127.0.0.1.
pub(crate) fn echoes_by(relay: Command, client: &str) {
    let mut relay = Running::command(relay);
    let mut peer = connect(&relay.listening());
    let mut answer = [0; 16 * 1024];
    for piece in THERE[..MIB].chunks_exact(answer.len()) {
        if let Err(error) = peer.write_all(piece).and_then(|()| peer.read_exact(&mut answer)) {
            panic!("{client}: {error}: {}", relay.terminate().errors);
        }
        assert_same(&answer, piece);
    }
    drop(peer);
    // Such a proxy cuts TLS off without its close_notify, which is told.
    let ended = relay.terminate();
    let is_cut = ended.errors.ends_with(" tls stream ended without close_notify\n");
    assert_eq!(ended.code, Some(0), "{client}");
    assert!(ended.errors.is_empty() || is_cut && client.starts_with("tls:"), "{}", ended.errors);
}
