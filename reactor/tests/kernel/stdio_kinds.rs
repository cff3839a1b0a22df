//! Two descriptors as one connection, over every kind that standard input and output can be.

use std::cell::Cell;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use interfaces::{ReactorDescriptors as _, Reason};
use protocol::ProtocolRef;
use protocol::testing::{Record, Recorder};
use ropewalk_reactor::{Counts, Reactor};
use testkit::pattern;

use crate::support::descriptors::{null, open};
use crate::support::{RecordExt as _, turn_until};

fn is_non_blocking(descriptor: &impl AsRawFd) -> bool {
    // SAFETY: the descriptor is open for as long as it is borrowed, and the call takes numbers.
    let flags = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_GETFL) };
    flags & libc::O_NONBLOCK != 0
}

fn copy(descriptor: &impl std::os::fd::AsFd) -> OwnedFd {
    descriptor.as_fd().try_clone_to_owned().unwrap()
}

#[test]
fn a_file_is_read_to_its_end_from_the_place_where_it_stands() {
    let reactor = Reactor::new().unwrap();
    let data = pattern(1, 1 << 20);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&data).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(1000)).unwrap();
    let seen = open(&reactor, copy(&file), null(), |recorder| recorder);
    turn_until(&reactor, "the end came", || seen.is_lost());
    assert!(seen.received() == data[1000..] && seen.reason().is_clean());
    assert_eq!(std::io::Seek::stream_position(&mut file).unwrap(), 1 << 20, "shared as by cat");
}

#[test]
fn a_file_is_written_in_order_and_then_the_connection_is_lost() {
    let reactor = Reactor::new().unwrap();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"before ").unwrap();
    let (input, _writer) = std::io::pipe().unwrap();
    let seen = open(&reactor, input, copy(&file), |recorder| {
        recorder.on_made(|transport| {
            transport.write(b"one ");
            transport.write(b"two");
            transport.lose_connection();
        })
    });
    turn_until(&reactor, "it is lost", || seen.is_lost());
    assert!(matches!(seen.reason(), Reason::Done));
    file.write_all(b" after").unwrap();
    let mut text = String::new();
    std::io::Seek::rewind(&mut file).unwrap();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "before one two after");
}

#[test]
fn an_output_that_is_a_file_is_not_taken_for_one_whose_reader_is_gone() {
    let reactor = Reactor::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("output");
    let (input, _writer) = std::io::pipe().unwrap();
    let seen = open(&reactor, input, File::create(&path).unwrap(), |recorder| recorder);
    let mut expected = Vec::new();
    for turn in 0..5 {
        let line = format!("turn {turn}\n");
        seen.transport().write(line.as_bytes());
        expected.extend_from_slice(line.as_bytes());
        reactor.turn(Some(Duration::from_millis(5))).unwrap();
        assert!(!seen.is_lost());
    }
    seen.transport().lose_connection();
    turn_until(&reactor, "it is lost", || seen.is_lost());
    assert_eq!(std::fs::read(&path).unwrap(), expected);
}

#[test]
fn a_file_counts_while_it_is_open_and_an_idle_or_paused_one_keeps_no_turn_busy() {
    let reactor = Reactor::new().unwrap();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&pattern(2, 1 << 20)).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let paused = |recorder: protocol::testing::Recorder| {
        recorder.half_closeable().on_made(|transport| transport.pause_producing())
    };
    let seen = open(&reactor, copy(&file), null(), paused);
    assert_eq!(reactor.counts().stdio, 2);
    let due = Rc::new(Cell::new(false));
    let fired = due.clone();
    reactor.call_later(Duration::from_millis(200), move || fired.set(true));
    let mut turns = 0;
    while !due.get() {
        reactor.turn(Some(Duration::from_secs(1))).unwrap();
        turns += 1;
    }
    assert!(turns < 20, "{turns} turns");
    assert!(seen.received().is_empty());
    seen.transport().resume_producing();
    turn_until(&reactor, "the end came", || seen.count("read_connection_lost") == 1);
    assert_eq!(reactor.counts().stdio, 2, "open until it is lost");
    reactor.disconnect_all();
    assert!(seen.is_lost());
    assert_eq!(reactor.counts(), Counts::default());
}

