//! The protocol behind `--status`.
//!
//! Invariant: a client has one answer, and little time and memory.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use interfaces::{Factory, Protocol, Transport};
use protocol::policies::{LimitTotalConnectionsFactory, TimeoutFactory, Timeouts};
use reactor::Reactor;

use super::Board;
use super::answer::answer;
use crate::http::take_head;

/// The most clients at a time; the others wait.
const CLIENTS_MAX: usize = 64;

/// How long a client may be silent.
const SILENCE: Duration = Duration::from_secs(10);

/// Answers requests for the status of a command.
pub(crate) fn factory(board: &Arc<Board>, clock: &Reactor) -> Rc<dyn Factory> {
    let board = board.clone();
    let asked =
        protocol::factory_fn(move |_| StatusProtocol { board: board.clone(), head: Vec::new() });
    let times = Timeouts::default().with_first_byte(Some(SILENCE)).with_idle(Some(SILENCE));
    let timed = TimeoutFactory::with_timeouts(asked, clock.clone(), times).into_rc();
    LimitTotalConnectionsFactory::new(timed, CLIENTS_MAX).into_rc()
}

struct StatusProtocol {
    board: Arc<Board>,
    head: Vec<u8>,
}

impl Protocol for StatusProtocol {
    fn data_received(&mut self, transport: &Rc<dyn Transport>, data: &[u8]) {
        take_head(&mut self.head, data);
        if let Some(answer) = answer(&self.board, &self.head) {
            transport.write(&answer);
            transport.lose_connection();
        }
    }
}
