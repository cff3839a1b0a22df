//! Claims about supervisors.

use std::cell::RefCell;
use std::rc::Rc;

use interfaces::{OsError, ReactorCore as _};
use ropewalk_runner::{Log, LogFormat, LogLevel, Notify, Runner};
use systemd::{Notification, NotifyError};

use crate::support::{Buffer, Journal, Noted, quiet};

/// Keeps what it is told, and fails.
#[derive(Default)]
struct Supervisor(RefCell<Vec<String>>);

impl Notify for Supervisor {
    fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        self.0.borrow_mut().push(notification.as_str().into());
        Err(NotifyError::Socket(OsError::from_raw_os_error(24)))
    }
}

#[test]
fn a_supervisor_hears_when_the_program_is_ready_and_when_it_stops_and_may_be_deaf() {
    let (supervisor, log) = (Rc::new(Supervisor::default()), Buffer::default());
    let reactor = quiet();
    let (stopper, heard) = (reactor.clone(), supervisor.clone());
    let _exit = Runner::new(reactor, Noted::new(&Journal::default()))
        .log(Log::to_writer(LogLevel::Warn, LogFormat::Text, Box::new(log.clone())).unwrap())
        .notify(supervisor.clone())
        .when_running(move || {
            assert!(heard.0.borrow().is_empty());
            stopper.call_later(std::time::Duration::from_secs(1), {
                let stopper = stopper.clone();
                move || stopper.stop().unwrap()
            });
        })
        .run();
    assert_eq!(*supervisor.0.borrow(), ["READY=1", "STOPPING=1"]);
    assert_eq!(log.text().matches("cannot tell").count(), 2);
}
