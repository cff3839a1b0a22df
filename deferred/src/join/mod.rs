//! [`Join`]: the common part of `DeferredList`, `gather_results` and `race`: several members, and one
//! promise that fires when a [`Rule`] decides.
//!
//! ```text
//!   member's chain ──owns──▶ MemberLink ──owns──┐
//!   member's chain ──owns──▶ MemberLink ──owns──┴─▶ Join ──owns──▶ Promise ──owns──▶ PromiseState
//!                              ◀╌╌╌╌╌weak╌╌╌╌╌╌╌╌╌╌╌  ◀──owns── its canceller ◀──owns───┘
//! ```
//!
//! The ring at the right ends when the promise is fired or the canceller is called. Without members
//! there is only that ring, and it keeps the promise, which is never fired.
//!
//! Invariant: a join holds its promise until it is decided. The promise is taken out first, so
//! foreign code that runs meanwhile finds a decided join.

mod deferred_list;
mod failure_group;
mod first_error;
mod gather_results;
mod race;

use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::mem;
use core::ops::ControlFlow;
use core::slice;

use crate::chain::node::{self, InputNode, Node, OnUnwind, OutputNode, State};
use crate::chain::result_cell::{Reader, ResultCell};
use crate::chain::upstream::Upstream;
use crate::deferred::{Deferred, Promise};
use crate::error::DeferredError;
use crate::report::unhandled::{self, ReportOnDrop};

pub use deferred_list::{DeferredList, ListResult};
pub use failure_group::FailureGroup;
pub use first_error::FirstError;
pub use gather_results::{
    gather_results, gather_results_consuming_errors, gather_results_of,
    gather_results_of_consuming_errors,
};
pub use race::race;

/// The rule that decides a join, and the types of its result.
pub(crate) trait Rule<T, E>: 'static {
    /// The value of its success.
    type Value: 'static;
    /// The error of its failure.
    type Error: DeferredError;
    /// Whether one member's decision cancels the others.
    const CANCELS_THE_REST: bool;

    /// Whether only a member's success decides it, so that a join without members never ends.
    fn waits_for_a_success(&self) -> bool;

    /// A member has its result: it decides alone, or is kept until all are there.
    fn one(&self, index: usize, result: Result<T, E>) -> Step<Self::Value, Self::Error, T, E>;

    /// All members have their results, and none has decided alone.
    fn all(
        &self,
        results: impl ExactSizeIterator<Item = Result<T, E>>,
    ) -> Result<Self::Value, Self::Error>;
}

/// The effect of a member's result: the outcome of the join, or the result to keep.
pub(crate) type Step<U, E2, T, E> = ControlFlow<Result<U, E2>, Result<T, E>>;

/// The treatment of members' errors that are no part of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeftOver {
    /// The hook is told.
    Told,
    /// They are dropped and not reported.
    Consumed,
}

/// Members whose results are awaited together.
pub(crate) struct Join<T: 'static, E: DeferredError, R: Rule<T, E>> {
    rule: R,
    left_over: LeftOver,
    promise: Cell<Option<Promise<R::Value, R::Error>>>,
    /// The members' results so far, in their order; empty when it is decided.
    results: RefCell<Vec<ReportOnDrop<T, E>>>,
    /// It was cancelled, so the cancellations of its members are no news.
    is_cancelled: Cell<bool>,
    /// The number of members without a result.
    missing: Cell<usize>,
    /// The links to the pending members; `None` without any, or when one has decided.
    links: RefCell<Option<Rc<MemberLinks<T, E, R>>>>,
}

type MemberLinks<T, E, R> = Vec<Weak<MemberLink<T, E, R>>>;

