//! Claims about users and groups.

use std::cell::{Cell, RefCell};
use std::process::Command;
use std::rc::Rc;
use std::sync::{Arc, Barrier};
use std::{fs, io, thread};

use deferred::Failure;
use interfaces::ReactorCore as _;
use ropewalk_runner::{
    ExitStatus, KernelPrivileges, PrivilegeCalls, PrivilegeError, ProcessSettings, Runner,
};

use crate::support::{Journal, Noted, quiet};

/// A process that begins as root, notes the calls, and obeys as it is told.
struct Process {
    user: Cell<u32>,
    group: Cell<u32>,
    journal: Journal,
    refuses: Cell<bool>,
    lies: Cell<bool>,
    forgives: Cell<bool>,
    log: RefCell<Vec<String>>,
}

impl Process {
    fn new(user: u32, group: u32) -> Rc<Self> {
        Rc::new(Self {
            user: user.into(),
            group: group.into(),
            journal: Journal::default(),
            refuses: Cell::default(),
            lies: Cell::default(),
            forgives: Cell::default(),
            log: RefCell::default(),
        })
    }

    fn call(&self, name: String) -> io::Result<()> {
        self.journal.note(name.clone());
        self.log.borrow_mut().push(name);
        if self.refuses.get() { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }

    fn calls(&self) -> Vec<String> {
        self.log.borrow().clone()
    }
}

impl PrivilegeCalls for Process {
    fn user(&self) -> u32 {
        self.user.get()
    }

    fn group(&self) -> u32 {
        self.group.get()
    }

    fn set_groups(&self, groups: &[u32]) -> io::Result<()> {
        self.call(format!("groups {groups:?}"))
    }

    fn set_group(&self, gid: u32) -> io::Result<()> {
        self.call(format!("group {gid}"))?;
        self.group.set(gid);
        Ok(())
    }

    fn set_user(&self, uid: u32) -> io::Result<()> {
        self.call(format!("user {uid}"))?;
        if self.user.get() != 0 && !self.forgives.get() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        if !self.lies.get() {
            self.user.set(uid);
        }
        Ok(())
    }
}

fn settings() -> ProcessSettings {
    ProcessSettings::new().with_uid(1000).with_gid(100)
}

/// service-012
#[test]
fn a_process_has_a_user_a_group_and_a_name_or_none_of_them() {
    let none = ProcessSettings::new();
    assert_eq!((none.uid, none.gid, none.name), (None, None, None));
    let all = settings().with_name("web");
    assert_eq!((all.uid, all.gid, all.name.as_deref()), (Some(1000), Some(100), Some("web")));
    // A runner passes them on as they are.
    let process = Process::new(0, 0);
    let reactor = quiet();
    let stopper = reactor.clone();
    let exit = Runner::new(reactor, Noted::new(&Journal::default()))
        .process(all)
        .privileges(process.clone())
        .when_running(move || stopper.stop().unwrap())
        .run();
    assert_eq!(exit.status(), ExitStatus::OK);
    assert_eq!((process.user.get(), process.group.get()), (1000, 100));
}

#[test]
fn the_groups_go_first_and_the_user_last_and_the_way_back_is_tried() {
    let process = Process::new(0, 0);
    settings().drop_privileges(&*process).unwrap();
    assert_eq!(process.calls(), ["groups []", "group 100", "user 1000", "user 0"]);
}

#[test]
fn a_process_that_is_to_stay_as_it_is_makes_no_call() {
    let process = Process::new(0, 0);
    ProcessSettings::new().drop_privileges(&*process).unwrap();
    let other = Process::new(1000, 100);
    settings().drop_privileges(&*other).unwrap();
    assert!(process.calls().is_empty() && other.calls().is_empty());
}

#[test]
fn whatever_does_not_work_is_an_error() {
    let process = Process::new(500, 500);
    process.refuses.set(true);
    let error = settings().drop_privileges(&*process).unwrap_err();
    let text = format!("{:#}", Failure::new(error));
    assert!(text.starts_with("cannot drop privileges: cannot leave the further groups; only root"));
    let process = Process::new(0, 0);
    process.lies.set(true);
    let error = settings().drop_privileges(&*process).unwrap_err();
    assert!(matches!(error, PrivilegeError::NotChanged { uid: 0, gid: 100 }));
    let process = Process::new(0, 0);
    process.forgives.set(true);
    let error = settings().drop_privileges(&*process).unwrap_err();
    assert!(matches!(error, PrivilegeError::NotForGood));
}

#[test]
fn privileges_go_between_the_two_starts_and_a_program_that_keeps_them_does_not_run() {
    let process = Process::new(0, 0);
    let reactor = quiet();
    let stopper = reactor.clone();
    let _exit = Runner::new(reactor, Noted::new(&process.journal))
        .process(settings())
        .privileges(process.clone())
        .when_running(move || stopper.stop().unwrap())
        .run();
    let order = process.journal.lines();
    assert_eq!(order[0], "privileged start");
    assert_eq!(order[order.len() - 2..], ["start", "stop"]);
    let process = Process::new(500, 500);
    process.refuses.set(true);
    let exit = Runner::new(quiet(), Noted::new(&process.journal))
        .process(settings())
        .privileges(process.clone())
        .run();
    assert_eq!(exit.status(), ExitStatus::NOPERM);
    assert_eq!(process.journal.lines(), ["privileged start", "groups []"]);
}

/// The ids of each thread of this process, as proc(5) has them.
fn ids_of_all_threads() -> Vec<(String, String, String)> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    tasks
        .map(|task| {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                line.split_whitespace().collect::<Vec<_>>().join(" ")
            };
            (field("Uid:"), field("Gid:"), field("Groups:"))
        })
        .collect()
}

/// Runs in a process of its own, which ends as another user.
#[test]
fn the_kernel_changes_every_thread_for_good() {
    const CHILD: &str = "ROPEWALK_TEST_CHILD";
    const NAME: &str = "privileges::the_kernel_changes_every_thread_for_good";
    let calls = KernelPrivileges;
    if calls.user() != 0 {
        return testkit::skip("only root can become another user");
    }
    if std::env::var_os(CHILD).is_none() {
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output =
            child.args(["--exact", NAME, "--nocapture"]).env(CHILD, NAME).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let ran = output.status.success() && text.contains("test result: ok. 1 passed");
        assert!(ran, "{text}{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let end = Arc::new(Barrier::new(2));
    let held = end.clone();
    let other = thread::spawn(move || held.wait().is_leader());
    ProcessSettings::new().with_uid(65_534).with_gid(65_533).drop_privileges(&calls).unwrap();
    assert_eq!((calls.user(), calls.group()), (65_534, 65_533));
    let threads = ids_of_all_threads();
    assert!(threads.len() > 1);
    for (uid, gid, groups) in threads {
        assert_eq!(uid, "65534 65534 65534 65534");
        assert_eq!((&*gid, &*groups), ("65533 65533 65533 65533", ""));
    }
    assert!(calls.set_user(0).is_err() && calls.set_groups(&[0]).is_err());
    end.wait();
    other.join().unwrap();
}
