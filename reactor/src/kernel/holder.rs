//! What holds an address that is in use, as far as `/proc` tells (proc(5)); asked when listening has failed.
//!
//! ```text
//!   /proc/thread-self/net/{tcp,tcp6,udp,udp6,unix} ── inode, user ──► /proc/*/fd ── process ──► /proc/N/comm ── program
//! ```
//!
//! Invariant: the work is bounded, and what cannot be read is left out.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use interfaces::{Address, UnixAddress, printable};

/// How many lines of a table are read. Listening sockets stand before all others.
const LINES_MAX: usize = 10_000;

/// How many descriptors of all processes together are looked at.
const DESCRIPTORS_MAX: usize = 20_000;

const TCP_TABLES: [&str; 2] = ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"];
const UDP_TABLES: [&str; 2] = ["/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"];

/// `TCP_LISTEN` as the tables of TCP write it.
const LISTENS: &str = "0A";

/// The states of a UDP socket, unconnected and connected.
const UDP_STATES: [&str; 2] = ["07", "01"];

/// `SO_ACCEPTCON` and `SOCK_DGRAM` as the table of UNIX sockets writes them. A socket that was accepted has
/// the name of its listener too.
const LISTENS_UNIX: &str = "00010000";
const DATAGRAM: &str = "0002";

/// A socket that is in the way.
struct BoundSocket {
    inode: String,
    user: Option<String>,
}

/// A sentence about what listens at the address: its process and program, or at least its user.
pub(super) fn hint(address: &Address) -> Option<String> {
    sentence(match address {
        Address::Unix(unix) => unix_holder(&table_name(unix)?)?,
        other => ip_holder(&TCP_TABLES, &[LISTENS], other.as_socket_addr()?)?,
    })
}

/// The same for a socket of datagrams.
pub(super) fn datagram_hint(address: &Address) -> Option<String> {
    match address.as_socket_addr() {
        Some(wanted) => sentence(ip_holder(&UDP_TABLES, &UDP_STATES, wanted)?),
        None => hint(address),
    }
}

fn sentence(holder: BoundSocket) -> Option<String> {
    match (process_with(&holder.inode), holder.user) {
        (Some(process), _) => Some(format!("{process} listens there")),
        (None, Some(user)) => Some(format!("a process of user {user} listens there")),
        (None, None) => None,
    }
}

/// The first socket in one of these states that has an address which this one cannot be beside.
fn ip_holder(tables: &[&str], states: &[&str], wanted: SocketAddr) -> Option<BoundSocket> {
    tables.iter().find_map(|table| {
        lines(table).find_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, state, _, _, _, user, _, inode, ..] = columns[..] else {
                return None;
            };
            let found = socket_address(local)?;
            (states.contains(&state) && conflict(wanted, found))
                .then(|| BoundSocket { inode: inode.into(), user: Some(user.into()) })
        })
    })
}

/// Whether two sockets cannot have these addresses.
fn conflict(one: SocketAddr, other: SocketAddr) -> bool {
    let (ip, other_ip) = (one.ip().to_canonical(), other.ip().to_canonical());
    let covers =
        |wide: IpAddr, ip: IpAddr| wide.is_unspecified() && (wide.is_ipv6() || ip.is_ipv4());
    one.port() == other.port() && (ip == other_ip || covers(ip, other_ip) || covers(other_ip, ip))
}

/// An address of a table: 32 bits at a time in the machine's order, as hexadecimal numbers.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::new();
    for word in ip.as_bytes().chunks(8) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        bytes.extend_from_slice(&word.to_ne_bytes());
    }
    let ip = match <[u8; 4]>::try_from(&*bytes) {
        Ok(bytes) => IpAddr::from(Ipv4Addr::from(bytes)),
        Err(_) => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(&*bytes).ok()?)),
    };
    Some(SocketAddr::new(ip, port))
}

/// A name as the table of UNIX sockets writes it.
fn table_name(address: &UnixAddress) -> Option<String> {
    match address {
        UnixAddress::Path(path) => Some(String::from_utf8_lossy(path).into_owned()),
        UnixAddress::Abstract(name) => {
            Some(format!("@{}", String::from_utf8_lossy(name).replace('\0', "@")))
        }
        UnixAddress::Unnamed => None,
    }
}

fn unix_holder(name: &str) -> Option<BoundSocket> {
    lines("/proc/thread-self/net/unix").find_map(|line| {
        let mut rest = line.as_str();
        let mut columns = [""; 7];
        for column in &mut columns {
            (*column, rest) = rest.trim_start_matches(' ').split_once(' ')?;
        }
        let [_, _, _, flags, kind, _, inode] = columns;
        let is_bound = flags == LISTENS_UNIX || kind == DATAGRAM;
        (rest == name && is_bound).then(|| BoundSocket { inode: inode.into(), user: None })
    })
}

/// The lines of a table, the first `LINES_MAX` of them.
fn lines(table: &str) -> impl Iterator<Item = String> + use<> {
    let file = File::open(table).ok();
    let lines = file.into_iter().flat_map(|file| BufReader::new(file).split(b'\n'));
    let lines = lines.map_while(Result::ok).take(LINES_MAX);
    lines.map(|line| String::from_utf8_lossy(&line).into_owned())
}

/// The process that has a socket open, with its program: this one first.
fn process_with(inode: &str) -> Option<String> {
    let wanted = format!("socket:[{inode}]");
    let mut left = DESCRIPTORS_MAX;
    let own = std::process::id().to_string();
    let others = fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        name.bytes().all(|byte| byte.is_ascii_digit()).then_some(name)
    });
    let number = std::iter::once(own).chain(others).find(|number| {
        let descriptors = fs::read_dir(Path::new("/proc").join(number).join("fd"));
        descriptors.into_iter().flatten().filter_map(Result::ok).any(|descriptor| {
            left = left.saturating_sub(1);
            left > 0
                && fs::read_link(descriptor.path())
                    .is_ok_and(|target| target.as_os_str() == wanted.as_str())
        })
    })?;
    let program = fs::read(Path::new("/proc").join(&number).join("comm")).unwrap_or_default();
    let program = program.trim_ascii_end();
    Some(format!("process {number} ({})", printable(program)))
}
