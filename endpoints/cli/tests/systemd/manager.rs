//! A systemd as process 1 of namespaces of its own, and its `systemctl`.
//!
//! Invariant: no process, no control group and no changed setting of the kernel outlives it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::{find_peer, skip};

/// The command under test.
pub(crate) const ROPEWALK: &str = env!("CARGO_BIN_EXE_ropewalk");

/// Long enough for the slowest machine, short enough to notice.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Makes the namespaces' own file systems, joins a control group of its own, and becomes systemd:
/// `$1` is the directory, `$2` the control group.
const BEGIN: &str = r#"
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mkdir /run/group
mount -t cgroup2 cgroup2 /run/group
mkdir "/run/group/$2"
echo 0 > "/run/group/$2/cgroup.procs"
exec unshare -C sh -c '
    set -e
    umount -l /run/group
    umount -R -l /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    export container=ropewalk SYSTEMD_UNIT_PATH="$1"
    for systemd in /usr/lib/systemd/systemd /lib/systemd/systemd; do
        [ -x "$systemd" ] && exec "$systemd" --system --unit=test.target \
            --log-target=null --show-status=no
    done
    echo no systemd; exit 1
' sh "$1"
"#;

/// Removes a control group that has no process any more: `$1`.
const END: &str = r#"
mount -t cgroup2 cgroup2 /mnt && find "/mnt/$1" -depth -type d -exec rmdir {} +
"#;

/// The running systemd.
pub(crate) struct Manager {
    unshare: Child,
    /// Process 1, by its number out here.
    first: u32,
    group: String,
    directory: TempDir,
}

impl Manager {
    /// One that knows these units, each a file name and its text. `%D` in a text is the directory, and
    /// `%ROPEWALK` the command. `None`, and the test is noted as skipped, where systemd cannot run so.
    pub(crate) fn start(units: &[(&str, &str)]) -> Option<Self> {
        find_peer("systemctl")?;
        let mut unshare = find_peer("unshare")?;
        let directory = tempfile::tempdir().unwrap();
        write_units(directory.path(), units);
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let group = format!("ropewalk-{}-{number}", std::process::id());
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let unshare = unshare
            .args(["--fork", "--pid", "--mount", "--uts", "--ipc", "--kill-child"])
            .args(["sh", "-c", BEGIN, "sh"])
            .args([directory.path().as_os_str(), group.as_ref()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut manager = Self { unshare, first: 0, group, directory };
        if manager.has_started() {
            return Some(manager);
        }
        let log = manager.log();
        skip(&format!("systemd does not run in namespaces here: {}", log.trim()));
        None
    }

    fn has_started(&mut self) -> bool {
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline && self.unshare.try_wait().unwrap().is_none() {
            self.first = only_child(self.unshare.id()).unwrap_or(0);
            if self.first != 0 && self.systemctl(&["is-active", "test.target"]).status.success() {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Its version.
    pub(crate) fn version(&self) -> u32 {
        let told = String::from_utf8(self.systemctl(&["--version"]).stdout).unwrap();
        told.split_whitespace().nth(1).and_then(|version| version.parse().ok()).expect(&told)
    }

    /// A file in its directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What its services have written, and why it did not start.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// `systemctl` with these arguments, whatever comes of it.
    pub(crate) fn systemctl(&self, arguments: &[&str]) -> Output {
        self.inside().arg("systemctl").args(arguments).output().unwrap()
    }

    /// `systemctl` with these arguments, which succeeds.
    pub(crate) fn does(&self, arguments: &[&str]) {
        let output = self.systemctl(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "systemctl {arguments:?}: {errors}\n{}", self.log());
    }

    /// A property of a unit.
    pub(crate) fn property(&self, unit: &str, name: &str) -> String {
        let output = self.systemctl(&["show", unit, "--value", "--property", name]);
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Waits until a property has this value.
    pub(crate) fn awaits(&self, unit: &str, name: &str, value: &str) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let found = self.property(unit, name);
            if found == value {
                return;
            }
            let log = || self.log();
            assert!(Instant::now() < deadline, "{name} of {unit} is {found:?}\n{}", log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// A shell script that runs with systemd.
    pub(crate) fn script(&self, script: &str) -> Command {
        let mut command = self.inside();
        command.args(["sh", "-c", script]);
        command
    }

    fn inside(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.first.to_string(), "--mount", "--pid", "--"]);
        command.stdin(Stdio::null());
        command
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // Process 1 dies with it, and with that all others.
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
        let deadline = Instant::now() + Duration::from_secs(10);
        let removed = || {
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", END, "sh", &self.group]).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        while !removed() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(50));
        }
        if thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

fn write_units(directory: &Path, units: &[(&str, &str)]) {
    let begin = "[Unit]\nDefaultDependencies=no\n";
    let sockets = units.iter().map(|(name, _)| *name).filter(|name| name.ends_with(".socket"));
    let wants: String = sockets.map(|name| format!("Requires={name}\nAfter={name}\n")).collect();
    fs::write(directory.join("test.target"), format!("{begin}{wants}")).unwrap();
    let path = directory.to_str().unwrap();
    for (name, text) in units {
        let text = text.replace("%D", path).replace("%ROPEWALK", ROPEWALK);
        let output = if name.ends_with(".service") {
            format!("[Service]\nStandardOutput=append:{path}/log\nStandardError=inherit\n")
        } else {
            String::new()
        };
        fs::write(directory.join(name), format!("{begin}{text}\n{output}")).unwrap();
    }
}

fn only_child(process: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}
