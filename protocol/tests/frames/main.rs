//! Streams under any fragmentation: what our receivers make of them, and what Twisted 26.10 does.
//!
//! `oracle.tsv` has streams whose outcome Twisted gave when it was asked; others are made by chance, and
//! Twisted is asked at the time of the test. That one is skipped where Twisted cannot be installed, unless
//! `ROPEWALK_PEERS=required`; `ROPEWALK_STREAMS` says how many streams are to be made.

mod player;
mod stream;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use player::play;
use stream::{Kind, Step, Stream};

/// A stream, its outcome in Twisted, and where ours is another one, that and the reason, in four columns.
const ORACLE: &str = include_str!("oracle.tsv");

/// How many streams are compared with Twisted's outcome by default.
const STREAMS: u64 = 40_000;

/// How many are played by one process of Python.
const BATCH: u64 = 20_000;

fn streams() -> u64 {
    std::env::var("ROPEWALK_STREAMS").map_or(STREAMS, |it| it.parse().expect("a number"))
}

/// Twisted's outcomes of these streams.
fn played(python: &Path, streams: &[Stream]) -> Vec<String> {
    let mut text = String::new();
    for stream in streams {
        writeln!(text, "{stream}").expect("a string takes it");
    }
    let name = format!("streams-{}.txt", std::process::id());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, text).expect("the streams are written");
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frames/play.py");
    let output = testkit::run_program(Command::new(python).arg("-B").arg(program).arg(&file));
    fs::remove_file(&file).expect("it was written");
    output.expect("play.py plays").lines().map(str::to_owned).collect()
}

#[test]
fn streams_made_by_chance_are_received_as_twisted_receives_them() {
    let python = match testkit::twisted_python(Path::new(env!("CARGO_TARGET_TMPDIR"))) {
        Ok(python) => python,
        Err(reason) => return testkit::skip_without_peer(&reason),
    };
    let mut seed = 0;
    while seed < streams() {
        let batch: Vec<Stream> = (seed..seed + BATCH).map(Stream::random).collect();
        let theirs = played(&python, &batch);
        assert_eq!(theirs.len(), batch.len());
        for (stream, theirs) in batch.iter().zip(theirs) {
            assert_eq!(play(stream), theirs, "seed {seed}: {stream}");
            seed += 1;
        }
    }
}

#[test]
fn each_row_of_the_oracle_agrees_with_twisted_or_has_its_reason() {
    let mut rows = 0;
    for line in ORACLE.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (stream, expected) = match columns[..] {
            [stream, theirs] => (stream, theirs),
            [stream, theirs, ours, reason] => {
                assert!(theirs != ours && !reason.is_empty(), "this is no difference: {line}");
                (stream, ours)
            }
            _ => panic!("not a row: {line}"),
        };
        let parsed = Stream::parse(stream).unwrap_or_else(|| panic!("not a stream: {stream}"));
        assert_eq!(parsed.to_string(), stream);
        assert_eq!(play(&parsed), expected, "{line}");
        rows += 1;
    }
    assert_eq!(rows, 65);
}

/// The same bytes in one piece, in pieces of each length from 1 to 9, and cut by chance.
#[test]
fn the_frames_of_a_stream_do_not_depend_on_its_pieces() {
    for seed in 0..4000 {
        let mut stream = Stream::random(seed);
        let bytes: Vec<u8> = stream.steps.iter().flat_map(piece).copied().collect();
        // Raw bytes come as they are cut, and so do those of a line that is too long.
        if stream.kind == Kind::Line && !bytes.iter().all(|byte| !b"PUVW".contains(byte)) {
            continue;
        }
        if stream.kind == Kind::Line {
            stream.max_length = 99_999;
        }
        let mut outcomes = Vec::new();
        for length in [usize::MAX, 1, 2, 3, 4, 5, 6, 7, 8, 9] {
            let pieces = bytes.chunks(length.min(bytes.len().max(1)));
            stream.steps = pieces.map(|piece| Step::Piece(piece.to_vec())).collect();
            outcomes.push(play(&stream));
        }
        assert!(
            outcomes.iter().all(|it| *it == outcomes[0]),
            "seed {seed}: {stream}: {outcomes:?}"
        );
    }
}

fn piece(step: &Step) -> &[u8] {
    match step {
        Step::Piece(piece) => piece,
        Step::Resume => &[],
    }
}

/// A test of the test: the streams reach every kind of event and of end.
#[test]
fn the_streams_have_frames_raw_bytes_errors_pauses_and_closes() {
    let outcomes: Vec<String> = (0..4000).map(|seed| play(&Stream::random(seed))).collect();
    for seen in ["L", "S", "R", "X", "open", "paused", "closing"] {
        let count = outcomes.iter().filter(|outcome| outcome.contains(seen)).count();
        assert!(count >= 100, "{seen} in {count} of {}", outcomes.len());
    }
}
