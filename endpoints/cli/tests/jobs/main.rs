//! What users of other programs do, done with this one: every job of the page `jobs.md`, run with real peers.
//!
//! `ROPEWALK_JOB=TEXT` runs the jobs whose title has this text. Where a peer is not installed a job is noted as
//! skipped, unless the environment has `ROPEWALK_PEERS=required`. Invariant: the page has no job that does not run.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

mod credentials;
mod page;
mod run;
mod session;

use std::sync::Mutex;
use std::thread;

use testkit::{find_peer, find_rare_peer};

use page::{Job, PAGE};

/// Jobs that run at the same time.
const AT_ONCE: usize = 4;

/// Programs that only some machines have: they are large, or need a kernel of their own.
const RARE: [&str; 1] = ["ncat"];

fn is_possible(job: &Job) -> bool {
    let find = |program: &String| match RARE.contains(&program.as_str()) {
        true => find_rare_peer(program).is_some(),
        false => find_peer(program).is_some(),
    };
    job.needs.iter().all(find)
}

#[test]
fn every_job_of_the_page_is_done() {
    let wanted = std::env::var("ROPEWALK_JOB").unwrap_or_default();
    let jobs = page::jobs(PAGE).unwrap();
    let jobs = jobs.into_iter().filter(|job| job.declined.is_none() && job.title.contains(&wanted));
    let jobs = Mutex::new(jobs.filter(is_possible));
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = jobs.lock().unwrap().next();
                    let Some(job) = next else { break };
                    if let Err(what) = run::run(&job) {
                        failed.lock().unwrap().push(what);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} jobs:\n\n{}", failed.len(), failed.join("\n\n"));
}

#[test]
fn the_page_has_jobs_of_every_program_that_it_stands_beside() {
    let jobs = page::jobs(PAGE).unwrap();
    let done = jobs.iter().filter(|job| job.declined.is_none());
    assert!(done.clone().count() >= 50, "{}", done.count());
    for program in [
        "socat",
        "ncat",
        "ghostunnel",
        "stunnel",
        "systemd-socket-proxyd",
        "systemd-socket-activate",
        "tokio-listener",
        "twist",
    ] {
        assert!(done.clone().any(|job| job.section == program), "{program}");
    }
}

#[test]
fn no_two_jobs_have_one_title() {
    let mut titles: Vec<_> = page::jobs(PAGE).unwrap().into_iter().map(|job| job.title).collect();
    titles.sort();
    let twice: Vec<_> = titles.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