#[test]
fn other_connections_have_their_turn_while_a_large_file_is_read() {
    let reactor = Reactor::new().unwrap();
    let zero = File::open("/dev/zero").unwrap();
    let endless = open(&reactor, zero, null(), |recorder| recorder);
    let (input, mut writer) = std::io::pipe().unwrap();
    let other = open(&reactor, input, null(), |recorder| recorder);
    writer.write_all(b"me, too").unwrap();
    turn_until(&reactor, "it came", || other.received() == b"me, too");
    endless.transport().lose_connection();
    turn_until(&reactor, "it is lost", || endless.is_lost());
}

#[test]
fn dev_null_is_at_its_end_and_takes_everything() {
    let reactor = Reactor::new().unwrap();
    let seen = open(&reactor, null(), null(), |recorder| {
        recorder.on_read_lost(|transport| transport.lose_connection()).on_made(|transport| {
            transport.write(&[0; 200_000]);
        })
    });
    turn_until(&reactor, "it is lost", || seen.is_lost());
    assert!(seen.reason().is_clean());
}

#[test]
fn a_pipe_that_other_processes_share_keeps_its_mode() {
    let reactor = Reactor::new().unwrap();
    let (input, mut there) = std::io::pipe().unwrap();
    let (mut back, output) = std::io::pipe().unwrap();
    let seen = open(&reactor, copy(&input), copy(&output), |recorder| {
        recorder.on_data(|transport, data| transport.write(data))
    });
    there.write_all(b"echo").unwrap();
    turn_until(&reactor, "it came", || seen.received() == b"echo");
    assert!(!is_non_blocking(&input) && !is_non_blocking(&output));
    drop((input, output, there));
    turn_until(&reactor, "it is lost", || seen.is_lost());
    let mut text = String::new();
    back.read_to_string(&mut text).unwrap();
    assert_eq!(text, "echo");
}

#[test]
fn a_socket_is_used_both_ways_keeps_its_mode_and_is_shut_down_for_its_peer_alone() {
    let reactor = Reactor::new().unwrap();
    let (ours, mut peer) = UnixStream::pair().unwrap();
    let seen = open(&reactor, copy(&ours), copy(&ours), |recorder| {
        recorder.half_closeable().on_data(|transport, data| {
            transport.write(data);
            transport.as_half_closeable().unwrap().lose_write_connection();
        })
    });
    peer.write_all(b"request").unwrap();
    turn_until(&reactor, "it answered", || seen.count("write_connection_lost") == 1);
    assert!(!is_non_blocking(&ours));
    let mut text = String::new();
    peer.read_to_string(&mut text).unwrap();
    assert_eq!(text, "request", "the end came, though another descriptor of the socket is open");
    peer.write_all(b", and more").unwrap();
    turn_until(&reactor, "more came", || seen.received() == b"request, and more");
    drop(peer);
    turn_until(&reactor, "the end came", || seen.count("read_connection_lost") == 1);
    seen.transport().lose_connection();
    turn_until(&reactor, "it is lost", || seen.is_lost());
}

#[test]
fn a_peer_that_ends_its_direction_alone_still_gets_the_answer() {
    let reactor = Reactor::new().unwrap();
    let (ours, mut peer) = UnixStream::pair().unwrap();
    let seen = open(&reactor, copy(&ours), copy(&ours), |recorder| {
        recorder.on_read_lost(|transport| {
            transport.write(b"answer");
            transport.lose_connection();
        })
    });
    drop(ours);
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    turn_until(&reactor, "it is lost", || seen.is_lost());
    assert_eq!(seen.count("write_connection_lost"), 0);
    let mut text = String::new();
    peer.read_to_string(&mut text).unwrap();
    assert_eq!(text, "answer");
}

#[test]
fn a_socket_whose_peer_is_gone_is_noticed_without_a_write() {
    let reactor = Reactor::new().unwrap();
    let (input, _writer) = std::io::pipe().unwrap();
    let (output, peer) = UnixStream::pair().unwrap();
    let seen = open(&reactor, input, output, |recorder| recorder.half_closeable());
    drop(peer);
    turn_until(&reactor, "it was told", || seen.count("write_connection_lost") == 1);
}

#[test]
fn a_terminal_is_used_both_ways_keeps_its_mode_and_its_hang_up_is_noticed() {
    let reactor = Reactor::new().unwrap();
    let (mut ours, theirs) = terminal();
    let seen = open(&reactor, copy(&theirs), copy(&theirs), |recorder| {
        recorder.on_data(|transport, data| transport.write(&data.to_ascii_uppercase()))
    });
    ours.write_all(b"line\n").unwrap();
    turn_until(&reactor, "a line came", || seen.received() == b"line\n");
    reactor.turn(Some(Duration::from_millis(20))).unwrap();
    assert!(!is_non_blocking(&theirs));
    let mut shown = [0; 12];
    ours.read_exact(&mut shown).unwrap();
    assert_eq!(String::from_utf8_lossy(&shown), "line\r\nLINE\r\n");
    drop(ours);
    turn_until(&reactor, "it is lost", || seen.is_lost());
}

