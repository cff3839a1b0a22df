//! `ropewalk completions` and `ropewalk man`: texts about the command line, made from its own description.
//!
//! Invariant: nothing is opened, and a reader that closes the output early is no error.

use std::io::{self, Write as _};

use clap::CommandFactory as _;
use clap::builder::{Resettable, StyledStr};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::arguments::{Arguments, ManPage};
use crate::completions;
use crate::exit_code::Exit;
use crate::report;

/// Prints the completions for a shell.
pub(crate) fn completions(shell: Shell) -> Result<Exit, Exit> {
    Ok(print(completions::script(shell).as_bytes()))
}

/// Prints the manual page of the command, or of one of its subcommands.
pub(crate) fn man(page: &ManPage) -> Result<Exit, Exit> {
    let mut command = Arguments::command();
    command.build();
    let command = match &page.command {
        None => command,
        Some(name) => command.find_subcommand(name).cloned().ok_or_else(|| {
            let shown = command.get_subcommands().filter(|it| !it.is_hide_set());
            let names: Vec<_> = shown.map(|it| it.get_name()).collect();
            let names = names.join(", ");
            report::usage(&format!("error: there is no command `{name}`: there are {names}"));
            Exit::Usage
        })?,
    };
    let name = command.get_name().to_owned();
    let (before, after) =
        (lines(command.get_before_long_help()), lines(command.get_after_long_help()));
    let title = if name == "ropewalk" { name } else { format!("ropewalk-{name}") };
    // Its sections have it in the lines that it is written in.
    let page = Man::new(command.after_long_help(Resettable::Reset));
    let mut text = Vec::new();
    let rendered = page
        .title(title)
        .manual("Ropewalk")
        .render(&mut text)
        .and_then(|()| section(&mut text, "NOTES", &after))
        .and_then(|()| section(&mut text, "EXAMPLES", &before));
    rendered.map_err(|error| {
        report::note(format_args!("error: cannot make the page: {error}"));
        Exit::Unavailable
    })?;
    Ok(print(&text))
}

/// The lines of a help, without the paragraph of the options, which have a section, and without the head of the
/// examples.
fn lines(help: Option<&StyledStr>) -> Vec<String> {
    let help = help.map(ToString::to_string).unwrap_or_default();
    let is_kept = |paragraph: &&str| !paragraph.starts_with("Options");
    let kept: Vec<_> = help.split("\n\n").filter(is_kept).collect();
    let kept = kept.join("\n\n");
    kept.lines().filter(|line| *line != "Examples:").map(Into::into).collect()
}

/// A section whose lines are not filled.
fn section(text: &mut Vec<u8>, name: &str, lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut section = Roff::new();
    section.control("SH", [name]).control("nf", []);
    lines.iter().for_each(|line| {
        section.text([roman(line.as_str())]);
    });
    section.control("fi", []);
    section.to_writer(text)
}

fn print(text: &[u8]) -> Exit {
    let mut output = io::stdout().lock();
    let _ = output.write_all(text).and_then(|()| output.flush());
    Exit::Done
}
