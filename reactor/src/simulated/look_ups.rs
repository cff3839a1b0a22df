//! [`LookUpSys`] for [`Simulated`]: a table of names, whose answers take a connection's latency each way.
//!
//! Invariant: no name server and no hosts file of the machine is asked.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use interfaces::AddressFamily;

use super::kind::ChoiceKind;
use super::network::Simulated;
use super::trace::SystemCall;
use super::world::World;
use crate::sys::{LookUp, LookUpResult, LookUpSys};

/// The addresses of the names. `None`: the name server never answers.
#[derive(Debug)]
pub(super) struct Hosts(BTreeMap<String, Option<Vec<IpAddr>>>);

impl Default for Hosts {
    fn default() -> Self {
        let loopback = vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
        Self(BTreeMap::from([("localhost".to_owned(), Some(loopback))]))
    }
}

impl Simulated {
    /// Gives a host name addresses, in the place of those it has; an empty list means that the name does not exist,
    /// as at first for every name but `localhost`.
    #[doc(alias = "setHost")]
    pub fn set_host(&self, host: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        let addresses = addresses.into_iter().collect();
        self.world.borrow_mut().hosts.0.insert(host.to_ascii_lowercase(), Some(addresses));
    }

    /// From now on a look-up of this name gets no answer.
    pub fn silence_host(&self, host: &str) {
        self.world.borrow_mut().hosts.0.insert(host.to_ascii_lowercase(), None);
    }
}

impl LookUpSys for Simulated {
    fn look_up(&self, host: &str, port: u16, family: AddressFamily) -> LookUp {
        self.world.borrow_mut().look_up(host, port, family)
    }
}

impl World {
    fn look_up(&mut self, host: &str, port: u16, family: AddressFamily) -> LookUp {
        let latency = self.links.latency.clone();
        let [there, back] =
            [(); 2].map(|()| Duration::from(self.choices.duration(ChoiceKind::LookUp, &latency)));
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let found = match (zoned(host), self.hosts.0.get(&name)) {
            (Some(address), _) => Some(vec![address.into()]),
            (None, Some(None)) => None,
            (None, Some(Some(addresses))) => {
                Some(addresses.iter().map(|address| SocketAddr::new(*address, 0)).collect())
            }
            (None, None) => Some(Vec::new()),
        };
        let count = found.as_ref().map_or(-1, |found: &Vec<SocketAddr>| found.len() as i64);
        self.trace.note(self.clock.now(), SystemCall::LookUp, u64::from(port), count);
        self.trace.note_bytes(host.as_bytes());
        match found {
            None => LookUp::After(Duration::MAX, Err("no name server answers".to_owned())),
            Some(found) => LookUp::After(there + back, of_family(found, port, family)),
        }
    }
}

fn of_family(found: Vec<SocketAddr>, port: u16, family: AddressFamily) -> LookUpResult {
    if found.is_empty() {
        return Err("there is no such host".to_owned());
    }
    let mut found: Vec<_> = found.into_iter().filter(|address| family.has(address)).collect();
    found.iter_mut().for_each(|address| address.set_port(port));
    if found.is_empty() { Err(family.missing().to_owned()) } else { Ok(found) }
}

/// An address of a link with its zone, by number or as `lo`, the one network device.
fn zoned(host: &str) -> Option<SocketAddrV6> {
    let (address, zone) = host.split_once('%')?;
    let zone = if zone == "lo" { 1 } else { zone.parse().ok()? };
    Some(SocketAddrV6::new(address.parse().ok()?, 0, 0, zone))
}
