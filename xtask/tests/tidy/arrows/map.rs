//! The map in a module's header: which of its child modules may use which.
//!
//! It is drawn in the ```` ```text ```` blocks below a heading `# Map` or `# Arrows`. There every line with an arrow is read:
//!
//! ```text
//! reactor → run → { stream, listen } → core → { buffers, sys };  kernel → sys
//! listen → stream;  nothing → run
//! ```
//!
//! A module may use what its arrows reach, over any number of arrows: `run` may use `sys`.
//! `nothing → run` says that no later line draws an arrow to `run`.
//!
//! One item may be used against the arrows, on a line of its own that says why:
//!
//! ```text
//! core ⇢ stream::Stream: a slot holds a stream by value, so that an event reaches it without a virtual call
//! ```
//!
//! Invariant: the arrows of a map have no cycle.

use std::collections::{BTreeMap, BTreeSet};

/// The arrows that are drawn.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Map {
    arrows: BTreeMap<String, BTreeSet<String>>,
    complete: BTreeSet<String>,
    exceptions: BTreeSet<Exception>,
}

/// One item that a module may use against the arrows.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Exception {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) item: String,
}

impl Map {
    /// Reads the map of a header, if it has one.
    ///
    /// # Errors
    ///
    /// With the line that is not of the form above, or with the cycle.
    pub(crate) fn read(header: &str) -> Result<Option<Self>, String> {
        let statements = statements(header);
        if statements.is_empty() {
            return Ok(None);
        }
        let mut map = Self::default();
        for statement in &statements {
            if let Some((from, rest)) = statement.split_once('⇢') {
                let exception = exception(from, rest);
                map.exceptions.insert(exception.ok_or_else(|| no_exception(statement))?);
                continue;
            }
            statement.split(';').try_for_each(|chain| map.draw(chain.trim()))?;
        }
        match map.cycle() {
            Some(cycle) => Err(format!("the map draws a cycle: {}", cycle.join(" → "))),
            None => Ok(Some(map)),
        }
    }

    /// Whether `from` may use `to`.
    pub(crate) fn allows(&self, from: &str, to: &str) -> bool {
        self.reached(from).contains(to)
    }

    /// The exceptions to the arrows.
    pub(crate) fn exceptions(&self) -> &BTreeSet<Exception> {
        &self.exceptions
    }

    /// Every module that is drawn.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.arrows.keys().map(String::as_str)
    }

    /// Draws one statement, a chain of groups of names.
    fn draw(&mut self, statement: &str) -> Result<(), String> {
        if statement.is_empty() {
            return Ok(());
        }
        let groups: Vec<Vec<&str>> =
            statement.split('→').map(|group| names(group, statement)).collect::<Result<_, _>>()?;
        for name in groups.concat().into_iter().filter(|name| *name != "nothing") {
            self.arrows.entry(name.to_owned()).or_default();
        }
        for pair in groups.windows(2) {
            for to in &pair[1] {
                for from in &pair[0] {
                    self.draw_arrow(from, to)?;
                }
            }
        }
        Ok(())
    }

    fn draw_arrow(&mut self, from: &str, to: &str) -> Result<(), String> {
        if from == "nothing" {
            self.complete.insert(to.to_owned());
        } else if self.complete.contains(to) {
            return Err(format!("{from} → {to} is drawn after nothing → {to}"));
        } else {
            self.arrows.entry(from.to_owned()).or_default().insert(to.to_owned());
        }
        Ok(())
    }

    fn reached(&self, from: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(name) = next.pop() {
            for to in self.arrows.get(name).into_iter().flatten() {
                if reached.insert(to.as_str()) {
                    next.push(to);
                }
            }
        }
        reached
    }

    /// The names on a cycle, if there is one.
    fn cycle(&self) -> Option<Vec<&str>> {
        let on_cycle: Vec<&str> = self.names().filter(|name| self.allows(name, name)).collect();
        (!on_cycle.is_empty()).then_some(on_cycle)
    }
}

/// The lines with arrows, each joined with those that continue it: after `,`, `→` or `{`, before `→`, within braces.
fn statements(header: &str) -> Vec<String> {
    let mut statements: Vec<String> = Vec::new();
    let (mut in_map, mut in_block) = (false, false);
    for line in header.lines().map(str::trim) {
        if let Some(fence) = line.strip_prefix("```") {
            in_block = !in_block && fence == "text" && in_map;
        } else if !in_block && line.starts_with('#') {
            in_map = matches!(line.trim_start_matches('#').trim(), "Map" | "Arrows");
        } else if in_block {
            match statements.last_mut() {
                Some(last) if is_continued(last, line) => *last += &format!(" {line}"),
                _ => statements.push(line.to_owned()),
            }
        }
    }
    statements.retain(|statement| statement.contains(['→', '⇢']));
    statements
}

fn is_continued(statement: &str, line: &str) -> bool {
    let is_open = statement.matches('{').count() > statement.matches('}').count();
    let is_chain = statement.contains('→') || line.contains('→');
    is_open || is_chain && (statement.ends_with([',', '→']) || line.starts_with('→'))
}

/// Reads ` STREAM::ITEM: REASON` behind `CORE ⇢`.
fn exception(from: &str, rest: &str) -> Option<Exception> {
    let (path, reason) = rest.trim().split_once(": ")?;
    let (to, item) = path.split_once("::")?;
    let exception =
        Exception { from: from.trim().to_owned(), to: to.to_owned(), item: item.to_owned() };
    let names = [&exception.from, &exception.to, &exception.item];
    (names.into_iter().all(|name| is_name(name)) && !reason.trim().is_empty()).then_some(exception)
}

fn no_exception(statement: &str) -> String {
    format!("{statement:?} is not of the form MODULE ⇢ MODULE::ITEM: REASON")
}

/// The names of one group, which stands in braces where it is in the middle of a chain.
fn names<'a>(group: &'a str, statement: &str) -> Result<Vec<&'a str>, String> {
    let group = group.trim();
    let inner = group.strip_prefix('{').and_then(|group| group.strip_suffix('}'));
    let names: Vec<&str> = inner.unwrap_or(group).split(',').map(str::trim).collect();
    match names.iter().find(|name| !is_name(name)) {
        Some(wrong) => Err(format!("{wrong:?} in {statement:?} is not the name of a module")),
        None => Ok(names),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
}