impl<T: 'static, E: DeferredError, R: Rule<T, E>> Join<T, E, R> {
    /// A join without members. Its `cancel` is for the canceller of the promise that `start`
    /// takes.
    pub(crate) fn new(rule: R, left_over: LeftOver) -> Rc<Self> {
        Rc::new(Join {
            rule,
            left_over,
            promise: Cell::new(None),
            results: RefCell::default(),
            is_cancelled: Cell::new(false),
            missing: Cell::new(0),
            links: RefCell::default(),
        })
    }

    /// Waits for the members from now on, to fire the promise.
    pub(crate) fn start(
        self: Rc<Self>,
        members: Vec<Deferred<T, E>>,
        promise: Promise<R::Value, R::Error>,
    ) {
        let count = members.len();
        if count == 0 && !self.rule.waits_for_a_success() {
            return promise.fire(self.rule.all(core::iter::empty()));
        }
        self.promise.set(Some(promise));
        self.missing.set(count);
        self.link(members);
        // All are linked before the first result is looked at, since a race cancels the others.
        for index in 0..count {
            let given = self.results.borrow_mut().get_mut(index).map(mem::take);
            if let Some(result) = given.and_then(ReportOnDrop::claim) {
                node::advance(self.put(index, result));
            }
        }
    }

    /// Cancels every member. Their results decide it; without members there are none, so then the
    /// promise is dropped.
    pub(crate) fn cancel(&self) {
        self.is_cancelled.set(true);
        let links = self.links.borrow().clone();
        match links {
            Some(links) => cancel_each(&links),
            None => drop(self.promise.take()),
        }
    }

    fn link(self: &Rc<Self>, members: Vec<Deferred<T, E>>) {
        let pending = members.iter().filter(|member| !member.is_fired()).count();
        let mut links = Vec::with_capacity(pending);
        let mut results = Vec::with_capacity(members.len());
        for (index, member) in members.into_iter().enumerate() {
            results.push(match member.into_state() {
                State::Fired(result) => ReportOnDrop::new(result),
                State::Pending(node) => {
                    links.push(MemberLink::at(&node, self, index));
                    ReportOnDrop::default()
                }
            });
        }
        self.results.replace(results);
        self.links.replace((pending > 0).then(|| Rc::new(links)));
    }

    /// Takes a member's result; returns the node to go on with.
    fn put(&self, index: usize, result: Result<T, E>) -> Option<Rc<dyn Node>> {
        let Some(promise) = self.promise.take() else {
            self.leave(ReportOnDrop::new(result));
            return None;
        };
        match self.rule.one(index, result) {
            ControlFlow::Break(outcome) => self.decide(promise, outcome),
            ControlFlow::Continue(result) => self.keep(promise, index, result),
        }
    }

    /// Keeps a member's result, which may be the last.
    fn keep(
        &self,
        promise: Promise<R::Value, R::Error>,
        index: usize,
        result: Result<T, E>,
    ) -> Option<Rc<dyn Node>> {
        self.results.borrow_mut()[index] = ReportOnDrop::new(result);
        self.missing.set(self.missing.get() - 1);
        if self.missing.get() > 0 {
            self.promise.set(Some(promise));
            return None;
        }
        let results = self.results.take().into_iter();
        let results = results.map(|result| result.claim().expect("none is missing"));
        let outcome = self.rule.all(results);
        node::fire(promise.into_state()?, outcome)
    }

    /// One member has decided. The results of the others are no part of the outcome.
    fn decide(
        &self,
        promise: Promise<R::Value, R::Error>,
        outcome: Result<R::Value, R::Error>,
    ) -> Option<Rc<dyn Node>> {
        let mut firing = Some((promise, outcome));
        let unwinding = OnUnwind(|| {
            if let Some((promise, outcome)) = firing.take() {
                promise.fire(outcome);
            }
        });
        let links = self.links.take();
        let results = self.results.take();
        if let Some(links) = links.filter(|_| R::CANCELS_THE_REST) {
            cancel_each(&links);
        }
        results.into_iter().for_each(|result| self.leave(result));
        mem::forget(unwinding);
        let (promise, outcome) = firing?;
        node::fire(promise.into_state()?, outcome)
    }

    /// Drops a result that is no part of the join's.
    fn leave(&self, result: ReportOnDrop<T, E>) {
        match self.left_over {
            LeftOver::Told if !self.has_cancelled(&result) => drop(result),
            LeftOver::Told | LeftOver::Consumed => drop(result.claim()),
        }
    }

    /// Whether a member failed because this was cancelled. An error type that does not tell counts as
    /// such.
    fn has_cancelled(&self, result: &ReportOnDrop<T, E>) -> bool {
        match result.as_ref() {
            Some(Err(error)) if self.is_cancelled.get() => {
                unhandled::is_cancellation(error).unwrap_or(true)
            }
            _ => false,
        }
    }
}

/// Cancels them in order. If a canceller panics the others are cancelled all the same, while the
/// panic unwinds.
fn cancel_each<N: Node + 'static>(nodes: &[Weak<N>]) {
    Cancelling(nodes.iter()).run();
}

struct Cancelling<'a, N: Node + 'static>(slice::Iter<'a, Weak<N>>);

impl<N: Node + 'static> Cancelling<'_, N> {
    fn run(&mut self) {
        for node in self.0.by_ref() {
            if let Some(node) = node.upgrade() {
                node::cancel(node);
            }
        }
    }
}

impl<N: Node + 'static> Drop for Cancelling<'_, N> {
    fn drop(&mut self) {
        self.run();
    }
}

/// The node by which a join waits for one pending member.
struct MemberLink<T: 'static, E: DeferredError, R: Rule<T, E>> {
    join: Rc<Join<T, E, R>>,
    index: usize,
    upstream: Upstream,
}

impl<T: 'static, E: DeferredError, R: Rule<T, E>> MemberLink<T, E, R> {
    /// Takes its place at the end of the member's chain, which owns it from now on.
    fn at(member: &Rc<dyn OutputNode<T, E>>, join: &Rc<Join<T, E, R>>, index: usize) -> Weak<Self> {
        let upstream: Rc<dyn Node> = member.clone();
        let upstream = Upstream::new(Some(upstream));
        let link = Rc::new(MemberLink { join: Rc::clone(join), index, upstream });
        let weak = Rc::downgrade(&link);
        member.cell().read_by(Some(Reader::Callback(link)));
        weak
    }
}

impl<T: 'static, E: DeferredError, R: Rule<T, E>> Node for MemberLink<T, E, R> {
    fn advance(self: Rc<Self>) -> Option<Rc<dyn Node>> {
        None
    }

    fn cancel(self: Rc<Self>) -> Option<Rc<dyn Node>> {
        self.upstream.get()
    }

    fn wait_for(&self, upstream: Option<Rc<dyn Node>>) {
        self.upstream.set(upstream);
    }

    fn is_chained(&self) -> bool {
        false
    }
}

impl<T: 'static, E: DeferredError, R: Rule<T, E>> InputNode<T, E> for MemberLink<T, E, R> {
    fn receive(self: Rc<Self>, from: &ResultCell<T, E>) -> Option<Rc<dyn Node>> {
        // It has no upstream any more, so a decision that cancels the others passes it by.
        self.upstream.clear();
        self.join.put(self.index, from.take()?)
    }
}
