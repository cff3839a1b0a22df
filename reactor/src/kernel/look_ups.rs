//! [`LookUpSys`] for [`Kernel`]: getaddrinfo(3), which reads the hosts file and asks name servers as the
//! system is set up to.
//!
//! Invariant: the calling thread waits for nothing; the work that is returned does.

use std::net::SocketAddr;

use interfaces::AddressFamily;

use super::{Kernel, hosts_file, raw_calls};
use crate::sys::{LookUp, LookUpResult, LookUpSys};

impl LookUpSys for Kernel {
    fn look_up(&self, host: &str, port: u16, family: AddressFamily) -> LookUp {
        let (host, asked) = (host.to_owned(), host.to_owned());
        LookUp::Work {
            work: Box::new(move || addresses(&host, port, family)),
            is_short: Box::new(move || {
                raw_calls::is_numeric(&asked) || hosts_file::has_name(&asked, family)
            }),
        }
    }
}

fn addresses(host: &str, port: u16, family: AddressFamily) -> LookUpResult {
    let mut found: Vec<SocketAddr> = raw_calls::addresses_of(host, asked_family(family))?;
    if found.is_empty() {
        return Err(family.missing().to_owned());
    }
    found.iter_mut().for_each(|address| address.set_port(port));
    Ok(found)
}

/// The family that the system is asked for.
fn asked_family(family: AddressFamily) -> libc::c_int {
    match family {
        AddressFamily::Any => libc::AF_UNSPEC,
        AddressFamily::Ipv4 => libc::AF_INET,
        AddressFamily::Ipv6 => libc::AF_INET6,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn the_system_is_asked_for_the_family_that_is_wanted() {
        let asked = [AddressFamily::Any, AddressFamily::Ipv4, AddressFamily::Ipv6];
        assert_eq!(asked.map(asked_family), [libc::AF_UNSPEC, libc::AF_INET, libc::AF_INET6]);
        for (host, family, fits) in [
            ("127.0.0.1", AddressFamily::Ipv4, true),
            ("127.0.0.1", AddressFamily::Ipv6, false),
            ("::1", AddressFamily::Ipv6, true),
            ("::1", AddressFamily::Ipv4, false),
        ] {
            let found = addresses(host, 80, family);
            let address = host.parse::<IpAddr>().expect("numeric");
            let want = fits.then(|| vec![SocketAddr::new(address, 80)]);
            assert_eq!(found.clone().ok(), want, "{found:?}");
        }
    }

    #[test]
    fn what_needs_no_name_server_is_known_before_it_is_looked_up() {
        let kernel = Kernel::new().expect("opens");
        for (host, is_short) in [
            ("fe80::1%lo", true),
            ("127.1", true),
            ("::1", true),
            ("something.invalid", false),
            ("", false),
            ("nul\0byte", false),
        ] {
            let look_up = kernel.look_up(host, 80, AddressFamily::Any);
            let LookUp::Work { is_short: answer, .. } = look_up else { panic!("{look_up:?}") };
            assert_eq!(answer(), is_short, "{host:?}");
        }
    }

    #[test]
    fn an_address_of_a_link_keeps_its_zone() {
        let found = addresses("fe80::1%lo", 80, AddressFamily::Any).expect("lo is there");
        let [SocketAddr::V6(address)] = found[..] else { panic!("{found:?}") };
        // The loopback interface is the first of every network namespace.
        assert_eq!((address.scope_id(), address.port()), (1, 80));
        assert_eq!(address.ip().to_string(), "fe80::1");
    }

    #[test]
    fn a_text_that_is_no_name_is_an_error() {
        for host in ["", "nul\0byte", "two words", "something.invalid"] {
            assert!(addresses(host, 80, AddressFamily::Any).is_err_and(|text| !text.is_empty()));
        }
    }
}
