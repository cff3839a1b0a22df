//! Paths of what is no file of certificates: nothing blocks, nothing is read without end, and all of it
//! is named.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

use crate::certificates::Authority;
use crate::machine::{Files, Machine};

/// Every argument that names files, in a string that has `PATH` in its place.
const SERVERS: [(&str, &str); 4] = [
    ("privateKey", "ssl:443:PATH"),
    ("certKey", "ssl:443:GOOD:PATH"),
    ("extraCertChain", "ssl:443:GOOD:GOOD:extraCertChain=PATH"),
    ("path", "tls:PATH:443"),
];

const CLIENTS: [(&str, &str); 4] = [
    ("certificate", "tls:a.example:443:certificate=PATH"),
    ("privateKey", "tls:a.example:443:certificate=GOOD:privateKey=PATH"),
    ("certKey", "ssl:a.example:443:certKey=PATH"),
    ("privateKey", "ssl:a.example:443:certKey=GOOD:privateKey=PATH"),
];

/// What each string that reads one file tells about this path.
fn told(files: &Files, path: &str) -> Vec<(&'static str, String)> {
    let machine = Machine::new();
    let own = Authority::new().identity("a.example");
    let good = files.write("good.pem", &(own.key_pem() + &own.certificate_pem));
    let fill = |text: &str| text.replace("PATH", path).replace("GOOD", &good);
    let servers =
        SERVERS.iter().map(|(name, text)| (*name, machine.serve(&fill(text)).unwrap_err()));
    let clients =
        CLIENTS.iter().map(|(name, text)| (*name, machine.call(&fill(text)).unwrap_err()));
    servers.chain(clients).collect()
}

#[test]
fn a_fifo_a_socket_and_a_device_are_refused_at_once_and_named() {
    let files = Files::new();
    let (fifo, socket) = (files.place("fifo.pem"), files.place("socket.pem"));
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let _listener = UnixListener::bind(&socket).unwrap();
    for (path, kind) in [
        (files.path("fifo.pem"), "a FIFO"),
        (files.path("socket.pem"), "a socket"),
        ("/dev/zero".to_owned(), "a device"),
        ("/dev/null".to_owned(), "a device"),
    ] {
        for (argument, told) in told(&files, &path) {
            let expected = format!(
                "cannot read the file `{path}` of `{argument}`: it is {kind}: expected a regular file"
            );
            assert!(told.contains(&expected), "{told}");
        }
    }
}

#[test]
fn a_link_to_a_file_is_as_good_as_the_file_and_one_to_a_fifo_is_not() {
    let files = Files::new();
    let own = Authority::new().identity("a.example");
    files.write("good.pem", &(own.key_pem() + &own.certificate_pem));
    symlink(files.place("good.pem"), files.place("link.pem")).unwrap();
    Machine::new().serve(&format!("ssl:443:{}", files.path("link.pem"))).unwrap();
    assert!(Command::new("mkfifo").arg(files.place("fifo")).status().unwrap().success());
    symlink(files.place("fifo"), files.place("other.pem")).unwrap();
    let told = Machine::new().serve(&format!("ssl:443:{}", files.path("other.pem"))).unwrap_err();
    assert!(told.contains("it is a FIFO"), "{told}");
}

#[test]
fn a_directory_in_the_place_of_a_file_is_named() {
    let files = Files::new();
    files.write("pems/note.txt", "");
    let path = files.path("pems");
    for (argument, told) in told(&files, &path) {
        if argument != "path" {
            let expected = format!("`{path}` of `{argument}`: it is a directory");
            assert!(told.contains(&expected), "{told}");
        }
    }
}

#[test]
fn a_file_without_end_is_refused_and_a_large_one_is_read() {
    let files = Files::new();
    let own = Authority::new().identity("a.example");
    let whole = own.key_pem() + &own.certificate_pem;
    files.write("large.pem", &whole);
    let file = std::fs::OpenOptions::new().write(true).open(files.place("large.pem")).unwrap();
    file.set_len((16 << 20) + 1).unwrap();
    for (argument, told) in told(&files, &files.path("large.pem")) {
        let expected = format!("of `{argument}`: it has more than 16777216 bytes");
        assert!(told.contains(&expected), "{told}");
    }
    files.write("bundle.pem", &(whole + &"# a note\n".repeat(100_000)));
    Machine::new().serve(&format!("ssl:443:{}", files.path("bundle.pem"))).unwrap();
}

