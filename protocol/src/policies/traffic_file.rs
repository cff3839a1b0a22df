//! Traffic logs in files, one for each connection.
//!
//! Invariant: a connection whose file cannot be made is refused, and one whose file cannot be written goes on
//! after the error was told once.

use alloc::format;
use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use interfaces::Factory;

use super::traffic_line::TrafficLine;
use super::traffic_logging_factory::{TrafficLog, TrafficLoggingFactory};

impl TrafficLoggingFactory {
    /// Logs each connection of `factory` to a file of its own, which is named by `prefix`, a hyphen and the
    /// connection's number, and begins empty. `failed` is told of a file that cannot be made or written,
    /// and of its connection no more.
    pub fn to_files(
        factory: Rc<dyn Factory>,
        prefix: impl Into<PathBuf>,
        failed: impl Fn(&Path, &io::Error) + 'static,
    ) -> Self {
        let (prefix, failed) = (prefix.into().into_os_string(), Rc::new(failed));
        Self::optional(factory, move |number| {
            let mut path = prefix.clone();
            path.push(format!("-{number}"));
            let (path, failed) = (PathBuf::from(path), failed.clone());
            let file = File::create(&path).inspect_err(|error| failed(&path, error)).ok()?;
            Some(TrafficFile {
                path,
                file: RefCell::new(file),
                has_failed: Cell::new(false),
                failed,
            })
        })
    }
}

struct TrafficFile {
    path: PathBuf,
    file: RefCell<File>,
    has_failed: Cell<bool>,
    failed: Rc<dyn Fn(&Path, &io::Error)>,
}

impl TrafficLog for TrafficFile {
    fn log(&self, line: &TrafficLine<'_>) {
        if self.has_failed.get() {
            return;
        }
        // One call of the system for a line.
        let line = format!("{line}");
        let written = self.file.borrow_mut().write_all(line.as_bytes());
        if let Err(error) = written {
            self.has_failed.set(true);
            (self.failed)(&self.path, &error);
        }
    }
}
