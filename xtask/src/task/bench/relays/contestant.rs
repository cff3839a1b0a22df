//! The relays, each with its configuration for each kind of wire.
//!
//! Invariant: a relay runs in one process and one thread where it can, and with its own defaults otherwise; only limits
//! on connections and times are raised.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a relay does with TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RelayWire {
    /// Nothing: bytes in, bytes out.
    Plain,
    /// It listens without and connects with TLS.
    TlsOn,
    /// It listens with and connects without TLS.
    TlsOff,
}

/// The files that relays read.
pub(super) struct Files {
    pub(super) directory: PathBuf,
    pub(super) ropewalk: PathBuf,
}

impl Files {
    /// A key and a certificate for 127.0.0.1, which is its own authority.
    pub(super) fn write(directory: &Path, ropewalk: PathBuf) -> Result<Self, Box<dyn Error>> {
        let made =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()])?;
        let (key, certificate) = (made.signing_key.serialize_pem(), made.cert.pem());
        fs::write(directory.join("server.pem"), format!("{certificate}{key}"))?;
        fs::write(directory.join("key.pem"), key)?;
        fs::write(directory.join("cert.pem"), certificate)?;
        Ok(Self { directory: directory.to_owned(), ropewalk })
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// Writes a configuration, and tells where.
    fn configuration(&self, name: &str, text: &str) -> Result<String, Box<dyn Error>> {
        let path = self.path(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// `ropewalk relay` from a port to another.
    pub(super) fn ours(&self, wire: RelayWire, listen: u16, connect: u16) -> Command {
        let (key, certificate) = (self.path("key.pem"), self.path("cert.pem"));
        let listen = match wire {
            RelayWire::TlsOff => format!("ssl:{listen}:privateKey={key}:certKey={certificate}"),
            RelayWire::Plain | RelayWire::TlsOn => format!("tcp:{listen}"),
        };
        let connect = match wire {
            RelayWire::TlsOn => format!("tls:127.0.0.1:{connect}:trustRoots={certificate}"),
            RelayWire::Plain | RelayWire::TlsOff => format!("tcp:127.0.0.1:{connect}"),
        };
        let mut command = Command::new(&self.ropewalk);
        command.args(["relay", &format!("{listen}:interface=127.0.0.1"), &connect]);
        command
    }
}

type Start = fn(&Files, RelayWire, u16, u16) -> Result<Option<Command>, Box<dyn Error>>;

/// One relay.
pub(super) struct Contestant {
    /// As the table names it.
    pub(super) name: &'static str,
    program: &'static str,
    /// The command that relays from one port of 127.0.0.1 to another; `None` where it cannot.
    pub(super) start: Start,
}

/// The name of this one.
pub(super) const OURS: &str = "ropewalk";

const ALL: [Contestant; 7] = [
    Contestant {
        name: OURS,
        program: "sh",
        start: |files, wire, listen, connect| Ok(Some(files.ours(wire, listen, connect))),
    },
    Contestant { name: "socat", program: "socat", start: socat },
    Contestant {
        name: "HAProxy",
        program: "haproxy",
        start: |files, wire, listen, connect| haproxy(files, wire, (listen, connect), ""),
    },
    Contestant {
        name: "HAProxy, splice-auto",
        program: "haproxy",
        start: |files, wire, listen, connect| {
            haproxy(files, wire, (listen, connect), " option splice-auto\n")
        },
    },
    Contestant { name: "nginx", program: "nginx", start: nginx },
    Contestant { name: "systemd-socket-proxyd", program: "systemd-socket-activate", start: proxyd },
    Contestant { name: "ghostunnel", program: "ghostunnel", start: ghostunnel },
];

/// The relays of this machine, and the names of those that it does not have.
pub(super) fn installed() -> (Vec<Contestant>, Vec<&'static str>) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> =
        std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).collect();
    let (here, missing): (Vec<_>, Vec<_>) = ALL
        .into_iter()
        .partition(|it| folders.iter().any(|folder| folder.join(it.program).is_file()));
    (here, missing.iter().map(|it| it.name).collect())
}

fn socat(
    files: &Files,
    wire: RelayWire,
    listen: u16,
    connect: u16,
) -> Result<Option<Command>, Box<dyn Error>> {
    let (server, authority) = (files.path("server.pem"), files.path("cert.pem"));
    let common = "bind=127.0.0.1,reuseaddr,fork,backlog=1024";
    let listen = match wire {
        RelayWire::TlsOff => format!("OPENSSL-LISTEN:{listen},{common},cert={server},verify=0"),
        RelayWire::Plain | RelayWire::TlsOn => format!("TCP-LISTEN:{listen},{common}"),
    };
    let connect = match wire {
        RelayWire::TlsOn => format!("OPENSSL:127.0.0.1:{connect},cafile={authority}"),
        RelayWire::Plain | RelayWire::TlsOff => format!("TCP:127.0.0.1:{connect}"),
    };
    let mut command = Command::new("socat");
    // Its default of 8 KiB is for terminals.
    command.args(["-b", "65536", &listen, &connect]);
    Ok(Some(command))
}

