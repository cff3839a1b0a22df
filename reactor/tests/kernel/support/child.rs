//! Tests that run in a process of their own, as they change or count what all threads of a process
//! share: the umask, limits, signals, descriptors.
//!
//! Invariant: the kernel ends a child after [`CHILD_LIVES_SECONDS`].

use std::env;
use std::process::{Child, Command, Stdio};

/// Names the variable that holds, in a child, the name of its test.
const CHILD: &str = "ROPEWALK_TEST_CHILD";

/// After this many seconds the kernel ends a child.
const CHILD_LIVES_SECONDS: u32 = 60;

/// Runs the body of a test in a process of its own. The body is a closure that is written in the test
/// itself, as the child finds the test by it.
pub(crate) fn in_child<F: FnOnce()>(body: F) {
    let name = test_name(&body);
    if is_child(name) {
        return body();
    }
    let output = command(name).output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let ran = output.status.success() && out.contains("test result: ok. 1 passed");
    assert!(ran, "{name} in its own process: {}\n{out}{err}", output.status);
}

/// The name by which the test harness knows a test: the path in its crate of the function, or of the
/// function around a closure.
pub(crate) fn test_name<F>(_: &F) -> &'static str {
    let path = std::any::type_name::<F>();
    let (_, path) = path.split_once("::").expect("a path begins with the crate");
    path.trim_end_matches("::{{closure}}")
}

/// Whether this process was started to run the test `name`.
pub(crate) fn is_child(name: &str) -> bool {
    let this = env::var_os(CHILD).is_some_and(|child| child == name);
    if this {
        // SAFETY: alarm(2) only sets a timer of the process, whose signal ends it.
        unsafe { libc::alarm(CHILD_LIVES_SECONDS) };
    }
    this
}

/// The test `name` as a process of its own, with pipes for its standard input and output.
pub(crate) fn spawn(name: &str, variables: &[(&str, &str)]) -> Child {
    command(name)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn command(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(CHILD, name);
    command
}

/// Sets the most descriptors this process may have; returns the limit before.
pub(crate) fn set_descriptor_limit(limit: u64) -> u64 {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a pointer to a whole `rlimit` that outlives them.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut now), 0);
        let before = now.rlim_cur;
        now.rlim_cur = limit.min(now.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const now), 0);
        before
    }
}

/// Sets the umask; returns the one before.
pub(crate) fn set_umask(umask: u32) -> u32 {
    // SAFETY: umask(2) has no memory effects.
    unsafe { libc::umask(umask) }
}

/// Sends a signal to this process.
pub(crate) fn signal_self(signal: i32) {
    // SAFETY: neither call touches memory.
    assert_eq!(unsafe { libc::kill(libc::getpid(), signal) }, 0);
}

/// Gives a signal its default action back.
pub(crate) fn default_action(signal: i32) {
    // SAFETY: the action is the system's own, no handler of ours.
    assert_ne!(unsafe { libc::signal(signal, libc::SIG_DFL) }, libc::SIG_ERR);
}

/// The processor time that this process has used.
pub(crate) fn processor_time() -> std::time::Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer leads to a whole `timespec`.
    let answer = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(answer, 0);
    std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Makes another open file this process's standard error.
pub(crate) fn set_standard_error(file: impl std::os::fd::AsFd) {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the source is open for as long as it is borrowed; the target belongs to no object.
    assert_eq!(unsafe { libc::dup2(file.as_fd().as_raw_fd(), libc::STDERR_FILENO) }, 2);
}
