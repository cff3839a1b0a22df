//! Claims about groups of services: the order, names, and errors.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use deferred::{Deferred, Failure, Promise};
use interfaces::NotPending;
use ropewalk_protocol::service::{AddServiceError, MultiService, NotAChild, Service, StopFailures};
use testkit::result_of;

/// The calls of all services of a test, and which of them ran at the time.
#[derive(Clone, Default)]
struct Journal(Rc<RefCell<Vec<String>>>);

impl Journal {
    fn note(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }

    fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

type Hook = Box<dyn Fn(&Part, &'static str)>;

/// A service as a program writes one. It notes what is called; its stop waits when told to.
#[derive(Default)]
struct Part {
    name: &'static str,
    journal: Journal,
    running: Cell<bool>,
    refuses: Cell<bool>,
    stops_slowly: Cell<bool>,
    stop: Cell<Option<Promise<()>>>,
    hook: RefCell<Option<Hook>>,
}

impl Part {
    fn new(name: &'static str, journal: &Journal) -> Rc<Self> {
        Rc::new(Self { name, journal: journal.clone(), ..Self::default() })
    }

    fn called(&self, call: &'static str) {
        self.journal.note(format!("{call} {}", self.name));
        let hook = self.hook.borrow_mut().take();
        if let Some(hook) = hook {
            hook(self, call);
        }
    }
}

impl Service for Part {
    fn running(&self) -> bool {
        self.running.get()
    }

    fn privileged_start_service(&self) -> Result<(), Failure> {
        self.called("privileged");
        Ok(())
    }

    fn start_service(&self) -> Result<(), Failure> {
        self.called("start");
        if self.refuses.get() {
            return Err(NotPending.into());
        }
        self.running.set(true);
        Ok(())
    }

    fn stop_service(&self) -> Deferred<()> {
        self.called("stop");
        self.running.set(false);
        if !self.stops_slowly.get() {
            return Deferred::succeed(());
        }
        let (stopped, promise) = Deferred::new();
        self.stop.set(Some(promise));
        stopped
    }
}

/// A group of the parts "one", "two" and "three".
struct Scene {
    group: Rc<MultiService>,
    parts: [Rc<Part>; 3],
    journal: Journal,
}

impl Scene {
    fn new() -> Self {
        let (group, journal) = (Rc::new(MultiService::new()), Journal::default());
        let parts = ["one", "two", "three"].map(|name| Part::new(name, &journal));
        for part in &parts {
            group.add_named_service(part.name, part.clone()).expect("a new name");
        }
        Self { group, parts, journal }
    }

    fn running(&self) -> [bool; 4] {
        let [one, two, three] = [0, 1, 2].map(|part| self.parts[part].running());
        [self.group.running(), one, two, three]
    }

    fn started() -> Self {
        let scene = Self::new();
        scene.group.start_service().expect("it starts");
        scene.journal.take();
        scene
    }
}

/// service-005, service-006
#[test]
fn a_group_runs_from_its_start_to_its_stop_and_so_do_its_children() {
    let scene = Scene::new();
    assert_eq!(scene.running(), [false; 4]);
    scene.group.start_service().unwrap();
    assert_eq!(scene.running(), [true; 4]);
    result_of(scene.group.stop_service()).unwrap();
    assert_eq!(scene.running(), [false; 4]);
    scene.group.start_service().unwrap();
    assert_eq!(scene.running(), [true; 4]);
}

/// service-007
#[test]
fn children_start_in_order_and_stop_in_the_reverse_one_beside_those_before_them() {
    let scene = Scene::new();
    let [one, _, three] = &scene.parts;
    for _ in ["at the start", "at the stop"] {
        let one = one.clone();
        three.hook.replace(Some(Box::new(move |three, call| {
            three.journal.note(format!("one runs at {call}: {}", one.running()));
        })));
        match scene.group.running() {
            false => scene.group.start_service().unwrap(),
            true => result_of(scene.group.stop_service()).unwrap(),
        }
    }
    assert_eq!(
        scene.journal.take(),
        [
            "start one",
            "start two",
            "start three",
            "one runs at start: true",
            "stop three",
            "one runs at stop: true",
            "stop two",
            "stop one"
        ]
    );
}

#[test]
fn the_privileged_start_comes_in_order_and_starts_nothing() {
    let scene = Scene::new();
    scene.group.privileged_start_service().unwrap();
    assert_eq!(scene.journal.take(), ["privileged one", "privileged two", "privileged three"]);
    assert_eq!(scene.running(), [false; 4]);
}

/// service-008
#[test]
fn a_group_has_stopped_when_all_children_have_though_one_of_them_failed() {
    let scene = Scene::started();
    scene.parts.iter().for_each(|part| part.stops_slowly.set(true));
    let stopped = scene.group.stop_service();
    assert_eq!(scene.journal.take(), ["stop three", "stop two", "stop one"], "none waited");
    let [one, two, three] = [0, 1, 2].map(|part| scene.parts[part].stop.take().unwrap());
    two.errback(NotPending);
    one.callback(());
    assert!(!stopped.is_fired());
    three.callback(());
    assert!(result_of(stopped).unwrap_err().check::<NotPending>());
}

#[test]
fn several_children_that_fail_to_stop_are_told_together() {
    let scene = Scene::started();
    scene.parts.iter().for_each(|part| part.stops_slowly.set(true));
    let stopped = scene.group.stop_service();
    for part in &scene.parts {
        part.stop.take().unwrap().errback(NotPending);
    }
    let failure = result_of(stopped).unwrap_err();
    let failures = failure.trap::<StopFailures>().unwrap();
    assert_eq!(failures.failures().len(), 3);
    assert!(failures.to_string().starts_with("3 services did not stop in order: "));
}

/// service-001, service-003
#[test]
fn a_child_has_one_name_from_the_start_and_no_other_child_has_it() {
    let scene = Scene::new();
    let journal = &scene.journal;
    let two: Rc<dyn Service> = scene.parts[1].clone();
    assert!(Rc::ptr_eq(&scene.group.service_named("two").unwrap(), &two));
    assert!(scene.group.service_named("four").is_none());
    let renamed = scene.group.add_named_service("deux", two.clone()).unwrap_err();
    assert!(matches!(renamed, AddServiceError::AlreadyAdded));
    let doubled = scene.group.add_named_service("two", Part::new("other", journal)).unwrap_err();
    assert_eq!(doubled.to_string(), "cannot add a service named two: another one has this name");
    assert!(scene.group.service_named("deux").is_none());
    assert_eq!(scene.group.services().len(), 3);
}

/// service-002
#[test]
fn a_parent_has_a_child_from_its_adding_to_its_removal() {
    let (scene, journal) = (Scene::new(), Journal::default());
    let child: Rc<dyn Service> = Part::new("child", &journal);
    scene.group.add_service(child.clone()).unwrap();
    assert!(Rc::ptr_eq(&scene.group.services()[3], &child));
    result_of(scene.group.remove_service(&child)).unwrap();
    assert_eq!(scene.group.services().len(), 3);
    let failure = result_of(scene.group.remove_service(&child)).unwrap_err();
    assert!(failure.check::<NotAChild>());
    // It is free to have another parent, or the same one again.
    scene.group.add_service(child).unwrap();
}

/// service-009
#[test]
fn a_child_of_a_group_that_runs_is_started_when_it_is_added_and_stopped_when_it_is_removed() {
    let scene = Scene::started();
    let late = Part::new("late", &scene.journal);
    scene.group.add_service(late.clone()).unwrap();
    assert_eq!(scene.journal.take(), ["privileged late", "start late"]);
    late.stops_slowly.set(true);
    let late_service: Rc<dyn Service> = late.clone();
    let stopped = scene.group.remove_service(&late_service);
    assert_eq!(scene.journal.take(), ["stop late"]);
    assert!(!stopped.is_fired());
    late.stop.take().unwrap().callback(());
    result_of(stopped).unwrap();
}

#[test]
fn a_child_that_cannot_be_started_when_it_is_added_says_why_and_stays() {
    let scene = Scene::started();
    let late = Part::new("late", &scene.journal);
    late.refuses.set(true);
    let error = scene.group.add_service(late).unwrap_err();
    let source = std::error::Error::source(&error).expect("its own error");
    assert!(source.is::<NotPending>());
    assert_eq!(scene.group.services().len(), 4);
    assert!(scene.group.running());
}

#[test]
fn a_start_ends_at_the_first_child_that_refuses_and_can_be_tried_again() {
    let scene = Scene::new();
    scene.parts[1].refuses.set(true);
    assert!(scene.group.start_service().unwrap_err().check::<NotPending>());
    assert_eq!(scene.running(), [false, true, false, false]);
    result_of(scene.group.stop_service()).unwrap();
    assert_eq!(scene.running(), [false; 4]);
    scene.parts[1].refuses.set(false);
    scene.group.start_service().unwrap();
    assert_eq!(scene.running(), [true; 4]);
}

#[test]
fn a_second_start_does_nothing() {
    let scene = Scene::started();
    scene.group.start_service().unwrap();
    assert!(scene.journal.take().is_empty());
}

#[test]
fn a_child_may_change_the_group_while_it_is_started() {
    let scene = Scene::new();
    let [one, two, _] = &scene.parts;
    let (group, gone) = (scene.group.clone(), two.clone());
    one.hook.replace(Some(Box::new(move |one, _| {
        let gone: Rc<dyn Service> = gone.clone();
        result_of(group.remove_service(&gone)).unwrap();
        group.add_service(Part::new("four", &one.journal)).unwrap();
    })));
    scene.group.start_service().unwrap();
    let expected = ["start one", "stop two", "privileged four", "start four", "start three"];
    assert_eq!(scene.journal.take(), expected);
}

#[test]
fn a_child_may_stop_the_group_while_it_is_started_and_those_after_it_stay_stopped() {
    let scene = Scene::new();
    let group = scene.group.clone();
    scene.parts[1].hook.replace(Some(Box::new(move |_, _| {
        result_of(group.stop_service()).unwrap();
    })));
    scene.group.start_service().unwrap();
    assert!(!scene.group.running() && !scene.parts[2].running());
}

#[test]
fn groups_nest() {
    let (outer, scene) = (MultiService::new(), Scene::new());
    outer.add_named_service("inner", scene.group.clone()).unwrap();
    outer.start_service().unwrap();
    assert_eq!(scene.running(), [true; 4]);
    result_of(outer.stop_service()).unwrap();
    assert_eq!(scene.running(), [false; 4]);
}
