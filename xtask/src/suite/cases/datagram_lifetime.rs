//! How datagram ports begin and end.
//!
//! Invariant: each case closes its ports by itself, or leaves them to the end of the case.

use std::cell::RefCell;
use std::rc::Rc;

use interfaces::SendError;
use protocol::testing::{DatagramRecorder, SeenDatagram};

use super::datagram::{echo, sent, silent};
use crate::suite::{Ability, Case, CaseContext, Failed, Outcome, ensure, panic_as_planned, same};

pub(super) const CASES: &[Case] = &[
    Case::of_datagrams(
        "datagram/start-and-stop",
        "the protocol starts before the port is handed out, and stops once, before the Deferred fires",
        start_and_stop,
    )
    .states(&["udp-015"]),
    Case::of_datagrams(
        "datagram/stop-inside-start",
        "a stop from within the start is told after the start has returned",
        stop_inside_start,
    )
    .states(&["udp-003"]),
    Case::of_datagrams(
        "datagram/again",
        "a protocol whose port has stopped runs on another one, and is started again",
        again,
    )
    .states(&["udp-016"]),
    Case::of_datagrams(
        "datagram/in-use",
        "an address in use is an error, the protocol is not started, and the port that has it goes on",
        in_use,
    )
    .states(&["udp-017", "unix-023"]),
    Case::of_datagrams(
        "datagram/after-stop",
        "a closed port keeps its address, refuses what is sent, and receives nothing",
        after_stop,
    ),
    Case::of_datagrams(
        "datagram/panic",
        "a panic in a protocol costs its port only",
        panic_costs_one,
    )
    .needs(&[Ability::CatchPanics]),
];

type Log = Rc<RefCell<Vec<&'static str>>>;

fn start_and_stop(t: &CaseContext) -> Outcome {
    let log = Log::default();
    let noting = log.clone();
    let (protocol, _) = DatagramRecorder::new(move |seen, _| {
        noting.borrow_mut().push(match seen {
            SeenDatagram::Started => "started",
            SeenDatagram::Stopped => "stopped",
            _ => "other",
        });
    });
    let port = t.open(protocol)?;
    same("the calls before it is handed out", log.borrow().clone(), ["started"])?;
    let noting = log.clone();
    let stopped = port.stop_listening().add_callback(move |()| {
        noting.borrow_mut().push("fired");
        Ok(())
    });
    same("the calls inside of the stop", log.borrow().clone(), ["started"])?;
    t.wait("closing the port", stopped)??;
    t.wait("closing it again", port.stop_listening())??;
    t.settle()?;
    same("all calls", log.borrow().clone(), ["started", "stopped", "fired"])
}

fn stop_inside_start(t: &CaseContext) -> Outcome {
    let log = Log::default();
    let noting = log.clone();
    let (protocol, _) = DatagramRecorder::new(move |seen, transport| match seen {
        SeenDatagram::Started => {
            noting.borrow_mut().push("start begins");
            drop(transport.stop_listening());
            noting.borrow_mut().push("start ends");
        }
        _ => noting.borrow_mut().push("stopped"),
    });
    drop(t.open(protocol)?);
    let want = ["start begins", "start ends"];
    same("the calls in the first call", log.borrow().clone(), want)?;
    t.until("it has stopped", || log.borrow().len() == 3)?;
    same("all calls", log.borrow().clone(), ["start begins", "start ends", "stopped"])
}

fn again(t: &CaseContext) -> Outcome {
    let (protocol, record) = DatagramRecorder::silent();
    for runs in 1..=3 {
        let port = t.open(protocol.clone())?;
        same("its starts", record.count(&SeenDatagram::Started), runs)?;
        let (other, _) = silent(t)?;
        sent(other.send_to(b"x", &port.host()))?;
        t.until("it runs", || record.received().len() == runs)?;
        t.wait("closing the port", port.stop_listening())??;
        same("its stops", record.count(&SeenDatagram::Stopped), runs)?;
    }
    Ok(())
}

fn in_use(t: &CaseContext) -> Outcome {
    let (port, record) = silent(t)?;
    let (protocol, refused) = DatagramRecorder::silent();
    let opened = t.datagrams()?.open_at(&port.host(), protocol.clone());
    ensure(opened.is_err(), "two ports have the same address")?;
    ensure(refused.seen().is_empty(), "the refused protocol was called")?;
    let (other, _) = silent(t)?;
    sent(other.send_to(b"x", &port.host()))?;
    t.until("it came", || record.received().len() == 1)?;
    t.wait("closing the port", port.stop_listening())??;
    let opened = t.datagrams()?.open_at(&port.host(), protocol);
    let opened = opened.map_err(|error| Failed::new(error.to_string()))?;
    t.close_at_the_end(&opened);
    same("the address", opened.host(), port.host())
}

fn after_stop(t: &CaseContext) -> Outcome {
    let (port, record) = silent(t)?;
    let (other, _) = silent(t)?;
    let host = port.host();
    sent(other.send_to(b"late", &host))?;
    let stopped = port.stop_listening();
    let want = Err(SendError::Closed { host: host.clone() });
    same("a send", port.send_to(b"x", &other.host()), want)?;
    t.wait("closing the port", stopped)??;
    t.settle()?;
    same("its address", port.host(), host)?;
    same("its calls", record.seen(), [SeenDatagram::Started, SeenDatagram::Stopped])
}

fn panic_costs_one(t: &CaseContext) -> Outcome {
    let (protocol, bad) = DatagramRecorder::new(|seen, _| {
        if matches!(seen, SeenDatagram::Received(_, _)) {
            panic_as_planned("in a datagram protocol");
        }
    });
    let port = t.open(protocol)?;
    let (protocol, _) = echo();
    let other = t.open(protocol)?;
    let (client, answers) = silent(t)?;
    sent(client.send_to(b"x", &port.host()))?;
    t.until("it has stopped", || bad.count(&SeenDatagram::Stopped) == 1)?;
    same("the panics that were reported", t.planned_panics(), 1)?;
    sent(client.send_to(b"still there?", &other.host()))?;
    t.until("the other answers", || answers.received().len() == 1)
}
