//! [`SpewingFactory`]: a line for each piece that is received or sent; Twisted's name.
//!
//! Invariant: no data is shown unless it was asked for.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;

use interfaces::{Address, Chunk, Deliver, Factory, Transport};

use crate::layer::{Layer, WrappingFactory};

/// Says what passes on the connections of a factory: `Received: 5 bytes`, `Sending: 3 bytes`; with
/// [`with_data`](Self::with_data) the data, too. The data goes on unchanged.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// # use std::rc::Rc;
/// # use interfaces::{Protocol, Transport};
/// use protocol::policies::SpewingFactory;
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
/// #         transport.write(data);
/// #     }
/// # }
///
/// let echo = protocol::factory_fn(|_peer| Echo);
/// let factory = SpewingFactory::new(echo, |line| eprintln!("{line}")).into_rc();
/// # drop(factory);
/// ```
///
/// # Differences from Twisted
///
/// It shows no data unless asked, as that may be a password; and the pieces of a sequence are shown.
pub struct SpewingFactory {
    wrapping: WrappingFactory<Spewing>,
    shows_data: Rc<Cell<bool>>,
}

impl SpewingFactory {
    /// Gives each line to `say`, which must not block. It is called before the data goes on.
    pub fn new(factory: Rc<dyn Factory>, say: impl Fn(fmt::Arguments<'_>) + 'static) -> Self {
        let (say, shows_data): (Rc<dyn Fn(fmt::Arguments<'_>)>, _) =
            (Rc::new(say), Rc::new(Cell::new(false)));
        let shows = shows_data.clone();
        let wrapping = WrappingFactory::new(factory, move |_| Spewing {
            say: say.clone(),
            shows_data: shows.get(),
        });
        Self { wrapping, shows_data }
    }

    /// Shows the data, too, with what is not printable ASCII escaped.
    #[must_use]
    pub fn with_data(self) -> Self {
        self.shows_data.set(true);
        self
    }

    /// Done: what endpoints take.
    pub fn into_rc(self) -> Rc<dyn Factory> {
        Rc::new(self)
    }
}

/// Says what passes on one connection.
struct Spewing {
    say: Rc<dyn Fn(fmt::Arguments<'_>)>,
    shows_data: bool,
}

impl Spewing {
    fn say(&self, verb: &str, data: &[u8]) {
        match self.shows_data {
            true => (self.say)(format_args!("{verb}: \"{}\"", data.escape_ascii())),
            false => (self.say)(format_args!("{verb}: {} bytes", data.len())),
        }
    }
}

impl Layer for Spewing {
    fn received(&self, data: &[u8]) {
        self.say("Received", data);
    }

    fn write(&self, below: &dyn Transport, data: &[u8]) {
        self.say("Sending", data);
        below.write(data);
    }

    fn write_sequence(&self, below: &dyn Transport, chunks: Vec<Chunk>) {
        chunks.iter().for_each(|chunk| self.say("Sending", chunk));
        below.write_sequence(chunks);
    }
}

impl Factory for SpewingFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        self.wrapping.build_protocol(peer)
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        self.wrapping.wrapped()
    }
}

impl fmt::Debug for SpewingFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpewingFactory").finish_non_exhaustive()
    }
}