#[test]
fn what_is_no_file_is_passed_over_in_a_directory() {
    let files = Files::new();
    let authority = Authority::new();
    let own = authority.identity("a.example");
    files.write("pems/own.pem", &(own.key_pem() + &own.certificate_pem));
    files.write("roots/authority.pem", authority.pem());
    for name in ["pems/a.pem", "roots/a.pem"] {
        assert!(Command::new("mkfifo").arg(files.place(name)).status().unwrap().success());
    }
    let machine = Machine::new();
    machine.serve(&format!("tls:{}:443", files.path("pems"))).unwrap();
    let text = format!("tls:a.example:443:trustRoots={}", files.path("roots"));
    assert_eq!(machine.call(&text).unwrap().received(), b"hello");
}

#[test]
fn a_directory_that_leads_back_to_itself_has_an_end() {
    let files = Files::new();
    files.write("pems/note.txt", "");
    for number in 0..20 {
        symlink(files.place("pems"), files.place(&format!("pems/{number}"))).unwrap();
    }
    let path = files.path("pems");
    let machine = Machine::new();
    let servers = machine.serve(&format!("tls:{path}:443"));
    let clients = machine.call(&format!("tls:a.example:443:trustRoots={path}")).map(drop);
    for (argument, told) in [("path", servers), ("trustRoots", clients)] {
        let told = told.unwrap_err();
        let expected = format!("the directory `{path}` of `{argument}`: it has more than 100000");
        assert!(told.contains(&expected), "{told}");
    }
}

/// endpoint-ssl-026
#[test]
fn files_of_a_directory_of_roots_that_cannot_be_read_are_skipped_and_told() {
    let (files, authority) = (Files::new(), Authority::new());
    let own = authority.identity("a.example");
    let pem = files.write("server.pem", &(own.key_pem() + &own.certificate_pem));
    files.write("roots/authority.pem", authority.pem());
    symlink(files.place("nothing"), files.place("roots/dangling.pem")).unwrap();
    assert!(Command::new("mkfifo").arg(files.place("roots/fifo.crt")).status().unwrap().success());
    files.write("roots/torn.cer", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    let machine = Machine::new();
    machine.serve(&format!("ssl:443:{pem}")).unwrap();
    let text = format!("ssl:a.example:443:caCertsDir={}", files.path("roots"));
    assert_eq!(machine.call(&text).unwrap().received(), b"hello");
    let told = machine.told.borrow();
    assert_eq!(told.len(), 3, "{told:?}");
    for words in [
        "dangling.pem",
        "fifo.crt` of `caCertsDir`: it is a FIFO",
        "torn.cer` of `caCertsDir`: line 1",
    ] {
        assert!(told.iter().any(|told| told.contains(words)), "{words}: {told:?}");
    }
}

/// The text of a fault goes to terminals and logs.
#[test]
fn a_fault_of_any_kind_shows_no_control_character_of_the_file() {
    let texts = [
        "----- BEGIN \u{1b}[2J CERTIFICATE-----",
        "-----BEGIN \u{1b}[2J-----\nAAEC\n",
        "-----BEGIN A-----\nAAEC\n-----END \u{1b}[2J-----\n",
        "-----END \u{1b}[2J-----\n",
        "-----BEGIN \u{1b}[2J-----\n!\n-----END \u{1b}[2J-----\n",
        "-----BEGIN \u{202e} CERTIFICATE-----\nAAEC\n-----END \u{202e} CERTIFICATE-----\n",
    ];
    let faults = texts.iter().flat_map(|text| ropewalk_tls::read_pem(text.as_bytes()).faults);
    let told: Vec<String> = faults.map(|fault| fault.to_string()).collect();
    assert!(told.iter().any(|told| told.contains(r"\u{1b}[2J")), "{told:?}");
    assert!(!told.iter().any(|told| told.contains(['\u{1b}', '\u{202e}'])), "{told:?}");
}
