//! Servers and programs of others around a relay that speaks the PROXY protocol.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use endpoints::haproxy::{Progress, ProxyHeader, ProxyHeaderParser};
use tempfile::TempDir;
use testkit::{find_peer, skip_without_peer};

use crate::peer::is_listening;
use crate::running::{LIMIT, Running, connect, eventually, run};

/// A server that records the bytes of each connection to the end of an HTTP request, and answers them.
/// It serves until the test ends.
pub(crate) struct Back {
    pub(crate) address: String,
    received: Receiver<Vec<u8>>,
}

impl Back {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, received) = mpsc::channel();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                thread::spawn(move || {
                    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
                    while !bytes.ends_with(b"\r\n\r\n") {
                        match stream.read(&mut buffer) {
                            Ok(length @ 1..) => bytes.extend(&buffer[..length]),
                            _ => break,
                        }
                    }
                    let _ = sender.send(bytes.clone());
                    let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
                });
            }
        });
        Self { address, received }
    }

    /// The line of version 1 of the next connection.
    pub(crate) fn line(&self) -> String {
        let bytes = String::from_utf8(self.received.recv_timeout(LIMIT).unwrap()).unwrap();
        let (line, _) = bytes.split_once("\r\n").unwrap_or_else(|| panic!("{bytes:?}"));
        line.to_owned()
    }

    /// The header of the next connection.
    pub(crate) fn header(&self) -> ProxyHeader {
        let bytes = self.received.recv_timeout(LIMIT).unwrap();
        match ProxyHeaderParser::new().push(&bytes) {
            Ok(Progress::Complete { header, .. }) => header,
            other => panic!("{other:?}"),
        }
    }

    /// A relay that takes headers off, and sends its own as lines of version 1.
    pub(crate) fn relay(&self, listen: &str) -> Running {
        Running::ropewalk(&["relay", listen, &format!("haproxy:version=1:tcp:{}", self.address)])
    }

    #[track_caller]
    pub(crate) fn got_nothing(&self) {
        if let Ok(bytes) = self.received.try_recv() {
            panic!("{bytes:?}");
        }
    }
}

/// A program that listens on a socket of the test's, which the configuration calls descriptor 3.
pub(crate) struct Daemon {
    _running: Running,
    pub(crate) address: String,
    directory: TempDir,
}

impl Daemon {
    /// `write` makes the configuration for an address and a directory; `start` the shell's command.
    pub(crate) fn new(
        start: impl Fn(&Path) -> String,
        write: impl Fn(&str, &Path) -> String,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("configuration");
        std::fs::write(&file, write(&address, directory.path())).unwrap();
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("exec {} 3<&0 </dev/null", start(&file)));
        let running = Running::with_input(shell, Stdio::from(std::os::fd::OwnedFd::from(listener)));
        Self { _running: running, address, directory }
    }

    pub(crate) fn haproxy(write: impl Fn(&Path) -> String) -> Self {
        let haproxy = find_peer("haproxy").unwrap().get_program().to_owned();
        let start =
            move |file: &Path| format!("{} -db -q -f {}", haproxy.display(), file.display());
        Self::new(start, |_, directory| {
            let times = "timeout connect 9s\n timeout client 9s\n timeout server 9s";
            format!("defaults\n mode tcp\n {times}\n{}", write(directory))
        })
    }

    /// nginx with these parts of `stream`, which are made for the socket to listen on: `socket` in its
    /// directory. `None` where it lacks the module.
    pub(crate) fn nginx_stream(write: impl Fn(&str) -> String) -> Option<Self> {
        let nginx = find_peer("nginx")?.get_program().to_owned();
        let module = Path::new("/usr/lib/nginx/modules/ngx_stream_module.so");
        if !module.exists() {
            skip_without_peer("nginx has no module for streams");
            return None;
        }
        let start = |file: &Path| {
            let prefix = file.parent().unwrap().display();
            format!("{} -p {prefix} -c {}", nginx.display(), file.display())
        };
        let daemon = Self::new(start, |_, directory| {
            let main = "daemon off; master_process off; pid pid; error_log stderr; events { }";
            let stream = write(&format!("unix:{}/socket", directory.display()));
            format!("load_module {};\n{main} stream {{ {stream} }}\n", module.display())
        });
        eventually("nginx listens", || is_listening(&daemon.path("socket")));
        Some(daemon)
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }
}

pub(crate) fn curl(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = find_peer("curl").unwrap();
    command
        .args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*"])
        .args(arguments);
    let ended = run(command, b"");
    (ended.code, String::from_utf8_lossy(&ended.output).into_owned() + &ended.errors)
}

/// A request over a stream, and the address of this end.
pub(crate) fn request(address: &str) -> (String, TcpStream) {
    let mut stream = connect(address);
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    (stream.local_addr().unwrap().to_string(), stream)
}

/// All that comes, and the end of this side, too.
pub(crate) fn answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The address of a server that counts the LOCAL headers of version 2.
pub(crate) fn local_headers() -> (String, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, received) = mpsc::channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut bytes = [0; 16];
            if stream.read_exact(&mut bytes).is_ok() && bytes == *b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
            {
                let _ = sender.send(());
            }
        }
    });
    (address, received)
}

/// The line for a client at `source` of a proxy at `destination`.
pub(crate) fn line(source: &str, destination: &str) -> String {
    let (ip, port) = source.rsplit_once(':').unwrap();
    let (to, to_port) = destination.rsplit_once(':').unwrap();
    format!("PROXY TCP4 {ip} {to} {port} {to_port}")
}
