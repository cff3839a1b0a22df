//! The two directions, between two transports that only record.

use std::cell::RefCell;

use deferred::{Deferred, Failure};
use interfaces::Producer;
use protocol::testing::{Clock, ProducerState, StringTransport};

use super::*;

struct Scene {
    clock: Clock,
    joint: Rc<Joint>,
    network: Rc<StringTransport>,
    stdio: Rc<StringTransport>,
    over: Deferred<Outcome>,
}

const SILENCE: Duration = Duration::from_secs(5);

fn scene_with(half_closes: bool) -> Scene {
    let (clock, opened) = (Clock::new(), Rc::new(RefCell::new(None)));
    let (over, promise) = Deferred::new();
    let keep = opened.clone();
    let open = move |side: Rc<dyn Deliver>| {
        keep.replace(Some(side));
        Ok(())
    };
    let options = PipeOptions { half_closes, directions: Directions::Both, silence: Some(SILENCE) };
    let joint = Joint::new(clock.clone(), options, open, promise);
    let (network, stdio) = (StringTransport::new(), StringTransport::new());
    joint.network_made(&network.as_transport());
    assert_eq!(network.producer_state(), ProducerState::Paused, "until there is an output");
    assert!(opened.borrow().is_some());
    joint.stdio_made(&stdio.as_transport());
    assert_eq!(network.producer_state(), ProducerState::Producing);
    Scene { clock, joint, network, stdio, over }
}

fn scene() -> Scene {
    scene_with(true)
}

impl Scene {
    /// The outcome, after both transports were lost.
    fn outcome(self, reason: Reason) -> Outcome {
        self.joint.network_lost(&reason);
        assert!(self.stdio.disconnecting(), "what came is written first");
        assert!(!self.over.is_fired());
        self.joint.stdio_lost(&Reason::Done);
        self.over.try_into_result().ok().unwrap().unwrap()
    }
}

#[test]
fn all_of_the_input_is_sent_and_then_the_connection_half_closed() {
    let scene = scene();
    ["one ", "two"].iter().for_each(|piece| scene.joint.input_received(piece.as_bytes()));
    scene.joint.input_ended();
    assert_eq!(scene.network.value(), b"one two");
    assert!(scene.network.write_closed() && !scene.network.disconnecting());
    assert!(scene.network.producer().is_none(), "a producer would hold the close back");
    scene.joint.network_received(b"answer");
    scene.joint.network_ended();
    assert_eq!(scene.stdio.value(), b"answer");
    assert!(scene.network.disconnecting());
    let outcome = scene.outcome(Reason::Done);
    assert!(outcome.trouble.is_none() && outcome.reason.is_clean());
}

#[test]
fn the_input_goes_on_behind_the_peer_s_end_until_it_is_silent_for_too_long() {
    let scene = scene();
    scene.joint.network_ended();
    assert!(scene.stdio.write_closed(), "the reader of the output sees the end");
    for _ in 0..10 {
        scene.clock.advance(SILENCE - Duration::from_millis(1));
        scene.joint.input_received(b"more ");
    }
    assert_eq!(scene.network.value(), b"more ".repeat(10));
    assert!(!scene.network.disconnecting());
    scene.clock.advance(SILENCE);
    assert!(scene.network.disconnecting());
    assert!(scene.network.producer().is_none());
    scene.joint.output_ended();
    assert!(scene.outcome(Reason::Done).trouble.is_none());
}

#[test]
fn the_end_of_the_input_behind_the_peer_s_end_closes_the_connection() {
    let scene = scene();
    scene.joint.network_ended();
    scene.joint.input_received(b"last");
    scene.joint.input_ended();
    assert_eq!(scene.network.value(), b"last");
    assert!(scene.network.disconnecting());
    scene.clock.advance(SILENCE * 2);
    assert!(scene.outcome(Reason::Done).trouble.is_none());
}

