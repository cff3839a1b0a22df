//! What passes, told line by line.

use std::cell::RefCell;
use std::rc::Rc;

use interfaces::Reason;
use ropewalk_protocol::policies::{HexDump, SpewingFactory, TrafficLine, TrafficLoggingFactory};
use ropewalk_protocol::testing::Record;

use crate::support::policy::{Made, recording};

/// The lines of each connection, by its number.
type Lines = Rc<RefCell<Vec<(u64, String)>>>;

fn logging(record: &Record) -> (TrafficLoggingFactory, Lines) {
    let lines = Lines::default();
    let log = lines.clone();
    let factory = TrafficLoggingFactory::new(recording(record), move |number| {
        let log = log.clone();
        move |line: &TrafficLine<'_>| log.borrow_mut().push((number, line.to_string()))
    });
    (factory, lines)
}

fn texts(lines: &Lines) -> Vec<String> {
    lines.borrow().iter().map(|(_, line)| line.clone()).collect()
}

#[test]
fn all_that_passes_is_logged_in_order_and_passes() {
    let record = Record::new();
    let (factory, lines) = logging(&record);
    let made = Made::by(&factory);
    made.receive(b"hello\r\n");
    let above = record.transport();
    above.write(b"it's \x00 here");
    above.write_sequence(vec![b"one"[..].into(), b"two"[..].into()]);
    above.lose_connection();
    made.lose();
    let expected = [
        "*\n",
        "C 1: \"hello\\r\\n\"\n",
        "S 1: \"it\\'s \\x00 here\"\n",
        "SV 1: [\"one\", \"two\"]\n",
        "S 1: *\n",
        &format!("C 1: {}\n", Reason::Done),
    ];
    assert_eq!(texts(&lines), expected);
    assert_eq!(made.wire.value(), b"it's \x00 hereonetwo");
    assert_eq!(record.received(), b"hello\r\n");
    assert!(made.wire.disconnecting());
}

#[test]
fn connections_are_numbered_from_one_and_from_one_again_after_a_reset() {
    let record = Record::new();
    let (factory, lines) = logging(&record);
    for _ in 0..2 {
        for _ in 0..3 {
            Made::by(&factory).receive(b"x");
        }
        factory.reset_counter();
    }
    let numbers: Vec<_> = lines
        .borrow()
        .iter()
        .filter(|(_, line)| line != "*\n")
        .map(|(number, _)| *number)
        .collect();
    assert_eq!(numbers, [1, 2, 3, 1, 2, 3]);
    assert!(
        lines.borrow().iter().all(|(n, line)| line == "*\n" || *line == format!("C {n}: \"x\"\n"))
    );
}

#[test]
fn each_way_to_close_is_logged_as_a_close() {
    for close in 0..4 {
        let record = Record::new();
        let (factory, lines) = logging(&record);
        let made = Made::by(&factory);
        let above = record.transport();
        match close {
            0 => above.lose_connection(),
            1 => above.lose_connection_with_reset(),
            2 => above.abort_connection(),
            _ => above.as_half_closeable().unwrap().lose_write_connection(),
        }
        assert_eq!(texts(&lines), ["*\n", "S 1: *\n"], "{close}");
        drop(made);
    }
}

#[test]
fn data_beyond_the_length_is_elided_and_passes_whole() {
    let record = Record::new();
    let (factory, lines) = logging(&record);
    let factory = factory.with_length_limit(20);
    let made = Made::by(&factory);
    made.receive(b"0123456789012345678901234567890");
    made.receive(b"01234567890123456789");
    let expected = ["*\n", "C 1: \"01234567<... elided>\"\n", "C 1: \"01234567890123456789\"\n"];
    assert_eq!(texts(&lines), expected);
    assert_eq!(record.received().len(), 31 + 20);
    let (factory, lines) = logging(&Record::new());
    Made::by(&factory.with_length_limit(3)).receive(b"0123");
    assert_eq!(texts(&lines)[1], "C 1: \"<... elided>\"\n", "the mark is longer than the limit");
}

