//! An inherited descriptor is looked at before it is used, and used once.
//!
//! Invariant: what is refused stays where it was, unchanged.

use std::error::Error;
use std::fs::File;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use ropewalk_systemd as systemd;
use socket2::{Socket, Type};
use systemd::{Domain, ListenFds, ListenFdsError, Selector, TakeError};

fn named(name: &str) -> Selector {
    Selector::Name(name.into())
}

fn tcp() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// What an error says after the descriptor's number, which is another one in each run.
fn complaint(descriptor: impl Into<OwnedFd>, domain: Option<Domain>) -> String {
    let inherited = ListenFds::from_descriptors([("web", descriptor.into())]);
    let error = inherited.take_stream_port(&Selector::Index(0), domain).unwrap_err();
    assert!(matches!(error, TakeError::Unsuitable { .. }), "{error}");
    let again = inherited.take_stream_port(&Selector::Index(0), domain).unwrap_err();
    assert_eq!(again, error, "what was refused is still there");
    let number = inherited.inherited_descriptors().next().unwrap().0;
    let label =
        format!("cannot listen on inherited descriptor {number} (index 0, named \"web\"): ");
    error.to_string().strip_prefix(&label).expect("it names the descriptor").to_owned()
}

#[test]
fn what_is_not_a_socket_is_called_by_its_name() {
    let wanted = "and has to be a listening stream socket of family INET";
    let refused = |descriptor: OwnedFd| complaint(descriptor, Some(Domain::Inet));

    let file = tempfile::tempfile().unwrap();
    assert_eq!(refused(file.into()), format!("it is a regular file, {wanted}"));
    let directory = tempfile::tempdir().unwrap();
    let directory = File::open(directory.path()).unwrap();
    assert_eq!(refused(directory.into()), format!("it is a directory, {wanted}"));
    let null = File::open("/dev/null").unwrap();
    assert_eq!(refused(null.into()), format!("it is a character device, {wanted}"));
    let (reader, _writer) = std::io::pipe().unwrap();
    assert_eq!(refused(reader.into()), format!("it is a pipe, {wanted}"));
}

#[test]
fn a_socket_that_accepts_no_streams_is_refused() {
    let wanted = "and has to be a listening stream socket of family INET, INET6 or UNIX";
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_eq!(complaint(udp, None), format!("it is a datagram socket of family INET, {wanted}"));
    let datagram = UnixDatagram::unbound().unwrap();
    assert_eq!(
        complaint(datagram, None),
        format!("it is a datagram socket of family UNIX, {wanted}")
    );
    let listener = tcp();
    let connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert_eq!(
        complaint(connected, None),
        format!("it is a connected stream socket of family INET, {wanted}")
    );
    let mute = Socket::new(socket2::Domain::IPV4, Type::STREAM, None).unwrap();
    assert_eq!(
        complaint(mute, None),
        format!("it is a stream socket of family INET that does not listen, {wanted}")
    );
    let (one, _other) = UnixStream::pair().unwrap();
    assert_eq!(
        complaint(one, None),
        format!("it is a connected stream socket of family UNIX, {wanted}")
    );
}

#[test]
fn a_socket_of_a_rare_type_or_family_is_told_by_both() {
    let wanted = "and has to be a listening stream socket of family INET, INET6 or UNIX";
    let packets = Socket::new(socket2::Domain::UNIX, Type::SEQPACKET, None).unwrap();
    assert_eq!(
        complaint(packets, None),
        format!("it is a sequential-packet socket of family UNIX, {wanted}")
    );
    let netlink = socket2::Domain::from(libc::AF_NETLINK);
    let netlink = Socket::new(netlink, Type::RAW, None).unwrap();
    assert_eq!(
        complaint(netlink, None),
        format!("it is a raw socket of address family number {}, {wanted}", libc::AF_NETLINK)
    );
}

#[test]
fn a_listener_of_another_family_than_the_string_says_is_refused() {
    assert_eq!(
        complaint(tcp(), Some(Domain::Unix)),
        "it is a listening stream socket of family INET, and has to be a listening stream socket \
         of family UNIX"
    );
    let directory = tempfile::tempdir().unwrap();
    let unix = UnixListener::bind(directory.path().join("socket")).unwrap();
    assert!(
        complaint(unix, Some(Domain::Inet6))
            .starts_with("it is a listening stream socket of family UNIX")
    );
}

