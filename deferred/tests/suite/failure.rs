//! What a Failure says about the error in it.

use std::error::Error;
use std::fmt;

use crate::support::Boom;
use ropewalk_deferred::{Cancelled, Chain, Context as _, Deferred, Failure};

#[derive(Debug)]
struct Wrapping(Boom);

impl fmt::Display for Wrapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrapping")
    }
}

impl Error for Wrapping {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// An error that can't be shown.
#[derive(Debug)]
struct Unshowable;

impl fmt::Display for Unshowable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

impl Error for Unshowable {}

fn address(failure: &Failure) -> *const () {
    std::ptr::from_ref(failure.as_error()).cast()
}

/// failure-001
#[test]
fn trap_gives_the_error_of_the_type_asked_for() {
    let failure = Failure::new(Boom("a"));
    assert!(failure.check::<Boom>());
    assert_eq!(failure.downcast_ref(), Some(&Boom("a")));
    assert_eq!(*failure.clone().trap::<Boom>().unwrap(), Boom("a"));
}

/// failure-002
#[test]
fn trap_gives_the_same_failure_back_when_it_is_another_type() {
    let failure = Failure::new(Wrapping(Boom("a")));
    let before = address(&failure);
    let failure = failure.trap::<Boom>().expect_err("its source does not count");
    assert_eq!(address(&failure), before);
    assert!(failure.check::<Wrapping>());
}

/// failure-003
#[test]
fn a_failure_made_from_a_failure_does_not_nest() {
    fn inner() -> Result<(), Failure> {
        Err(Boom("a"))?;
        Ok(())
    }
    fn outer() -> Result<(), Failure> {
        inner()?;
        Ok(())
    }
    let failure = outer().unwrap_err();
    assert!(failure.check::<Boom>());
    let before = address(&failure);
    let again = Deferred::<u32>::fail(failure).try_into_result().unwrap().unwrap_err();
    assert_eq!(address(&again), before);
}

/// failure-004
#[test]
fn debug_shows_the_qualified_type_and_the_message() {
    let text = format!("{:#?}", Failure::new(Boom("a")));
    assert!(text.contains("support::Boom") && text.contains("boom a"), "{text}");
}

/// failure-007
#[test]
fn showing_a_failure_never_fails_although_its_error_refuses() {
    let failure = Failure::new(Unshowable);
    assert_eq!(failure.to_string(), "<error that cannot be shown>");
    assert!(format!("{failure:#?}").contains("Unshowable"));
    assert_eq!(format!("{failure:?}"), "<error that cannot be shown>");
    assert_eq!(format!("{failure:#}"), "<error that cannot be shown>");
}

#[test]
fn a_writer_that_fails_is_no_fault_of_the_error() {
    struct Full;
    impl fmt::Write for Full {
        fn write_str(&mut self, _: &str) -> fmt::Result {
            Err(fmt::Error)
        }
    }
    assert!(fmt::write(&mut Full, format_args!("{}", Failure::new(Cancelled))).is_err());
}

#[test]
fn the_chain_of_sources_can_be_walked_and_shown() {
    let failure = Failure::new(Wrapping(Boom("a")));
    assert_eq!(failure.to_string(), "wrapping");
    assert_eq!(format!("{failure:#}"), "wrapping: boom a");
    let names: Vec<String> = failure.sources().map(ToString::to_string).collect();
    assert_eq!(names, ["wrapping", "boom a"]);
    assert!(failure.sources().any(|error| error.is::<Boom>()));
}

#[test]
fn a_failure_becomes_a_boxed_error_that_shows_the_same() {
    fn run() -> Result<(), Box<dyn Error>> {
        Err(Failure::new(Wrapping(Boom("a"))))?;
        Ok(())
    }
    let boxed = run().unwrap_err();
    assert_eq!(boxed.to_string(), "wrapping");
    assert_eq!(boxed.source().unwrap().to_string(), "boom a");
}

#[test]
fn a_chain_shows_an_error_with_its_sources_as_the_failure_of_it_does() {
    #[derive(Debug)]
    struct Level(&'static str, Option<Box<Level>>);
    impl std::fmt::Display for Level {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self.0 {
                "" => Err(std::fmt::Error),
                name => f.write_str(name),
            }
        }
    }
    impl std::error::Error for Level {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            self.1.as_ref().map(|it| &**it as _)
        }
    }
    let inner = Box::new(Level("", Some(Box::new(Level("reset", None)))));
    let error = Level("cannot read", Some(inner));
    let line = "cannot read: <error that cannot be shown>: reset";
    assert_eq!(Chain(&error).to_string(), line);
    assert_eq!(format!("{:#}", Failure::new(error)), line);
}

/// A chain of three.
fn asked() -> Failure {
    Failure::new(Boom("a")).context("asking the server").context("starting")
}

#[test]
fn an_error_that_main_returns_is_a_sentence_with_its_causes_boxed_or_not() {
    assert_eq!(format!("{:?}", asked()), "starting: asking the server: boom a");
    let boxed: Box<dyn std::error::Error> = asked().into();
    assert_eq!(format!("{boxed:?}"), "starting: asking the server: boom a");
}

#[test]
fn a_text_is_a_failure_and_a_context_keeps_the_error_as_its_source() {
    assert_eq!(format!("{:#}", Failure::msg("no name")), "no name");
    let failure = asked();
    assert_eq!(failure.to_string(), "starting");
    assert!(!failure.check::<Boom>(), "sources do not count");
    assert_eq!(failure.sources().filter(|source| source.is::<Boom>()).count(), 1);
}

#[test]
fn a_boxed_error_a_text_and_a_boxed_failure_become_failures_that_keep_what_they_were() {
    let plain: Box<dyn std::error::Error> = Box::new(Boom("a"));
    let shared: Box<dyn std::error::Error + Send + Sync> = Box::new(Boom("a"));
    for failure in [Failure::boxed(plain), Failure::boxed_sync(shared)] {
        assert_eq!(failure.downcast_ref::<Boom>(), Some(&Boom("a")));
    }
    assert_eq!(Failure::boxed("some text").to_string(), "some text");
    assert_eq!(Failure::boxed(String::from("some text")).to_string(), "some text");
    let there_and_back =
        Failure::boxed(Box::<dyn std::error::Error>::from(Failure::new(Boom("a"))));
    assert!(there_and_back.check::<Boom>());
}

#[test]
fn context_works_on_every_kind_of_result() {
    let kinds: [Result<(), Failure>; 4] = [
        Err::<(), _>(Boom("a")).context("here"),
        Err::<(), _>(Failure::new(Boom("a"))).context("here"),
        Err::<(), Box<dyn std::error::Error>>(Box::new(Boom("a"))).with_context(|| "here"),
        Err::<(), _>("boom a").context(String::from("here")),
    ];
    for kind in kinds {
        assert_eq!(format!("{:#}", kind.unwrap_err()), "here: boom a");
    }
    assert_eq!(Ok::<_, Boom>(5).with_context(|| -> String { panic!("not asked") }).unwrap(), 5);
}
