//! The command `ropewalk`, run as its users run it: the built program, real sockets, real peers.
//!
//! Every port is 0 and read from the `listening` line; every wait has a limit; every child is ended
//! by its own id. Where a peer is not installed the test says so and passes, unless the environment
//! has `ROPEWALK_PEERS=required`.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

mod bytes;
mod certificates;
mod foreign;
mod peer;
mod proxied;
mod refused;
mod routed;
mod running;

mod activate;
mod check;
mod dump;
mod endpoints;
mod fleet;
mod kinds;
mod leaving;
mod log;
mod log_forms;
mod notify;
mod pace;
mod pipe;
mod probe;
mod relay;
mod renewal;
mod run_file;
mod serve;
mod served;
mod shutdown;
mod status;
mod terminal;
mod upgrade;
mod usage;
mod workers;
mod wrong_input;

mod limits;
mod machine;
mod memory;
mod mistyped;
mod system_calls;
mod system_roots;

mod peers_agent;
mod peers_curl;
mod peers_gnutls;
mod peers_haproxy;
mod peers_identity;
mod peers_openssl;
mod peers_proxies;
mod peers_python;
mod peers_refusals;
mod peers_sessions;
mod peers_sni;
mod peers_socat;
mod peers_starttls;
mod peers_systemd;
