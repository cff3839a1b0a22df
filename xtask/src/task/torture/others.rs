//! Scenarios of datagrams and of a child process.
//!
//! Invariant: a fault costs the datagrams, or the child, that it met; the ports go on.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use interfaces::{
    DatagramTransport, ListenUdp, ProcessTransport, ReactorProcess as _, ReactorUdp as _,
    SpawnProcess,
};
use protocol::testing::{
    DatagramRecord, DatagramRecorder, ProcessRecord, ProcessRecorder, ProcessSeen, SeenDatagram,
};
use reactor::simulated::Script;
use testkit::pattern;

use super::scene::{Ongoing, Scenario, Scene};

/// A client asks a server, which answers each datagram.
pub(super) struct Datagrams;

/// How many questions there are, and how long after the last one nothing comes any more.
const QUESTIONS: usize = 20;
const QUIET: Duration = Duration::from_secs(10);

struct Questions {
    server: Rc<dyn DatagramTransport>,
    client: Rc<dyn DatagramTransport>,
    told: DatagramRecord,
    asked: Rc<Cell<usize>>,
    is_over: Rc<Cell<bool>>,
    before: usize,
}

impl Scenario for Datagrams {
    fn name(&self) -> &'static str {
        "datagrams"
    }

    fn begin(&self, scene: &Scene) -> Result<Box<dyn Ongoing>, String> {
        let any_port = ListenUdp::new(([127, 0, 0, 1], 0));
        let (answering, _) = DatagramRecorder::new(|seen, transport| {
            if let SeenDatagram::Received(data, sender) = seen {
                let _ = transport.send_to(data, sender);
            }
        });
        let opened = scene.reactor.listen_udp(&any_port, answering);
        let server = opened.map_err(|error| error.to_string())?;
        let (asking, told) = DatagramRecorder::silent();
        match scene.reactor.listen_udp(&any_port, asking) {
            Ok(client) => Ok(Questions::begin(scene, server, client, told)),
            Err(error) => {
                drop(server.stop_listening());
                Err(error.to_string())
            }
        }
    }
}

impl Questions {
    fn begin(
        scene: &Scene,
        server: Rc<dyn DatagramTransport>,
        client: Rc<dyn DatagramTransport>,
        told: DatagramRecord,
    ) -> Box<dyn Ongoing> {
        let (asked, is_over, before) = (Rc::default(), Rc::default(), told.received().len());
        let questions = Self { server, client, told, asked, is_over, before };
        for number in 0..QUESTIONS {
            let (client, to) = (questions.client.clone(), questions.server.host());
            let asked = questions.asked.clone();
            let ask = move || {
                asked.set(asked.get() + 1);
                let _ = client.send_to(&pattern(number as u64, 100 + number), &to);
            };
            scene.reactor.call_later(Duration::from_millis(10 * number as u64), ask);
        }
        let is_over = questions.is_over.clone();
        scene.reactor.call_later(QUIET, move || is_over.set(true));
        Box::new(questions)
    }

    /// The answers to the questions of this round.
    fn answers(&self) -> Vec<Vec<u8>> {
        self.told.received().split_off(self.before)
    }
}

impl Ongoing for Questions {
    fn is_over(&self) -> bool {
        self.is_over.get()
    }

    fn verdict(&self) -> Result<(), String> {
        let is_question = |answer: &Vec<u8>| {
            (0..QUESTIONS).any(|number| *answer == pattern(number as u64, 100 + number))
        };
        let answers = self.answers();
        if !answers.iter().all(is_question) {
            return Err("a wrong byte".into());
        }
        // A call that fails ten times may cost as many questions and their answers.
        let least = QUESTIONS.saturating_sub(11);
        match (self.asked.get(), answers.len()) {
            (QUESTIONS, answered) if answered >= least => Ok(()),
            (asked, answered) => Err(format!("{answered} answers to {asked} questions")),
        }
    }

    fn again(&self, scene: &Scene) -> Result<Option<Box<dyn Ongoing>>, String> {
        let (server, client) = (self.server.clone(), self.client.clone());
        Ok(Some(Self::begin(scene, server, client, self.told.clone())))
    }

    fn is_whole(&self) -> bool {
        self.answers().len() == QUESTIONS
    }

    fn close(&self) {
        drop(self.server.stop_listening());
        drop(self.client.stop_listening());
    }
}

/// A child sends back what it is sent.
pub(super) struct Child;

/// More than a pipe takes at once.
const CHILD_BYTES: usize = 100_000;

struct Echoing {
    seen: ProcessRecord,
    process: RefCell<Option<Rc<dyn ProcessTransport>>>,
}

impl Scenario for Child {
    fn name(&self) -> &'static str {
        "child process"
    }

    fn begin(&self, scene: &Scene) -> Result<Box<dyn Ongoing>, String> {
        scene.network().install("echo", Script::new().echo());
        Echoing::begin(scene).map(|echoing| Box::new(echoing) as Box<dyn Ongoing>)
    }
}

impl Echoing {
    fn begin(scene: &Scene) -> Result<Self, String> {
        let seen = ProcessRecord::new();
        let mut received = 0;
        let end = move |event: &ProcessSeen, process: &Rc<dyn ProcessTransport>| {
            if let ProcessSeen::ChildDataReceived(1, data) = event {
                received += data.len();
                if received == CHILD_BYTES {
                    process.close_stdin();
                }
            }
        };
        let protocol = Box::new(ProcessRecorder::new(&seen).with_hook(end));
        let spawned = scene.reactor.spawn_process(&SpawnProcess::new("echo"), protocol);
        let process = spawned.map_err(|error| error.to_string())?;
        process.write(&pattern(2, CHILD_BYTES));
        // What a fault left hanging, its user ends.
        let late = process.clone();
        scene.reactor.call_later(Duration::from_secs(60), move || {
            let _ = late.signal_process(&"KILL".into());
            late.lose_connection();
        });
        Ok(Self { seen, process: RefCell::new(Some(process)) })
    }
}

impl Ongoing for Echoing {
    fn is_over(&self) -> bool {
        self.seen.ended().is_some()
    }

    fn verdict(&self) -> Result<(), String> {
        if !pattern(2, CHILD_BYTES).starts_with(&self.seen.received(1)) {
            return Err("a wrong byte".into());
        }
        let ends =
            self.seen.seen().iter().filter(|it| matches!(it, ProcessSeen::ProcessEnded(_))).count();
        if ends == 1 { Ok(()) } else { Err(format!("its end is told {ends} times")) }
    }

    fn again(&self, scene: &Scene) -> Result<Option<Box<dyn Ongoing>>, String> {
        Echoing::begin(scene).map(|echoing| Some(Box::new(echoing) as Box<dyn Ongoing>))
    }

    fn is_whole(&self) -> bool {
        self.seen.received(1).len() == CHILD_BYTES
    }

    fn close(&self) {
        self.process.take();
    }
}