#[test]
fn without_half_closing_the_end_of_the_input_changes_nothing_until_the_peer_ends() {
    let scene = scene_with(false);
    scene.joint.input_received(b"request");
    scene.joint.input_ended();
    assert!(!scene.network.write_closed() && !scene.network.disconnecting());
    scene.joint.network_ended();
    assert!(scene.network.disconnecting());
}

#[test]
fn a_slow_side_pauses_the_other() {
    let scene = scene();
    let pause = |transport: &StringTransport| match transport.producer() {
        Some(Producer::Push(producer)) => producer,
        other => panic!("{other:?}"),
    };
    pause(&scene.stdio).pause_producing();
    assert_eq!(scene.network.producer_state(), ProducerState::Paused);
    assert_eq!(scene.stdio.producer_state(), ProducerState::Producing);
    pause(&scene.stdio).resume_producing();
    assert_eq!(scene.network.producer_state(), ProducerState::Producing);
    pause(&scene.network).pause_producing();
    assert_eq!(scene.stdio.producer_state(), ProducerState::Paused);
}

#[test]
fn an_output_whose_reader_is_gone_aborts_and_is_the_trouble() {
    let scene = scene();
    scene.joint.output_ended();
    assert!(scene.network.aborting());
    let outcome = scene.outcome(Reason::Aborted);
    assert!(matches!(outcome.trouble, Some(Trouble::Output(_))), "{outcome:?}");
}

#[test]
fn an_input_or_an_output_that_fails_aborts_and_is_the_first_trouble() {
    for direction in ["input", "output"] {
        let scene = scene();
        let source = OsError::from_raw_os_error(libc::EIO);
        let error = StdioError { direction, source };
        scene.joint.stdio_lost(&Reason::Lost(Failure::new(error)));
        assert!(scene.network.aborting());
        assert!(!scene.over.is_fired());
        scene.joint.network_lost(&Reason::Aborted);
        let outcome = scene.over.try_into_result().ok().unwrap().unwrap();
        let told = match outcome.trouble {
            Some(Trouble::Input(error)) => ("input", error.raw_os_error()),
            Some(Trouble::Output(error)) => ("output", error.raw_os_error()),
            None => panic!("no trouble"),
        };
        assert_eq!(told, (direction, Some(libc::EIO)));
    }
}

#[test]
fn a_connection_that_is_lost_before_there_is_an_output_is_over_when_that_was_closed() {
    let (over, promise) = Deferred::new();
    let options = PipeOptions { half_closes: true, directions: Directions::Both, silence: None };
    let joint = Joint::new(Clock::new(), options, |_| Ok(()), promise);
    let (network, stdio) = (StringTransport::new(), StringTransport::new());
    joint.network_made(&network.as_transport());
    joint.network_lost(&Reason::Aborted);
    joint.stdio_made(&stdio.as_transport());
    assert!(stdio.disconnecting());
    joint.stdio_lost(&Reason::Done);
    assert!(matches!(over.try_into_result().ok().unwrap().unwrap().reason, Reason::Aborted));
}

#[test]
fn what_comes_before_there_is_an_output_is_written_first_also_when_the_connection_is_lost_then() {
    for is_lost in [false, true] {
        let (over, promise) = Deferred::new();
        let options =
            PipeOptions { half_closes: true, directions: Directions::Both, silence: None };
        let joint = Joint::new(Clock::new(), options, |_| Ok(()), promise);
        let (network, stdio) = (StringTransport::new(), StringTransport::new());
        joint.network_made(&network.as_transport());
        ["with the ", "answer, "].iter().for_each(|piece| joint.network_received(piece.as_bytes()));
        if is_lost {
            joint.network_lost(&Reason::Done);
        }
        joint.stdio_made(&stdio.as_transport());
        if !is_lost {
            joint.network_received(b"behind it");
            joint.network_lost(&Reason::Done);
        }
        let expected = if is_lost { "with the answer, " } else { "with the answer, behind it" };
        assert_eq!(stdio.value(), expected.as_bytes());
        joint.stdio_lost(&Reason::Done);
        assert!(over.try_into_result().ok().unwrap().unwrap().reason.is_clean());
    }
}