fn terminal() -> (File, OwnedFd) {
    use std::os::fd::FromRawFd as _;
    // SAFETY: the calls take numbers and open descriptors that nothing else owns.
    unsafe {
        let ours = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
        assert!(ours >= 0 && libc::grantpt(ours) == 0 && libc::unlockpt(ours) == 0);
        let theirs = libc::ioctl(ours, libc::TIOCGPTPEER, libc::O_RDWR | libc::O_NOCTTY);
        assert!(theirs >= 0);
        (File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs))
    }
}

#[test]
fn a_descriptor_that_cannot_be_opened_again_is_used_without_a_wait_all_the_same() {
    let reactor = Reactor::new().unwrap();
    // An eventfd is neither file, pipe, terminal nor socket.
    // SAFETY: the call takes numbers, and opens a descriptor that nothing else owns.
    let counter = unsafe {
        let number = libc::eventfd(0, libc::EFD_CLOEXEC);
        <File as std::os::fd::FromRawFd>::from_raw_fd(number)
    };
    let seen = open(&reactor, copy(&counter), copy(&counter), |recorder| recorder);
    reactor.turn(Some(Duration::ZERO)).unwrap();
    assert!(seen.received().is_empty(), "and this line is reached");
    (&counter).write_all(&7_u64.to_ne_bytes()).unwrap();
    turn_until(&reactor, "it came", || seen.received() == 7_u64.to_ne_bytes());
    seen.transport().write(&8_u64.to_ne_bytes());
    turn_until(&reactor, "it came back", || seen.received().len() == 16);
    assert!(!is_non_blocking(&counter));
}

#[test]
fn a_directory_is_an_error_of_the_connection() {
    let reactor = Reactor::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let seen = open(&reactor, File::open(directory.path()).unwrap(), null(), |recorder| recorder);
    turn_until(&reactor, "it is lost", || seen.is_lost());
    assert!(matches!(seen.reason(), Reason::Lost(_)));
}

/// The errors of these two descriptors; `None` where they are taken.
fn refusal(
    reactor: &Reactor,
    input: impl Into<OwnedFd>,
    output: impl Into<OwnedFd>,
) -> Option<(&'static str, i32)> {
    let seen = Record::new();
    let protocol = ProtocolRef::new(Recorder::new(&seen)).as_deliver();
    let refused = reactor.open_descriptors(input.into(), output.into(), protocol).err()?;
    assert_eq!((seen.calls().len(), reactor.counts()), (0, Counts::default()));
    Some((refused.direction, refused.source.raw_os_error()))
}

#[test]
fn a_descriptor_that_is_open_for_the_other_direction_alone_is_refused_whatever_it_is() {
    let reactor = Reactor::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let writer_of = |path: &std::path::Path| OwnedFd::from(File::create(path).unwrap());
    let reader_of = |path: &std::path::Path| OwnedFd::from(File::open(path).unwrap());
    let (terminal, null_device) = (terminal(), std::path::Path::new("/dev/null"));
    let name = format!("/proc/self/fd/{}", terminal.1.as_raw_fd());
    let terminal_path = std::path::Path::new(&name);
    let (reader, writer) = std::io::pipe().unwrap();
    let writers =
        [copy(&writer), writer_of(&path), writer_of(null_device), writer_of(terminal_path)];
    let readers =
        [copy(&reader), reader_of(&path), reader_of(null_device), reader_of(terminal_path)];
    for (writing, reading) in writers.into_iter().zip(readers) {
        let input = refusal(&reactor, copy(&writing), null());
        assert_eq!(input, Some(("input", libc::EBADF)), "{writing:?}");
        let output = refusal(&reactor, null(), copy(&reading));
        assert_eq!(output, Some(("output", libc::EBADF)), "{reading:?}");
    }
}

#[test]
fn the_bytes_of_a_pipe_stay_its_reader_s_when_its_writing_end_is_given_as_the_input() {
    let reactor = Reactor::new().unwrap();
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"the reader's").unwrap();
    assert!(refusal(&reactor, copy(&writer), copy(&writer)).is_some());
    reactor.turn(Some(Duration::ZERO)).unwrap();
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "the reader's");
}
