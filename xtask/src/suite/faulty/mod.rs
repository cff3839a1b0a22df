//! Worlds with one planted fault each, to show that the cases can fail.
//!
//! Invariant: without its fault, a faulty world is the one below it.

mod layer;
mod tests;
mod world;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// A byte of a delivery of several is dropped.
    LosesByte,
    /// `connection_lost` comes twice.
    EndsTwice,
    /// `connection_lost` never comes.
    NeverEnds,
    /// `connection_lost` comes inside `abort_connection`.
    EndsInsideTheCall,
    /// A clean end is told as an abort.
    EndsUncleanly,
    /// `pause_producing` does nothing.
    IgnoresPause,
    /// `abort_connection` is `lose_connection`.
    AbortsGently,
    /// `lose_connection` is `abort_connection`.
    ClosesRudely,
    /// `lose_connection` takes effect only some time later.
    ClosesLate,
    /// `lose_write_connection` closes both directions.
    HalfClosesFully,
    /// `read_connection_lost` is not told.
    HalfClosesSilently,
    /// A producer is taken, and never called.
    ForgetsProducer,
    /// Every producer is taken.
    TakesAnyProducer,
    /// Each connection leaves a timer.
    LeavesTimer,
    /// Each connection's protocol is never freed.
    KeepsProtocol,
    /// Delays are half as long.
    CallsEarly,
    /// A call without a delay is made at once.
    CallsInside,
    /// Work for other threads is done by the loop.
    WorksOnTheLoop,
}
