//! Lives of lists, gathers and races, each compared with what Twisted 26.10 did.
//!
//! `oracle/deferred_list.py` has asked it, and says what stands in `oracle/deferred_list.tsv`.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::Log;
use ropewalk_deferred::{
    CancelHandle, Cancelled, Deferred, DeferredError, DeferredList, FailureGroup, FirstError,
    ListResult, Promise, gather_results_of_consuming_errors, race,
};

const TABLE: &str = include_str!("oracle/deferred_list.tsv");

#[derive(Debug)]
enum Oops {
    Boom(usize),
    Cancelled,
}

impl From<Cancelled> for Oops {
    fn from(_: Cancelled) -> Self {
        Oops::Cancelled
    }
}

impl Oops {
    fn text(&self) -> String {
        match self {
            Oops::Boom(index) => format!("!{index}"),
            Oops::Cancelled => "!x".to_string(),
        }
    }
}

type Kept = Rc<RefCell<Option<Promise<String, Oops>>>>;

/// The member of that kind, and where what fires it is kept.
fn member(kind: char, index: usize, log: &Log) -> (Deferred<String, Oops>, Kept) {
    let kept = Kept::default();
    let noted = log.clone();
    let (deferred, promise) = Deferred::with_canceller(move || {
        noted.note(format!("x{index}"));
        (kind == 'c').then(|| Ok(format!("c{index}")))
    });
    *kept.borrow_mut() = Some(promise);
    let deferred = match kind {
        's' => Deferred::succeed(index.to_string()),
        'f' => Deferred::fail(Oops::Boom(index)),
        'w' => {
            let fires = kept.clone();
            deferred.add_errback(move |error| match error {
                Oops::Boom(_) => Deferred::fail(error),
                Oops::Cancelled => {
                    let (later, promise) = Deferred::new();
                    let before = fires.replace(Some(promise));
                    drop(before);
                    later
                }
            })
        }
        _ => deferred,
    };
    (deferred, kept)
}

fn list_text(result: Result<ListResult<String, Oops>, FirstError<Oops>>) -> String {
    match result {
        Ok(ListResult::One { index, value }) => format!("one {index} {value}"),
        Ok(ListResult::All(results)) => {
            let each = results.into_iter().map(|result| result.unwrap_or_else(|e| e.text()));
            words("all", each)
        }
        Err(first) => first_text(&first),
    }
}

fn first_text(first: &FirstError<Oops>) -> String {
    match first.index() {
        Some(index) => format!("first {index} {}", first.error().text()),
        None => first.error().text(),
    }
}

fn race_text(result: Result<(usize, String), FailureGroup<Oops>>) -> String {
    match result {
        Ok((index, value)) => format!("one {index} {value}"),
        // Twisted has a bare CancelledError there.
        Err(group) if group.is_cancelled() => Oops::Cancelled.text(),
        Err(group) => words("group", group.failures().iter().map(Oops::text)),
    }
}

fn words(first: &str, others: impl Iterator<Item = String>) -> String {
    others.fold(first.to_string(), |text, word| text + " " + &word)
}

fn start(what: &str, members: Vec<Deferred<String, Oops>>, log: &Log) -> CancelHandle {
    let log = log.clone();
    match what {
        "gather" => noting(gather_results_of_consuming_errors(members), move |result| {
            log.note(match result {
                Ok(values) => format!("= {}", words("all", values.into_iter())),
                Err(first) => format!("= {}", first_text(&first)),
            });
        }),
        "race" => noting(race(members), move |result| log.note(format!("= {}", race_text(result)))),
        list => {
            let mut members = DeferredList::new(members).consume_errors();
            for flag in list.trim_start_matches("list").chars() {
                members = match flag {
                    'c' => members.fire_on_one_callback(),
                    _ => members.fire_on_one_errback(),
                };
            }
            noting(members.collect(), move |result| log.note(format!("= {}", list_text(result))))
        }
    }
}

/// Adds a last callback; the answer is the handle on the whole.
fn noting<T, E: DeferredError>(
    deferred: Deferred<T, E>,
    note: impl FnOnce(Result<T, E>) + 'static,
) -> CancelHandle {
    let deferred = deferred.add_both(move |result| {
        note(result);
        Ok(())
    });
    deferred.cancel_handle()
}

fn live(what: &str, kinds: &str, steps: &str) -> String {
    let log = Log::default();
    let (members, promises): (Vec<_>, Vec<_>) =
        kinds.chars().enumerate().map(|(index, kind)| member(kind, index, &log)).unzip();
    let handle = start(what, members, &log);
    for step in steps.split_whitespace() {
        log.note(format!("{step}:"));
        let Some(index) = step.strip_suffix(['+', '-']) else {
            handle.cancel();
            continue;
        };
        let index: usize = index.parse().expect("an index");
        let promise = promises[index].take().expect("each fires once");
        promise.fire(if step.ends_with('+') {
            Ok(index.to_string())
        } else {
            Err(Oops::Boom(index))
        });
    }
    log.take().join("|")
}

#[test]
fn lists_gathers_and_races_live_as_they_do_in_twisted() {
    let mut lives = 0;
    for line in TABLE.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let [what, kinds, steps, expected] = columns.try_into().expect("four columns");
        let expected = match (what, kinds, steps) {
            // Nothing ends it in Twisted.
            ("listc" | "listce", "", "x") => "x:|= !x",
            _ => expected,
        };
        assert_eq!(live(what, kinds, steps), expected, "{what} of {kinds:?}: {steps}");
        lives += 1;
    }
    assert!(lives > 1000, "{lives}");
}
