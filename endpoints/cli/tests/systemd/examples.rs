//! The unit files that come with the project do what they say.
//!
//! Invariant: they are run as they are, but for the command, the ports and the directory of the sockets.

use std::io::{Read as _, Write as _};

use crate::client::{echoes, free_port, tcp, unix};
use crate::manager::Manager;

/// An example, at this test's place.
macro_rules! example {
    ($name:literal, $($from:expr => $to:expr),*) => {{
        let text = include_str!(concat!("../../../../systemd/examples/", $name));
        let text = text.replace("/usr/bin/ropewalk", "%ROPEWALK").replace("/run/", "%D/");
        $(
            assert!(text.contains($from), "{}", $name);
            let text = text.replace($from, &$to);
        )*
        ($name, text)
    }};
}

fn start(units: &[(&str, String)]) -> Option<Manager> {
    let units: Vec<(&str, &str)> = units.iter().map(|(name, text)| (*name, &**text)).collect();
    Manager::start(&units)
}

fn stream(port: u16) -> String {
    format!("ListenStream=127.0.0.1:{port}")
}

#[test]
fn echo_is_started_by_a_client_and_has_all_sockets_of_its_name() {
    let port = free_port();
    let units =
        [example!("echo.socket", "ListenStream=7" => stream(port)), example!("echo.service",)];
    let Some(manager) = start(&units) else { return };
    echoes(tcp(port));
    echoes(unix(&manager.path("echo.sock")));
    assert_eq!(manager.property("echo.service", "ActiveState"), "active");
    assert_eq!(manager.property("echo.service", "WatchdogUSec"), "30s");
}

#[test]
fn daytime_has_two_sockets_with_names_of_their_own() {
    let port = free_port();
    let units = [
        example!("daytime-public.socket", "ListenStream=13" => stream(port)),
        example!("daytime-local.socket",),
        example!("daytime.service",),
    ];
    let Some(manager) = start(&units) else { return };
    let mut local = String::new();
    unix(&manager.path("daytime.sock")).read_to_string(&mut local).unwrap();
    let mut public = String::new();
    tcp(port).read_to_string(&mut public).unwrap();
    assert!(local.len() > 10 && public.len() > 10, "{local} {public}");
}

#[test]
fn each_connection_has_its_own_process() {
    let port = free_port();
    let units =
        [example!("each.socket", "ListenStream=9" => stream(port)), example!("each@.service",)];
    let Some(manager) = start(&units) else { return };
    let (mut one, other) = (tcp(port), tcp(port));
    one.write_all(b"nothing").unwrap();
    manager.awaits("each.socket", "NConnections", "2");
    drop((one, other));
    manager.awaits("each.socket", "NConnections", "0");
}

#[test]
fn a_kept_socket_needs_no_socket_unit() {
    let port = free_port();
    let endpoint = format!(r"tcp\\:{port}\\:interface\\=127.0.0.1");
    let units = [example!("kept.service", r"tcp\\:7007" => endpoint)];
    let Some(manager) = start(&units) else { return };
    manager.does(&["start", "kept.service"]);
    echoes(tcp(port));
    assert_eq!(manager.property("kept.service", "NFileDescriptorStore"), "1");
    manager.does(&["restart", "kept.service"]);
    echoes(tcp(port));
    assert_eq!(manager.property("kept.service", "NFileDescriptorStore"), "1");
}
