//! `--dump`: all that passes, as text, as hexadecimal numbers and as packets, without a change to it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::{find_peer, pattern};

use crate::bytes::{MIB, assert_same, exchange};
use crate::certificates::Certificate;
use crate::running::{LIMIT, Running, connect, ropewalk, ropewalk_with, run};

const ENDPOINT: &str = "tcp:0:interface=127.0.0.1";

/// A relay to an echo that dumps, and the file.
struct Scene {
    directory: tempfile::TempDir,
    back_end: Running,
    relay: Running,
    address: String,
}

impl Scene {
    fn new(form: &str, options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut back_end = Running::ropewalk(&["serve", "echo", ENDPOINT]);
        let to = format!("tcp:{}", back_end.listening());
        let file = directory.path().join("dump").display().to_string();
        let arguments = ["relay", ENDPOINT, &to, "--dump", form, "--dump-file", &file];
        let mut relay = Running::ropewalk(&[&arguments[..], options].concat());
        let address = relay.listening();
        Self { directory, back_end, relay, address }
    }

    /// What the dump is after the end of the relay.
    fn ended(self) -> (Vec<u8>, String) {
        let ended = self.relay.terminate();
        assert_eq!(ended.code, Some(0), "{}", ended.errors);
        drop(self.back_end);
        (fs::read(self.directory.path().join("dump")).unwrap(), ended.errors)
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("dump")
    }
}

/// A packet of a dump.
struct Packet {
    source: (Vec<u8>, u16),
    sequence: u32,
    flags: u8,
    data: Vec<u8>,
}

/// Reads `pcap-savefile(5)` of IP and TCP heads without options.
fn packets(file: &[u8]) -> Vec<Packet> {
    let number = |at: usize| u32::from_ne_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!((number(0), number(20)), (0xa1b2_c3d4, 101), "microseconds, raw IP");
    let (mut packets, mut at) = (Vec::new(), 24);
    while at < file.len() {
        assert!(number(at) > 1_700_000_000 && number(at + 4) < 1_000_000, "a time");
        let length = number(at + 8);
        assert_eq!(length, number(at + 12));
        packets.push(packet(&file[at + 16..at + 16 + length]));
        at += 16 + length;
    }
    packets
}

fn packet(bytes: &[u8]) -> Packet {
    let (source, length, tcp) = match bytes[0] >> 4 {
        4 => (&bytes[12..16], u16::from_be_bytes([bytes[2], bytes[3]]) as usize, &bytes[20..]),
        _ => (&bytes[8..24], 40 + u16::from_be_bytes([bytes[4], bytes[5]]) as usize, &bytes[40..]),
    };
    assert_eq!(length, bytes.len());
    let port = u16::from_be_bytes([tcp[0], tcp[1]]);
    let sequence = u32::from_be_bytes(tcp[4..8].try_into().unwrap());
    assert_eq!(tcp[12], 0x50, "no options");
    Packet { source: (source.into(), port), sequence, flags: tcp[13], data: tcp[20..].into() }
}

/// The bytes of each side, with no gap between them.
fn streams(file: &[u8]) -> BTreeMap<u16, Vec<u8>> {
    let mut streams = BTreeMap::<u16, Vec<u8>>::new();
    for packet in packets(file) {
        let stream = streams.entry(packet.source.1).or_default();
        if !packet.data.is_empty() {
            assert_eq!(packet.sequence as usize, 1 + stream.len());
        }
        stream.extend(packet.data);
    }
    streams
}

#[test]
fn text_and_hexadecimal_numbers_have_each_byte_once_and_in_order() {
    for (form, count, expected) in [
        (
            "text",
            1,
            &["1 > 7 bytes: \"hello\\n\\xff\"", "1 > end", "1 < 7 bytes: \"hello\\n\\xff\""][..],
        ),
        ("hex", 2, &["00000000  68 65 6c 6c 6f 0a ff"]),
    ] {
        let scene = Scene::new(form, &[]);
        assert_eq!(exchange(connect(&scene.address), b"hello\n\xff".to_vec()), b"hello\n\xff");
        let mode = fs::metadata(scene.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "it has passwords");
        let (dump, errors) = scene.ended();
        let dump = String::from_utf8(dump).unwrap();
        for line in expected {
            assert_eq!(dump.matches(line).count(), count, "{line}:\n{dump}");
        }
        let lines: Vec<_> = dump.lines().collect();
        assert!(lines[0].contains(" 1 made: 127.0.0.1:"), "{dump}");
        assert!(lines[lines.len() - 1].ends_with(" 1 lost: connection closed cleanly"), "{dump}");
        assert_eq!(errors, "");
    }
}

#[test]
fn without_a_file_the_dump_is_on_standard_error() {
    let mut server = Running::ropewalk(&["serve", "echo", ENDPOINT, "--dump", "text"]);
    assert_eq!(exchange(server.connect(), b"a".to_vec()), b"a");
    let errors = server.terminate().errors;
    assert!(errors.contains(" 1 > 1 bytes: \"a\"\n"), "{errors}");
}

