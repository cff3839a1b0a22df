//! The completions of a shell: what clap makes of the command line, and endpoint strings, of which the command
//! itself knows more.
//!
//! A script of clap's completes words that it has in it. For the word of an endpoint it asks
//! `ropewalk complete-endpoint`, so that it never knows less than the command that is installed.
//!
//! Invariant: the script is clap's alone for a shell without a way to ask.

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use crate::arguments::Arguments;

const FOR_BASH: &str = include_str!("completions/endpoints.bash");
const FOR_ZSH: &str = include_str!("completions/endpoints.zsh");
const FOR_FISH: &str = include_str!("completions/endpoints.fish");

/// The names that endpoints have on the command line.
const ENDPOINTS: [&str; 3] = ["LISTEN", "CONNECT", "ENDPOINT"];

/// What a script of zsh does where clap knows nothing.
const DEFAULT: &str = ":_default'";

/// The line before which a script of zsh has its functions.
const ZSH_END: &str = "if [ \"$funcstack[1]\" = \"_ropewalk\" ]";

/// The script for a shell.
pub(crate) fn script(shell: Shell) -> String {
    let mut command = Arguments::command();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "ropewalk", &mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    match shell {
        Shell::Bash => text + FOR_BASH,
        Shell::Zsh => zsh(&text),
        Shell::Fish => text + FOR_FISH + &fish_options(&command),
        _ => text,
    }
}

/// The script with [`FOR_ZSH`], which is called for endpoints.
fn zsh(text: &str) -> String {
    let asking = |line: &str| match line.rfind(DEFAULT) {
        Some(end) if is_endpoint(&line[..end]) => {
            format!("{}:_ropewalk_endpoint'{}\n", &line[..end], &line[end + DEFAULT.len()..])
        }
        _ => format!("{line}\n"),
    };
    let text: String = text.lines().map(asking).collect();
    text.replacen(ZSH_END, &format!("{FOR_ZSH}{ZSH_END}"), 1)
}

/// Whether a line of zsh's is about an endpoint: the value of an option, or a value by position.
fn is_endpoint(line: &str) -> bool {
    let is_value = |name: &str| line.ends_with(&format!("]:{name}"));
    let is_position = |name: &str| {
        let name = name.to_lowercase();
        line.trim_start_matches(['\'', '*', ':']).starts_with(&format!("{name} -- "))
    };
    ENDPOINTS.iter().any(|name| is_value(name) || is_position(name))
}

/// The options with endpoints, which fish completes one by one.
fn fish_options(command: &Command) -> String {
    let mut text = String::new();
    for subcommand in command.get_subcommands() {
        let is_endpoint = |option: &&clap::Arg| {
            let names = option.get_value_names().unwrap_or_default();
            names.first().is_some_and(|name| ENDPOINTS.contains(&name.as_str()))
        };
        for option in subcommand.get_opts().filter(is_endpoint) {
            let name = subcommand.get_name();
            let long = option.get_long().map(|long| format!(" -l {long}")).unwrap_or_default();
            let short = option.get_short().map(|short| format!(" -s {short}")).unwrap_or_default();
            text.push_str(&format!(
                "complete -c ropewalk -n \"__fish_ropewalk_using_subcommand {name}\"{short}{long} -r -f \
                 -a \"(__fish_ropewalk_endpoints)\"\n"
            ));
        }
    }
    text
}