fn haproxy(
    files: &Files,
    wire: RelayWire,
    (listen, connect): (u16, u16),
    option: &str,
) -> Result<Option<Command>, Box<dyn Error>> {
    let (server, authority) = (files.path("server.pem"), files.path("cert.pem"));
    let bind = if wire == RelayWire::TlsOff { format!(" ssl crt {server}") } else { String::new() };
    let to = match wire {
        RelayWire::TlsOn => format!(" ssl verify required ca-file {authority} sni str(localhost)"),
        RelayWire::Plain | RelayWire::TlsOff => String::new(),
    };
    let mut text =
        String::from("global\n maxconn 4000\n nbthread 1\ndefaults\n mode tcp\n maxconn 4000\n");
    for timeout in ["connect 10s", "client 1h", "server 1h"] {
        writeln!(text, " timeout {timeout}")?;
    }
    write!(
        text,
        "{option}listen relay\n bind 127.0.0.1:{listen}{bind}\n server back 127.0.0.1:{connect}{to}\n"
    )?;
    let mut command = Command::new("/usr/sbin/haproxy");
    command.args([
        "-db",
        "-q",
        "-f",
        &files.configuration(&format!("haproxy-{listen}.cfg"), &text)?,
    ]);
    Ok(Some(command))
}

fn nginx(
    files: &Files,
    wire: RelayWire,
    listen: u16,
    connect: u16,
) -> Result<Option<Command>, Box<dyn Error>> {
    const MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";
    let (key, certificate) = (files.path("key.pem"), files.path("cert.pem"));
    let mut text = String::from("daemon off;\nmaster_process off;\nworker_rlimit_nofile 8192;\n");
    if Path::new(MODULE).exists() {
        text.insert_str(0, &format!("load_module {MODULE};\n"));
    }
    let pid = files.path(&format!("nginx-{listen}.pid"));
    write!(text, "pid {pid};\nerror_log stderr crit;\nevents {{ worker_connections 8192; }}\n")?;
    let (bind, tls) = match wire {
        RelayWire::Plain => ("", String::new()),
        RelayWire::TlsOff => {
            (" ssl", format!("ssl_certificate {certificate}; ssl_certificate_key {key};"))
        }
        RelayWire::TlsOn => {
            let verify = "proxy_ssl on; proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_protocols TLSv1.3;";
            ("", format!("{verify} proxy_ssl_trusted_certificate {certificate};"))
        }
    };
    let relay =
        format!("{tls} proxy_half_close on; proxy_timeout 1h; proxy_pass 127.0.0.1:{connect};");
    writeln!(text, "stream {{ server {{ listen 127.0.0.1:{listen}{bind}; {relay} }} }}")?;
    let mut command = Command::new("/usr/sbin/nginx");
    command.args(["-c", &files.configuration(&format!("nginx-{listen}.conf"), &text)?]);
    Ok(Some(command))
}

fn proxyd(
    _: &Files,
    wire: RelayWire,
    listen: u16,
    connect: u16,
) -> Result<Option<Command>, Box<dyn Error>> {
    if wire != RelayWire::Plain {
        return Ok(None);
    }
    let mut command = Command::new("systemd-socket-activate");
    let (listen, connect) = (format!("127.0.0.1:{listen}"), format!("127.0.0.1:{connect}"));
    command.args([
        "-l",
        &listen,
        "/usr/lib/systemd/systemd-socket-proxyd",
        "--connections-max=4000",
        &connect,
    ]);
    Ok(Some(command))
}

fn ghostunnel(
    files: &Files,
    wire: RelayWire,
    listen: u16,
    connect: u16,
) -> Result<Option<Command>, Box<dyn Error>> {
    let (listen, target) = (format!("127.0.0.1:{listen}"), format!("127.0.0.1:{connect}"));
    let mut command = Command::new("ghostunnel");
    match wire {
        // It relays TLS alone.
        RelayWire::Plain => return Ok(None),
        RelayWire::TlsOn => command.args(["client", "--cacert", &files.path("cert.pem")]),
        RelayWire::TlsOff => command.args([
            "server",
            "--cert",
            &files.path("cert.pem"),
            "--key",
            &files.path("key.pem"),
        ]),
    };
    command.args(["--disable-authentication", "--listen", &listen, "--target", &target]);
    Ok(Some(command))
}
