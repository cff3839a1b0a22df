//! Two hosts on this machine: threads in network namespaces of their own, joined by a cable.
//!
//! Invariant: a namespace has no name, so that it and its end of the cable are gone with its thread.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use ropewalk_reactor::Reactor;
use testkit::{find_peer, skip};

use super::PATIENCE;

/// The interfaces at the two ends of the cable.
pub(crate) const NEAR: End = End { interface: "near", ipv4: "10.77.0.1", ipv6: "fd77::1" };
pub(crate) const FAR: End = End { interface: "far", ipv4: "10.77.0.2", ipv6: "fd77::2" };

/// One host's end of the cable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) interface: &'static str,
    ipv4: &'static str,
    ipv6: &'static str,
}

impl End {
    pub(crate) fn at(&self, port: u16, is_ipv6: bool) -> SocketAddr {
        let ip: IpAddr = if is_ipv6 { self.ipv6 } else { self.ipv4 }.parse().unwrap();
        SocketAddr::new(ip, port)
    }

    /// Gives the interface its addresses, on the thread in whose namespace it is.
    fn configure(&self) -> Result<(), String> {
        let (ipv4, ipv6) = (format!("{}/24", self.ipv4), format!("{}/64", self.ipv6));
        ip(&["address", "add", &ipv4, "broadcast", "10.77.0.255", "dev", self.interface])?;
        // Without IPv6 its tests are skipped.
        let _ = ip(&["address", "add", &ipv6, "dev", self.interface, "nodad"]);
        ip(&["link", "set", "lo", "up"])?;
        ip(&["link", "set", self.interface, "up"])
    }
}

/// Runs ip(8).
pub(crate) fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("this machine cannot {}: {errors}", arguments.join(" ")))
}

/// Moves this thread into a new network namespace, which has no interface but a loopback that is down.
fn leave_the_network() -> io::Result<()> {
    // SAFETY: unshare(2) touches no memory; the namespace of this thread alone changes.
    match unsafe { libc::unshare(libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What the far host tells the near one, and is told.
pub(crate) struct FarHost<'a> {
    begun: Sender<()>,
    over: &'a AtomicBool,
}

impl FarHost<'_> {
    /// Lets the near host begin, and turns until it has ended.
    pub(crate) fn serve(&self, reactor: &Reactor) {
        self.begun.send(()).unwrap();
        let end = Instant::now() + 2 * PATIENCE;
        while !self.over.load(Ordering::Acquire) {
            assert!(Instant::now() < end, "the near host does not end; {reactor:?}");
            reactor.turn(Some(Duration::from_millis(10))).unwrap();
        }
    }
}

/// Tells the far host of the end, also by a panic.
struct TellsTheEnd<'a>(&'a AtomicBool);

impl Drop for TellsTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Runs `far` on one host and, once that serves, `near` on the other one. Notes a skip where this process
/// may not make namespaces.
pub(crate) fn two_hosts(far: impl FnOnce(&FarHost<'_>) + Send, near: impl FnOnce() + Send) {
    if find_peer("ip").is_none() {
        return;
    }
    let over = AtomicBool::new(false);
    let (number, numbers) = channel();
    let (joined, is_joined) = channel();
    let (begun, has_begun) = channel();
    let made = thread::scope(|scope| {
        let over = &over;
        let far = named().spawn_scoped(scope, move || {
            number.send(leave_the_network().map(|()| thread_number())).unwrap();
            // An error of the other side ends this one.
            if is_joined.recv().is_ok() {
                FAR.configure().unwrap();
                far(&FarHost { begun, over });
            }
        });
        let far = far.unwrap();
        let near = named().spawn_scoped(scope, move || {
            let _end = TellsTheEnd(over);
            join(&numbers)?;
            joined.send(()).unwrap();
            NEAR.configure()?;
            has_begun.recv().expect("the far host serves");
            near();
            Ok::<(), String>(())
        });
        let near = near.unwrap();
        let made = near.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        far.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        made
    });
    if let Err(reason) = made {
        skip(&reason);
    }
}

/// A thread by the name of this one, which a skip is noted with.
fn named() -> thread::Builder {
    thread::Builder::new().name(thread::current().name().unwrap_or_default().to_owned())
}

fn thread_number() -> i32 {
    // SAFETY: gettid(2) has no arguments and no effects.
    unsafe { libc::gettid() }
}

/// Lays the cable between this thread's host and that of the thread whose number comes.
fn join(numbers: &Receiver<io::Result<i32>>) -> Result<(), String> {
    let refused = |error: io::Error| format!("no network namespace can be made: {error}");
    let far = numbers.recv().expect("the far thread lives").map_err(refused)?;
    leave_the_network().map_err(refused)?;
    let (near, far_end) = (NEAR.interface, FAR.interface);
    let number = far.to_string();
    ip(&["link", "add", near, "type", "veth", "peer", "name", far_end, "netns", &number])
}
