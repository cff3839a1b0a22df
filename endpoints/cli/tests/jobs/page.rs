//! The page of jobs, as its reader sees it: `jobs.md`.
//!
//! Invariant: each line of a job is one of these keys, and a job without a run or a reason is a mistake.

use std::fmt::Write as _;

/// The page.
pub(crate) const PAGE: &str = include_str!("../../jobs.md");

/// The columns that a key and the blanks behind it take, below the indent of a block.
const KEY_COLUMNS: usize = 8;
const INDENT: &str = "    ";

/// One job, from another program's manual or issue tracker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Job {
    /// The program whose example it is.
    pub(crate) section: String,
    pub(crate) title: String,
    /// The command line of that program, and where it stands.
    pub(crate) theirs: String,
    pub(crate) from: String,
    /// Programs that have to be installed, beside a shell.
    pub(crate) needs: Vec<String>,
    pub(crate) steps: Vec<Step>,
    /// The reason against doing it.
    pub(crate) declined: Option<String>,
}

/// A command of a run, in the order of the page.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) who: Actor,
    pub(crate) command: String,
    /// The text that its output has; tried again until it does.
    pub(crate) sees: Vec<String>,
    /// The exit code.
    pub(crate) code: i32,
}

/// Who runs a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// A program of others that runs beside it.
    Peer,
    /// `ropewalk`, or a program of others that starts it, in the background if the line ends with `&`.
    Ours,
    /// A command that ends.
    Client,
}

impl Step {
    pub(crate) fn is_background(&self) -> bool {
        self.who == Actor::Peer || self.who == Actor::Ours && self.command.ends_with('&')
    }
}

/// The jobs of a page, or the first mistake in it.
pub(crate) fn jobs(page: &str) -> Result<Vec<Job>, String> {
    let mut jobs: Vec<Job> = Vec::new();
    let mut section = String::new();
    for (number, line) in (1..).zip(page.lines()) {
        let wrong = |what: &str| format!("jobs.md, line {number}: {what}: {line}");
        if let Some(title) = line.strip_prefix("## ") {
            section = title.into();
        } else if let Some(title) = line.strip_prefix("### ") {
            let (section, title) = (section.clone(), title.into());
            jobs.push(Job { section, title, ..Job::default() });
        } else if let (Some(text), Some(job)) = (line.strip_prefix(INDENT), jobs.last_mut()) {
            read(job, text).map_err(wrong)?;
        }
    }
    jobs.iter().try_for_each(check)?;
    Ok(jobs)
}

fn read(job: &mut Job, line: &str) -> Result<(), &'static str> {
    let (key, value) = line.split_at_checked(KEY_COLUMNS).ok_or("a key and a value expected")?;
    match key.trim_end() {
        // What goes on in the next line of a shell.
        "" => {
            let step = job.steps.last_mut().ok_or("this continues no command")?;
            write!(step.command, "\n{value}").map_err(|_| "no text")
        }
        "theirs" => set(&mut job.theirs, value),
        "from" => set(&mut job.from, value),
        "needs" => {
            job.needs = value.split_whitespace().map(str::to_owned).collect();
            Ok(())
        }
        "not" => set(job.declined.get_or_insert_default(), value),
        "peer" => push(job, Actor::Peer, value),
        "ours" => push(job, Actor::Ours, value),
        "client" => push(job, Actor::Client, value),
        "sees" => {
            let step = job.steps.last_mut().ok_or("no command is before it")?;
            step.sees.push(value.into());
            Ok(())
        }
        "code" => {
            let step = job.steps.last_mut().ok_or("no command is before it")?;
            step.code = value.parse().map_err(|_| "an exit code expected")?;
            Ok(())
        }
        _ => Err("unknown key"),
    }
}

fn set(field: &mut String, value: &str) -> Result<(), &'static str> {
    if !field.is_empty() {
        field.push(' ');
    }
    field.push_str(value);
    Ok(())
}

fn push(job: &mut Job, who: Actor, command: &str) -> Result<(), &'static str> {
    let command = command.to_owned();
    job.steps.push(Step { who, command, sees: Vec::new(), code: 0 });
    Ok(())
}

fn check(job: &Job) -> Result<(), String> {
    let Job { section, title, .. } = job;
    let wrong = |what: &str| Err(format!("jobs.md: {section}: {title}: {what}"));
    if job.theirs.is_empty() || job.from.is_empty() {
        return wrong("`theirs` or `from` is missing");
    }
    let is_ours = |step: &Step| step.who == Actor::Ours && step.command.contains("ropewalk ");
    let is_seen = job.steps.iter().any(|step| !step.sees.is_empty() || step.code != 0);
    match (&job.declined, job.steps.is_empty()) {
        (Some(reason), true) if reason.len() >= 20 => Ok(()),
        (Some(_), _) => wrong("a reason and no run expected"),
        (None, _) if !job.steps.iter().any(is_ours) => wrong("`ours` is missing"),
        (None, _) if !is_seen => wrong("no command has to see anything"),
        (None, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "## a\n\n### b\n\n    theirs  x\n    from    y\n";

    #[test]
    fn a_job_has_a_run_that_can_fail_or_a_reason() {
        let with = |lines: &str| jobs(&format!("{RIGHT}{lines}"));
        assert!(with("    ours    ropewalk check tcp:1\n    sees    tcp\n").is_ok());
        assert!(with("    not     datagrams have no endpoint string\n").is_ok());
        for wrong in [
            "",
            "    ours    ropewalk check tcp:1\n",
            "    client  true\n    sees    x\n",
            "    not     no\n",
            "    sees    x\n",
            "    our     x\n",
            "            x\n",
        ] {
            assert!(with(wrong).is_err(), "{wrong}");
        }
    }
}