#[test]
fn each_family_is_taken_by_its_name_and_by_none() {
    let directory = tempfile::tempdir().unwrap();
    let unix = UnixListener::bind(directory.path().join("socket")).unwrap();
    let inet6 = TcpListener::bind("[::1]:0").unwrap();
    let sockets: [(Domain, OwnedFd); 3] =
        [(Domain::Inet, tcp().into()), (Domain::Inet6, inet6.into()), (Domain::Unix, unix.into())];
    for (domain, socket) in sockets {
        let copy = socket.try_clone().unwrap();
        let inherited = ListenFds::from_descriptors([("a", socket), ("b", copy)]);
        inherited.take_stream_port(&named("a"), Some(domain)).unwrap();
        inherited.take_stream_port(&named("b"), None).unwrap();
    }
}

#[test]
fn a_socket_is_handed_out_non_blocking() {
    let inherited = ListenFds::from_descriptors([("web", tcp().into())]);
    let descriptor = inherited.take_stream_port(&Selector::Index(0), None).unwrap();
    let error = TcpListener::from(descriptor).accept().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_descriptor_is_taken_once_however_it_is_named() {
    let inherited = ListenFds::from_descriptors([("web", tcp().into())]);
    let other_handle = inherited.clone();
    let descriptor = inherited.take_stream_port(&named("web"), None).unwrap();
    for selector in [Selector::Index(0), named("web")] {
        let error = other_handle.take_stream_port(&selector, None).unwrap_err();
        assert!(matches!(error, TakeError::AlreadyTaken { .. }), "{error}");
        assert!(error.to_string().ends_with("(index 0, named \"web\"): it was taken before"));
    }
    drop(descriptor);
}

#[test]
fn an_index_counts_from_0_and_the_listing_stays_the_same() {
    let sockets: [OwnedFd; 3] = [tcp().into(), tcp().into(), tcp().into()];
    let ports = sockets
        .each_ref()
        .map(|socket| TcpListener::from(socket.try_clone().unwrap()).local_addr().unwrap().port());
    let inherited = ListenFds::from_descriptors(["a", "b", "c"].into_iter().zip(sockets));
    let listing = |inherited: &ListenFds| -> Vec<(i32, String)> {
        inherited.inherited_descriptors().map(|(number, name)| (number, name.into())).collect()
    };
    let before = listing(&inherited);
    let taken = inherited.take_stream_port(&Selector::Index(1), Some(Domain::Inet)).unwrap();
    assert_eq!(TcpListener::from(taken).local_addr().unwrap().port(), ports[1]);
    assert_eq!(listing(&inherited), before);
    let names: Vec<&str> = inherited.inherited_descriptors().map(|(_, name)| name).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn what_is_not_there_is_an_error_that_says_what_is() {
    let take = |inherited: &ListenFds, selector: Selector| {
        inherited.take_stream_port(&selector, None).unwrap_err().to_string()
    };
    let none = ListenFds::default();
    for selector in [Selector::Index(0), named("web")] {
        assert_eq!(
            take(&none, selector),
            "cannot listen on an inherited descriptor: none was inherited, as LISTEN_PID and \
             LISTEN_FDS are not set for this process"
        );
    }
    let two = ListenFds::from_descriptors([("web", tcp().into()), ("ctl", tcp().into())]);
    assert_eq!(
        take(&two, Selector::Index(2)),
        "cannot listen on the inherited descriptor with index 2: the last one has index 1"
    );
    assert_eq!(
        take(&two, named("wbe")),
        "cannot listen on the inherited descriptor named \"wbe\": the names are \"web\", \"ctl\""
    );
    assert!(matches!(two.take_stream_port(&named(""), None), Err(TakeError::NoSuchName { .. })));
}

#[test]
fn a_name_that_several_have_is_an_error_that_says_which() {
    let names = ["web", "ctl", "web"];
    let inherited = ListenFds::from_descriptors(names.map(|name| (name, tcp().into())));
    let error = inherited.take_stream_port(&named("web"), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot listen on the inherited descriptor named \"web\": index 0 and index 2 have that \
         name, so say which one by its index"
    );
    assert!(inherited.take_stream_port(&Selector::Index(2), None).is_ok());
    assert!(error.source().is_none());
}

#[test]
fn an_empty_name_is_a_name_like_any_other() {
    let inherited = ListenFds::from_descriptors([("", tcp().into()), ("web", tcp().into())]);
    assert!(inherited.take_stream_port(&named(""), None).is_ok());
}

#[test]
fn what_could_not_be_taken_over_says_why_when_it_is_used() {
    let why = ListenFdsError::NotOpen { count: 2, descriptor: 4 };
    let inherited = ListenFds::unavailable(why.clone());
    assert_eq!(inherited.inherited_descriptors().count(), 0);
    for selector in [Selector::Index(0), named("web")] {
        let error = inherited.take_stream_port(&selector, None).unwrap_err();
        assert_eq!(error, TakeError::Unavailable(why.clone()));
        assert_eq!(error.to_string(), why.to_string());
    }
}

#[test]
fn all_that_were_not_taken_can_be_handed_on_with_their_names() {
    let (web, file) = (tcp(), tempfile::tempfile().unwrap());
    let inherited = ListenFds::from_descriptors([
        ("web", OwnedFd::from(tcp())),
        ("web", web.into()),
        ("state", file.into()),
    ]);
    inherited.take_stream_port(&Selector::Index(0), None).unwrap();
    let all = inherited.take_all().unwrap();
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["web", "state"]);
    assert!(inherited.take_all().unwrap().is_empty(), "they were taken");
    let own = ListenFds::from_descriptors(all);
    assert!(own.take_stream_port(&named("web"), None).is_ok());
    let error = ListenFdsError::NotOpen { count: 1, descriptor: 3 };
    assert_eq!(ListenFds::unavailable(error.clone()).take_all().unwrap_err(), error);
}

#[test]
fn datagram_sockets_are_taken_by_index_and_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let unix = UnixDatagram::bind(directory.path().join("log")).unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = udp.local_addr().unwrap().port();
    let inherited = ListenFds::from_descriptors([
        ("log", OwnedFd::from(tcp())),
        ("log", unix.into()),
        ("log", udp.into()),
    ]);
    let error = inherited.take_datagram_sockets(&Selector::Index(0), None).unwrap_err();
    assert!(error.to_string().ends_with(
        "it is a listening stream socket of family INET, and has to be a datagram socket of family \
         INET, INET6 or UNIX"
    ));
    let taken = inherited.take_datagram_sockets(&named("log"), Some(Domain::Inet)).unwrap();
    let [taken] = <[OwnedFd; 1]>::try_from(taken).unwrap();
    let socket = UdpSocket::from(taken);
    assert_eq!(socket.local_addr().unwrap().port(), port);
    assert_eq!(socket.recv(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    assert_eq!(inherited.take_datagram_sockets(&named("log"), None).unwrap().len(), 1);
    let error = inherited.take_datagram_sockets(&Selector::Index(1), None).unwrap_err();
    assert!(matches!(error, TakeError::AlreadyTaken { .. }), "{error}");
}

#[test]
fn what_nothing_asked_for_is_told_and_closed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ctl");
    let ctl = UnixListener::bind(&path).unwrap();
    let file = tempfile::tempfile().unwrap();
    let inherited = ListenFds::from_descriptors([
        ("web", OwnedFd::from(tcp())),
        ("ctl", ctl.into()),
        ("state", file.into()),
    ]);
    let numbers: Vec<i32> = inherited.inherited_descriptors().map(|(number, _)| number).collect();
    let _web = inherited.take_stream_port(&named("web"), None).unwrap();
    let told: Vec<String> = inherited.close_unclaimed().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            format!(
                "inherited descriptor {} (index 1, named \"ctl\"), a listening stream socket of family \
                 UNIX, is used by nothing, and was closed",
                numbers[1]
            ),
            format!(
                "inherited descriptor {} (index 2, named \"state\"), a regular file, is used by nothing, \
                 and was closed",
                numbers[2]
            ),
        ]
    );
    assert!(UnixStream::connect(&path).is_err(), "nobody listens any more");
    assert!(path.exists(), "the path is not ours");
    assert_eq!(inherited.close_unclaimed(), []);
    let error = inherited.take_stream_port(&named("ctl"), None).unwrap_err();
    assert!(matches!(error, TakeError::AlreadyTaken { .. }), "{error}");
}
