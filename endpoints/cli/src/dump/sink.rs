//! The bytes that wait for the file of a dump, and the thread that writes them.
//!
//! Invariant: at most [`WAITING_BYTES_MAX`] wait, and the loop waits for none of them.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::report;

/// The most bytes that wait.
const WAITING_BYTES_MAX: usize = 8 << 20;

/// The wait for the last bytes at the end of the command.
const LAST_BYTES: Duration = Duration::from_secs(5);

/// Takes pieces, and has a thread write them.
#[derive(Debug)]
pub(super) struct DumpSink {
    name: String,
    /// `None` in its drop.
    pieces: Option<Sender<Vec<u8>>>,
    waiting: Arc<AtomicUsize>,
    /// Of pieces.
    left_out: AtomicUsize,
    /// Closed when all is written.
    written: Mutex<Receiver<()>>,
}

impl DumpSink {
    /// To a new file for its owner alone, or to standard error.
    ///
    /// # Errors
    ///
    /// Those of open(2), and of the start of a thread.
    pub(super) fn open(file: Option<&Path>) -> io::Result<Self> {
        match file {
            None => Self::to(io::stderr(), "standard error".into()),
            Some(path) => {
                let mut options = OpenOptions::new();
                let file =
                    options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
                Self::to(file, path.display().to_string())
            }
        }
    }

    fn to(output: impl Write + Send + 'static, name: String) -> io::Result<Self> {
        let (pieces, waiting_pieces) = mpsc::channel();
        let (written, is_written) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let (for_thread, to) = (waiting.clone(), name.clone());
        thread::Builder::new().name("dump".into()).spawn(move || {
            write_pieces(&waiting_pieces, output, &for_thread, &to);
            drop(written);
        })?;
        let written = Mutex::new(is_written);
        Ok(Self { name, pieces: Some(pieces), waiting, left_out: AtomicUsize::new(0), written })
    }

    /// Takes a piece; `false` if there is no room, and nothing of it is written.
    pub(super) fn push(&self, piece: Vec<u8>) -> bool {
        let (Some(pieces), bytes) = (&self.pieces, piece.len()) else { return false };
        let before = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        // The sending fails where the thread ended with a panic.
        if before + bytes > WAITING_BYTES_MAX || pieces.send(piece).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        true
    }
}

impl Drop for DumpSink {
    fn drop(&mut self) {
        self.pieces.take();
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = written.recv_timeout(LAST_BYTES);
        let (name, left_out) = (&self.name, self.left_out.load(Ordering::Relaxed));
        if ended == Err(mpsc::RecvTimeoutError::Timeout) {
            let text = "the end of the dump is missing";
            report::note(format_args!("warning: {text}: {name} is too slow"));
        }
        if left_out > 0 {
            let text =
                format_args!("warning: the dump lacks {left_out} pieces: {name} is too slow");
            report::note(text);
        }
    }
}

/// Writes until no piece can come. After an error all that comes is dropped, so that none waits.
fn write_pieces(
    pieces: &Receiver<Vec<u8>>,
    mut output: impl Write,
    waiting: &AtomicUsize,
    name: &str,
) {
    let mut is_broken = false;
    for piece in pieces {
        if !is_broken && let Err(error) = output.write_all(&piece) {
            is_broken = true;
            let text = "error: cannot write the dump to";
            report::note(format_args!("{text} {name}: {error}; it ends here, connections go on"));
        }
        waiting.fetch_sub(piece.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes nothing until its gate is dropped.
    struct Held(Receiver<()>, Arc<Mutex<Vec<u8>>>);

    impl Write for Held {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_slow_file_gets_whole_pieces_in_order_and_no_more_than_the_limit_waits() {
        const PIECE: usize = 1 << 20;
        let (gate, held) = mpsc::channel();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let sink = DumpSink::to(Held(held, taken.clone()), "a test".into()).unwrap();
        let was_taken: Vec<_> = (0..20).map(|number| sink.push(vec![number; PIECE])).collect();
        assert_eq!(was_taken.iter().position(|it| !it), Some(WAITING_BYTES_MAX / PIECE));
        assert_eq!(sink.left_out.load(Ordering::Relaxed), 20 - WAITING_BYTES_MAX / PIECE);
        drop(gate);
        drop(sink);
        let taken = taken.lock().unwrap();
        assert_eq!(taken.len(), WAITING_BYTES_MAX);
        let is_in_order =
            |(place, piece): (usize, &[u8])| piece.iter().all(|it| *it as usize == place);
        assert!(taken.chunks(PIECE).enumerate().all(is_in_order));
    }

    #[test]
    fn a_full_file_ends_the_dump_and_holds_nothing() {
        let sink = DumpSink::open(Some(Path::new("/dev/full"))).unwrap();
        for _ in 0..100 {
            while !sink.push(vec![0; 1 << 20]) {
                thread::yield_now();
            }
        }
    }
}
