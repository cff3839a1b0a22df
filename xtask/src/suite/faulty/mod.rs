//! Worlds with one injected fault each, which show that the cases can fail.
//!
//! Invariant: without its fault, a faulty world behaves like the world below it.

mod datagrams;
mod layer;
mod programs;
mod tests;
mod world;

/// The injected fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// One byte of a delivery of several is dropped.
    LosesByte,
    /// `connection_lost` comes twice.
    EndsTwice,
    /// `connection_lost` never comes.
    NeverEnds,
    /// `connection_lost` comes inside `abort_connection`.
    EndsInsideTheCall,
    /// A clean end is delivered as an abort.
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
    /// `read_connection_lost` is not delivered.
    HalfClosesSilently,
    /// A producer is registered, and never called.
    ForgetsProducer,
    /// A second producer is accepted.
    TakesAnyProducer,
    /// Each connection leaks a timer.
    LeavesTimer,
    /// Each connection leaks its protocol.
    KeepsProtocol,
    /// Delays are half as long.
    CallsEarly,
    /// A call without a delay runs at once.
    CallsInside,
    /// Work for other threads is done by the loop.
    WorksOnTheLoop,
    /// One of ten datagrams does not come.
    LosesDatagram,
    /// Each datagram comes with another first byte.
    ChangesDatagram,
    /// A datagram comes with the port's own address.
    HidesSender,
    /// A datagram that was too long comes as if it were whole.
    HidesTruncation,
    /// A refusal is not told.
    HidesRefusal,
    /// A protocol is stopped twice.
    StopsTwice,
    /// A protocol is not started.
    NeverStarts,
    /// A datagram port is not closed.
    NeverStops,
    /// The exit of a child is not told.
    HidesExit,
    /// A child's end comes with the exit code 0.
    EndsAsDone,
    /// The last bytes of a child are dropped.
    LosesLastBytes,
    /// A child's pipes come under one number.
    MixesPipes,
    /// Another signal is sent.
    SendsAnotherSignal,
    /// A child is shown with a number after its exit.
    KeepsNumber,
}
