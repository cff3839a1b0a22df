//! Groups of reactors, and clients on a thread beside them.
//!
//! Invariant: nothing here waits without a bound.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::{Barrier, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use deferred::Failure;
use interfaces::{Factory, ListenTcp, ReactorCore as _, ReactorTcp as _};
use ropewalk_reactor::{Kernel, Member, ReactorGroup, Remote};

use super::PATIENCE;

/// A member's handle for other threads.
pub(crate) type MemberRemote = Remote<Kernel>;

/// A client of a server whose protocols say the number of their member first.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    pub(crate) member: usize,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut number = [0];
        stream.read_exact(&mut number).unwrap();
        Self { stream, member: usize::from(number[0]) }
    }

    /// Says something and hears it back.
    pub(crate) fn exchange(&mut self, said: &[u8]) {
        self.stream.write_all(said).unwrap();
        let mut heard = vec![0; said.len()];
        self.stream.read_exact(&mut heard).unwrap();
        assert_eq!(heard, said);
    }
}

/// Runs a group whose members do `main`, and `client` on a thread beside it once all have; then stops each
/// member.
pub(crate) fn with_group<R: Send>(
    group: ReactorGroup,
    main: impl Fn(&Member) -> Result<(), Failure> + Sync,
    client: impl FnOnce(&[MemberRemote]) -> R + Send,
) -> R {
    let ready = Barrier::new(group.members());
    let (send, receive) = mpsc::channel();
    let send = Mutex::new(Some(send));
    thread::scope(|scope| {
        let client = scope.spawn(move || {
            let remotes: Vec<MemberRemote> = receive.recv_timeout(PATIENCE).unwrap();
            let stop = StopOnDrop(&remotes);
            let result = client(stop.0);
            drop(stop);
            result
        });
        let run = group.without_signals().run(|member| {
            main(member)?;
            ready.wait();
            if member.index() == 0 {
                let remotes = (0..member.members()).map(|it| member.remote(it).unwrap().clone());
                send.lock().unwrap().take().unwrap().send(remotes.collect()).unwrap();
            }
            Ok(())
        });
        let result = client.join();
        run.unwrap();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Stops the members also when the client fails.
struct StopOnDrop<'a>(&'a [MemberRemote]);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        for remote in self.0 {
            remote.call_from_thread(|reactor| {
                // It may have stopped already.
                let _ = reactor.stop();
            });
        }
    }
}

/// Runs a group that serves on one port of the loopback, which member 0 opens.
pub(crate) fn serve<R: Send>(
    members: usize,
    factory: impl Fn(&Member) -> Rc<dyn Factory> + Sync,
    client: impl FnOnce(SocketAddr, &[MemberRemote]) -> R + Send,
) -> R {
    let address = Mutex::new(None);
    let opened = Barrier::new(members);
    let main = |member: &Member| {
        let options = ListenTcp::new(([127, 0, 0, 1], 0));
        if member.index() > 0 {
            opened.wait();
        }
        let port = member.listen_tcp(&options, factory(member))?;
        if member.index() == 0 {
            opened.wait();
        }
        address.lock().unwrap().replace(port.host().as_socket_addr().unwrap());
        Ok(())
    };
    with_group(ReactorGroup::new(members), main, |remotes| {
        let address = address.lock().unwrap().unwrap();
        client(address, remotes)
    })
}

/// The number of streams of each member.
pub(crate) fn loads(remotes: &[MemberRemote]) -> Vec<usize> {
    let load = |remote: &MemberRemote| {
        let (send, receive) = mpsc::channel();
        remote.call_from_thread(move |reactor| send.send(reactor.counts().streams).unwrap());
        receive.recv_timeout(PATIENCE).unwrap()
    };
    remotes.iter().map(load).collect()
}

/// Waits until `claim` holds.
pub(crate) fn eventually(what: &str, mut claim: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !claim() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(1));
    }
}
