//! [`ExecStrings`]: the strings that execve(2) takes, made before the child exists.
//!
//! Invariant: a name without a slash is looked for along the `PATH` that the child gets, as execvp(3)
//! does, and no string contains a NUL.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use interfaces::{Environment, SpawnProcess};

/// The variables by which a service manager speaks to the one process that it started (sd_listen_fds(3),
/// sd_notify(3), sd_watchdog_enabled(3)).
const OF_SERVICE_MANAGER: [&str; 7] = [
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PIDFDID",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// Where programs are looked for if the child has no `PATH` (execvp(3)).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The strings of an execution.
pub(super) struct ExecStrings {
    /// The paths to try, in this order.
    pub(super) paths: Vec<CString>,
    /// `argv`.
    pub(super) arguments: Vec<CString>,
    /// `envp`, each as `NAME=value`.
    pub(super) variables: Vec<CString>,
    pub(super) directory: Option<CString>,
}

impl ExecStrings {
    /// # Errors
    ///
    /// `InvalidInput` where one of them contains a NUL; `ENOENT` for a program without a name.
    pub(super) fn of(options: &SpawnProcess) -> io::Result<Self> {
        let variables = variables(&options.environment);
        let path = variables.get(OsStr::new("PATH"));
        let path = path.map_or(OsStr::new(DEFAULT_PATH), OsString::as_os_str);
        let paths = paths(&options.program, path)?;
        let own_name = options.own_name.as_ref().unwrap_or(&options.program);
        let arguments = [own_name].into_iter().chain(&options.arguments);
        Ok(Self {
            paths,
            arguments: arguments.map(|it| c_string(it.as_bytes())).collect::<io::Result<_>>()?,
            variables: variables.into_iter().map(variable).collect::<io::Result<_>>()?,
            directory: match &options.directory {
                Some(directory) => Some(c_string(directory.as_os_str().as_bytes())?),
                None => None,
            },
        })
    }
}

/// The paths of a program: itself where it has a slash, or one in each directory of `path`, of which an
/// empty one is the directory that the child runs in.
fn paths(program: &OsStr, path: &OsStr) -> io::Result<Vec<CString>> {
    let name = program.as_bytes();
    if name.is_empty() {
        return Err(io::Error::from_raw_os_error(libc::ENOENT));
    }
    if name.contains(&b'/') {
        return Ok(vec![c_string(name)?]);
    }
    let in_directory = |directory: &[u8]| match directory {
        b"" => c_string(name),
        _ => c_string(&[directory, b"/", name].concat()),
    };
    path.as_bytes().split(|byte| *byte == b':').map(in_directory).collect()
}

/// One variable of each name, with the value that was given last.
fn variables(environment: &Environment) -> BTreeMap<OsString, OsString> {
    let is_for_this_process_alone =
        |name: &OsStr| OF_SERVICE_MANAGER.iter().any(|service| name == *service);
    match environment {
        Environment::Exactly(variables) => variables.iter().cloned().collect(),
        Environment::InheritedWithService => env::vars_os().collect(),
        // The default also of what later versions may add.
        _ => env::vars_os().filter(|(name, _)| !is_for_this_process_alone(name)).collect(),
    }
}

fn variable((name, value): (OsString, OsString)) -> io::Result<CString> {
    let mut text = name.into_vec();
    text.push(b'=');
    text.extend(value.into_vec());
    c_string(&text)
}

fn c_string(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths_of(program: &str, path: &str) -> Vec<String> {
        let paths = paths(OsStr::new(program), OsStr::new(path)).unwrap();
        paths.into_iter().map(|it| it.into_string().unwrap()).collect()
    }

    #[test]
    fn a_name_is_looked_for_in_each_directory_and_a_path_nowhere_else() {
        assert_eq!(paths_of("true", "/a:/b/c"), ["/a/true", "/b/c/true"]);
        assert_eq!(paths_of("true", ":/a:"), ["true", "/a/true", "true"]);
        assert_eq!(paths_of("./true", "/a:/b"), ["./true"]);
        assert_eq!(paths_of("bin/true", "/a:/b"), ["bin/true"]);
        let nameless = paths(OsStr::new(""), OsStr::new("/a")).unwrap_err();
        assert_eq!(nameless.raw_os_error(), Some(libc::ENOENT));
    }

    #[test]
    fn the_path_is_that_of_the_child() {
        let with = |variables: &[(&str, &str)]| {
            let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
            let environment = Environment::Exactly(variables.collect());
            ExecStrings::of(&SpawnProcess::new("a").with_environment(environment)).unwrap().paths
        };
        assert_eq!(with(&[("PATH", "/x")]), [c"/x/a".to_owned()]);
        assert_eq!(
            with(&[("PATH", "/x"), ("PATH", "/y")]),
            [c"/y/a".to_owned()],
            "the last counts"
        );
        assert_eq!(with(&[]), [c"/bin/a".to_owned(), c"/usr/bin/a".to_owned()]);
    }

    #[test]
    fn a_nul_is_refused_wherever_it_is() {
        let nul = "a\0b";
        let all = [
            SpawnProcess::new(nul),
            SpawnProcess::new("/a").with_arguments([nul]),
            SpawnProcess::new("/a").with_own_name(nul),
            SpawnProcess::new("/a").with_directory(nul),
            SpawnProcess::new("/a")
                .with_environment(Environment::Exactly(vec![(nul.into(), "".into())])),
            SpawnProcess::new("/a")
                .with_environment(Environment::Exactly(vec![("a".into(), nul.into())])),
        ];
        for options in all {
            let refused = ExecStrings::of(&options).err().unwrap();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{options:?}");
        }
    }
}
