//! The names of the hosts file (hosts(5)).
//!
//! Invariant: nothing is looked up by what stands here; it says which names getaddrinfo(3) finds without a
//! name server.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;

use interfaces::AddressFamily;

const HOSTS_FILE: &str = "/etc/hosts";

/// Whether the file has an address of the family for this name.
pub(super) fn has_name(host: &str, family: AddressFamily) -> bool {
    File::open(HOSTS_FILE).is_ok_and(|file| has_name_in(BufReader::new(file), host, family))
}

fn has_name_in(hosts: impl BufRead, host: &str, family: AddressFamily) -> bool {
    // A line that cannot be read ends it: the name server is asked.
    let mut lines = hosts.split(b'\n').map_while(Result::ok);
    lines.any(|line| line_has_name(&line, host, family))
}

/// An address, and the names that it has, up to a `#`.
fn line_has_name(line: &[u8], host: &str, family: AddressFamily) -> bool {
    let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
    let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
    let is_of_family = fields.next().is_some_and(|address| match address_of(address) {
        Some(address) => family.has(&(address, 0).into()),
        None => false,
    });
    is_of_family && fields.any(|name| name.eq_ignore_ascii_case(host.as_bytes()))
}

/// The address at the beginning of a line, without its zone.
fn address_of(field: &[u8]) -> Option<IpAddr> {
    let address = field.split(|byte| *byte == b'%').next()?;
    str::from_utf8(address).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: &[u8] = b"\
        127.0.0.1\tlocalhost first.test  second.test # third.test\n\
        # 127.0.0.1 fourth.test\n\
        ::1 localhost\r\n\
        fe80::1%eth0 zoned.test\n\
        \xff\xfe binary.test\n\
        fifth.test\n\
        \n\
        10.0.0.1 LAST.test";

    fn has(host: &str, family: AddressFamily) -> bool {
        has_name_in(HOSTS, host, family)
    }

    #[test]
    fn a_name_is_known_by_each_line_that_has_it_behind_an_address() {
        for host in
            ["localhost", "LocalHost", "first.test", "second.test", "last.TEST", "zoned.test"]
        {
            assert!(has(host, AddressFamily::Any), "{host}");
        }
        let unknown =
            ["third.test", "fourth.test", "binary.test", "fifth.test", "127.0.0.1", "first"];
        for host in [&unknown[..], &["", "#", "test", "first.test."]].concat() {
            assert!(!has(host, AddressFamily::Any), "{host}");
        }
    }

    #[test]
    fn a_name_without_an_address_of_the_family_is_asked_of_a_name_server() {
        for (host, ipv4, ipv6) in
            [("localhost", true, true), ("first.test", true, false), ("zoned.test", false, true)]
        {
            assert_eq!(has(host, AddressFamily::Ipv4), ipv4, "{host}");
            assert_eq!(has(host, AddressFamily::Ipv6), ipv6, "{host}");
        }
    }
}
