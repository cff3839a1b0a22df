//! A client service over an endpoint that is driven by hand.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use deferred::Deferred;
use interfaces::{Observer, ReactorEvent};
use ropewalk_protocol::ProtocolRef;
use ropewalk_protocol::client::{ClientService, ClientServiceBuilder};
use ropewalk_protocol::service::Service as _;
use ropewalk_protocol::testing::{Clock, Record, Recorder};

use super::by_hand::ByHand;

/// The delay after the first failure; after the second it is twice that.
pub(crate) const DELAY: Duration = Duration::from_secs(10);

pub(crate) type Waiter = Deferred<ProtocolRef<Recorder>>;

pub(crate) struct ServiceScene {
    pub(crate) clock: Clock,
    pub(crate) endpoint: ByHand,
    pub(crate) service: ClientService<Recorder>,
    pub(crate) refuses: Rc<Cell<bool>>,
    built: Rc<RefCell<Vec<ProtocolRef<Recorder>>>>,
    policy_calls: Rc<RefCell<Vec<u32>>>,
    observed: Rc<RefCell<Vec<String>>>,
}

struct Noting(Rc<RefCell<Vec<String>>>);

impl Observer for Noting {
    fn observe(&self, event: &ReactorEvent<'_>) {
        self.0.borrow_mut().push(match event {
            ReactorEvent::Failed { attempt, error } => format!("{attempt}: {error}"),
            other => format!("{other:?}"),
        });
    }
}

type Builder = ClientServiceBuilder<Recorder>;

impl ServiceScene {
    pub(crate) fn over(endpoint: ByHand, change: impl FnOnce(Builder) -> Builder) -> Self {
        let clock = Clock::new();
        let refuses = Rc::new(Cell::new(false));
        let built = Rc::<RefCell<Vec<ProtocolRef<Recorder>>>>::default();
        let policy_calls = Rc::<RefCell<Vec<u32>>>::default();
        let observed = Rc::<RefCell<Vec<String>>>::default();
        let (refused, made, asked) = (refuses.clone(), built.clone(), policy_calls.clone());
        let builder = ClientServiceBuilder::new(endpoint.clone(), clock.clone(), move |_| {
            let protocol = ProtocolRef::new(Recorder::new(&Record::new()));
            made.borrow_mut().push(protocol.clone());
            (!refused.get()).then_some(protocol)
        })
        .with_retry_policy(move |failures| {
            asked.borrow_mut().push(failures);
            DELAY * failures
        })
        .with_observer(Noting(observed.clone()));
        let service = change(builder).build();
        Self { clock, endpoint, service, refuses, built, policy_calls, observed }
    }

    pub(crate) fn built_by(change: impl FnOnce(Builder) -> Builder) -> Self {
        Self::over(ByHand::default(), change)
    }

    /// Its first attempt is under way.
    pub(crate) fn started() -> Self {
        let scene = Self::built_by(|builder| builder);
        scene.service.start_service().expect("it can be started");
        scene
    }

    pub(crate) fn connected() -> Self {
        let scene = Self::started();
        scene.endpoint.last().connect();
        scene
    }

    /// The protocol that was built as this one.
    pub(crate) fn built(&self, number: usize) -> ProtocolRef<Recorder> {
        self.built.borrow()[number].clone()
    }

    /// The numbers of failures with which the policy was asked.
    pub(crate) fn policy_calls(&self) -> Vec<u32> {
        self.policy_calls.borrow().clone()
    }

    pub(crate) fn observed(&self) -> Vec<String> {
        self.observed.borrow().clone()
    }
}