#[test]
fn packets_have_each_byte_of_both_ways() {
    let scene = Scene::new("pcap", &["--workers", "2"]);
    let data = pattern(3, 3 * MIB);
    assert_same(&exchange(connect(&scene.address), data.clone()), &data);
    assert_same(&exchange(connect(&scene.address), data.clone()), &data);
    let (dump, errors) = scene.ended();
    assert_eq!(errors, "");
    let packets = packets(&dump);
    let count = |flags| packets.iter().filter(|it| it.flags == flags).count();
    assert_eq!((count(0x02), count(0x12), count(0x11), count(0x14)), (2, 2, 4, 0), "SYN, FIN, RST");
    // Both connections have one port of the server.
    let (mut of_clients, mut of_server) = (Vec::new(), 0);
    let ports: Vec<u16> =
        packets.iter().filter(|it| it.flags == 0x12).map(|it| it.source.1).collect();
    for (port, length) in lengths(&packets) {
        if ports.contains(&port) { of_server = length } else { of_clients.push(length) }
    }
    assert_eq!((of_clients, of_server), (vec![data.len(); 2], 2 * data.len()));
}

fn lengths(packets: &[Packet]) -> BTreeMap<u16, usize> {
    let mut lengths = BTreeMap::new();
    for packet in packets {
        *lengths.entry(packet.source.1).or_default() += packet.data.len();
    }
    lengths
}

#[test]
fn packets_of_tls_and_of_unix_sockets_are_those_of_the_protocol() {
    let (certificate, directory) = (Certificate::new(), tempfile::tempdir().unwrap());
    let (file, path) = (directory.path().join("dump"), directory.path().join("socket"));
    let unix = format!("unix:{}", path.display());
    let arguments = ["serve", "echo", &certificate.server(), &unix, "--dump", "pcap"];
    let file_text = file.display().to_string();
    let mut server = Running::ropewalk(&[&arguments[..], &["--dump-file", &file_text]].concat());
    let address = server.listening();
    let data = pattern(4, MIB);
    let piped = ropewalk_with(&["pipe", &certificate.client(&address)], data.clone());
    assert_same(&piped.output, &data);
    let stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    assert_same(&exchange(stream, data.clone()), &data);
    assert_eq!(server.terminate().code, Some(0));
    let streams = streams(&fs::read(&file).unwrap());
    assert_eq!(streams.len(), 4, "{:?}", streams.keys());
    streams.values().for_each(|stream| assert_same(stream, &data));
}

#[test]
fn tcpdump_reads_the_packets() {
    let Some(tcpdump) = find_peer("tcpdump") else { return };
    let scene = Scene::new("pcap", &[]);
    assert_eq!(exchange(connect(&scene.address), b"hello".to_vec()), b"hello");
    let path = scene.path();
    let shown = |mut tcpdump: Command, path: &Path| {
        tcpdump.args(["-nn", "-vv", "-r"]).arg(path);
        String::from_utf8(run(tcpdump, "").output).unwrap()
    };
    let ended = scene.relay.terminate();
    assert_eq!(ended.code, Some(0));
    let text = shown(tcpdump, &path);
    assert!(text.contains("length 5") && text.contains("Flags [S.]"), "{text}");
    assert!(!text.contains("incorrect") && !text.contains("bad cksum"), "{text}");
}

#[test]
fn a_disk_that_is_full_and_a_file_that_is_not_read_stop_no_connection() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    let mut mkfifo = Command::new("mkfifo");
    mkfifo.arg(&fifo);
    assert_eq!(run(mkfifo, "").code, Some(0));
    // It is open, and nothing reads it.
    let unread = fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let full = ("/dev/full".to_owned(), "No space left on device");
    let slow = (fifo.display().to_string(), "warning: the dump lacks ");
    for (file, told) in [full, slow] {
        let arguments = ["serve", "echo", ENDPOINT, "--dump", "hex", "--dump-file", &file];
        let mut server = Running::ropewalk(&arguments);
        let data = pattern(5, 8 * MIB);
        assert_same(&exchange(server.connect(), data.clone()), &data);
        let ended = server.terminate();
        assert_eq!(ended.code, Some(0));
        assert!(ended.errors.contains(told), "{}", ended.errors);
    }
    drop(unread);
}

#[test]
fn a_connection_that_breaks_ends_with_a_reset_in_the_dump() {
    let scene = Scene::new("pcap", &[]);
    let mut client = connect(&scene.address);
    client.write_all(b"x").unwrap();
    client.read_exact(&mut [0]).unwrap();
    socket2::SockRef::from(&client).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(client);
    let (dump, _) = scene.ended();
    assert_eq!(packets(&dump).last().unwrap().flags, 0x14);
}

#[test]
fn a_dump_that_cannot_be_is_told_at_once() {
    let serve = ["serve", "echo", ENDPOINT];
    for (options, code) in [
        (&["--dump", "pcap"][..], 64),
        (&["--dump-file", "x"], 64),
        (&["--dump", "xml"], 64),
        (&["--dump", "text", "--dump-file", "/no/such/directory/x"], 69),
    ] {
        let ended = ropewalk(&[&serve[..], options].concat());
        assert_eq!(ended.code, Some(code), "{options:?} {}", ended.errors);
        assert!(!ended.errors.is_empty() && ended.output.is_empty());
    }
}
