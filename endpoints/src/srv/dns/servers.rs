//! The name servers of the system (resolv.conf(5)).
//!
//! Invariant: there is at least one, as for the system's own resolver, which asks this machine where the file
//! names none.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use crate::Host;

const FILE: &str = "/etc/resolv.conf";
const PORT: u16 = 53;

/// The system's own limits (resolv.conf(5)): servers, seconds for each question, rounds.
const SERVERS_MAX: usize = 3;
const SECONDS_MAX: u64 = 30;
const ROUNDS_MAX: usize = 5;

/// The name servers that are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DnsServers {
    /// Those of `/etc/resolv.conf`, which is read for each look-up; of its options `timeout` and `attempts`
    /// count. A service's name is never completed by `search`.
    System,
    /// These.
    These(Vec<SocketAddr>),
}

/// The servers of one look-up, and how they are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) servers: Vec<SocketAddr>,
    /// The time limit of each question.
    pub(super) timeout: Duration,
    /// How often each server is asked.
    pub(super) rounds: usize,
}

impl DnsServers {
    pub(super) fn plan(&self) -> Plan {
        match self {
            Self::System => plan_of(&std::fs::read_to_string(FILE).unwrap_or_default()),
            Self::These(servers) => Plan { servers: servers.clone(), ..plan_of("") },
        }
    }
}

fn plan_of(file: &str) -> Plan {
    let mut plan = Plan { servers: Vec::new(), timeout: Duration::from_secs(5), rounds: 2 };
    for line in file.lines() {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("nameserver") if plan.servers.len() < SERVERS_MAX => {
                let host = words.next().and_then(|word| word.parse::<Host>().ok());
                plan.servers.extend(host.and_then(|host| host.socket_addr(PORT)));
            }
            Some("options") => words.for_each(|option| plan.apply(option)),
            _ => {}
        }
    }
    if plan.servers.is_empty() {
        plan.servers.push(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT));
    }
    plan
}

impl Plan {
    fn apply(&mut self, option: &str) {
        let Some((name, number)) = option.split_once(':') else { return };
        let Ok(number) = number.parse::<u64>() else { return };
        match name {
            "timeout" => self.timeout = Duration::from_secs(number.clamp(1, SECONDS_MAX)),
            "attempts" => self.rounds = (number as usize).clamp(1, ROUNDS_MAX),
            _ => {}
        }
    }

    /// The servers in the order in which they are asked.
    pub(super) fn order(&self) -> Vec<SocketAddr> {
        let all = self.servers.iter().copied();
        all.cycle().take(self.servers.len() * self.rounds).collect()
    }
}

/// A server as errors name it.
pub(super) fn shown(server: SocketAddr) -> String {
    alloc::format!("the name server {server}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    fn shown(file: &str) -> (Vec<String>, u64, usize) {
        let plan = plan_of(file);
        let servers = plan.servers.iter().map(|server| server.to_string()).collect();
        (servers, plan.timeout.as_secs(), plan.rounds)
    }

    #[test]
    fn the_file_names_up_to_three_servers_a_time_and_a_number_of_rounds() {
        let file = "# nameserver 9.9.9.9\nsearch a.example\n nameserver 192.0.2.1\n\
            nameserver fe80::1%2\nnameserver nonsense\noptions ndots:2 timeout:1 attempts:3 rotate\n\
            nameserver 192.0.2.2\nnameserver 192.0.2.3\n";
        let servers = ["192.0.2.1:53", "[fe80::1%2]:53", "192.0.2.2:53"].map(String::from);
        assert_eq!(shown(file), (servers.to_vec(), 1, 3));
    }

    #[test]
    fn without_a_file_this_machine_is_asked_twice_for_five_seconds() {
        assert_eq!(shown(""), (["127.0.0.1:53".into()].to_vec(), 5, 2));
        assert_eq!(shown("options timeout:999 attempts:0").1, 30);
        assert_eq!(shown("options timeout:0 attempts:99").2, 5);
    }

    #[test]
    fn all_servers_are_asked_before_the_first_is_asked_again() {
        let plan = plan_of("nameserver 192.0.2.1\nnameserver 192.0.2.2\n");
        let last = |address: &SocketAddr| address.to_string().as_bytes()[8];
        assert_eq!(plan.order().iter().map(last).collect::<Vec<_>>(), b"1212");
    }
}