#[test]
fn a_connection_has_a_file_of_its_own_with_the_prefix_and_its_number() {
    let directory = tempfile::tempdir().unwrap();
    let prefix = directory.path().join("traffic");
    let record = Record::new();
    let factory = TrafficLoggingFactory::to_files(recording(&record), &prefix, |path, error| {
        panic!("{}: {error}", path.display());
    });
    for text in [b"one", b"two"] {
        Made::by(&factory).receive(text);
    }
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
    assert_eq!(read("traffic-1"), "*\nC 1: \"one\"\n");
    assert_eq!(read("traffic-2"), "*\nC 2: \"two\"\n");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn a_connection_whose_file_cannot_be_made_is_refused_and_the_path_told() {
    let directory = tempfile::tempdir().unwrap();
    let told = Rc::new(RefCell::new(Vec::new()));
    let log = told.clone();
    let record = Record::new();
    let prefix = directory.path().join("missing").join("traffic");
    let factory =
        TrafficLoggingFactory::to_files(recording(&record), &prefix, move |path, error| {
            log.borrow_mut().push((path.to_owned(), error.kind()));
        });
    let peer = ropewalk_protocol::testing::StringTransport::new();
    let peer = interfaces::Transport::peer(&*peer);
    assert!(interfaces::Factory::build_protocol(&factory, &peer).is_none());
    let path = directory.path().join("missing").join("traffic-1");
    assert_eq!(*told.borrow(), [(path, std::io::ErrorKind::NotFound)]);
}

fn spewing(with_data: bool) -> (Made, Record, Rc<RefCell<Vec<String>>>) {
    let (record, lines) = (Record::new(), Rc::new(RefCell::new(Vec::new())));
    let log = lines.clone();
    let factory = SpewingFactory::new(recording(&record), move |line| {
        log.borrow_mut().push(line.to_string());
    });
    let factory = if with_data { factory.with_data() } else { factory };
    (Made::by(&factory), record, lines)
}

#[test]
fn what_is_received_and_sent_is_said_with_its_data_and_passes_unchanged() {
    let (made, record, lines) = spewing(true);
    made.receive(b"in\n");
    record.transport().write(b"out");
    record.transport().write_sequence(vec![b"a"[..].into(), b"\x1b"[..].into()]);
    let said = ["Received: \"in\\n\"", "Sending: \"out\"", "Sending: \"a\"", "Sending: \"\\x1b\""];
    assert_eq!(*lines.borrow(), said);
    assert_eq!(
        (record.received().as_slice(), made.wire.value().as_slice()),
        (&b"in\n"[..], &b"outa\x1b"[..])
    );
}

#[test]
fn no_data_is_said_unless_it_was_asked_for() {
    let (made, record, lines) = spewing(false);
    made.receive(b"secret");
    record.transport().write(b"hush");
    assert_eq!(*lines.borrow(), ["Received: 6 bytes", "Sending: 4 bytes"]);
}

#[test]
fn a_dump_shows_offsets_numbers_and_printable_characters() {
    let bytes: Vec<u8> = (b'A'..b'A' + 17).chain([0, 0x1b, 0xff]).collect();
    let expected = "\
00000000  41 42 43 44 45 46 47 48  49 4a 4b 4c 4d 4e 4f 50  |ABCDEFGHIJKLMNOP|
00000010  51 00 1b ff                                       |Q...|
";
    assert_eq!(HexDump(&bytes).to_string(), expected);
    assert_eq!(HexDump(b"").to_string(), "");
}

#[test]
fn a_line_in_its_alternate_form_is_a_dump() {
    let (record, lines) = (Record::new(), Rc::new(RefCell::new(Vec::new())));
    let log = lines.clone();
    let factory = TrafficLoggingFactory::new(recording(&record), move |_| {
        let log = log.clone();
        move |line: &TrafficLine<'_>| log.borrow_mut().push(format!("{line:#}"))
    });
    let made = Made::by(&factory.with_length_limit(14));
    made.receive(b"ab");
    record.transport().write(b"0123456789abcdef");
    let expected = [
        "*\n".to_owned(),
        format!("C 1: 2 bytes\n{}", HexDump(b"ab")),
        format!("S 1: 16 bytes\n{}<... elided>\n", HexDump(b"01")),
    ];
    assert_eq!(*lines.borrow(), expected);
}
