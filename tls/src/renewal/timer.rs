//! The timer that looks at the files of a listening endpoint.
//!
//! Invariant: it ends with the port, and one timer polls the certificates that several ports share.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use interfaces::{Address, DelayedCall, Deliver, Factory, ReactorTime};

use super::{CertificateRenewal, Renewal};

/// How many files are looked at in each interval; more take more intervals, as a look costs microseconds.
const FILES_PER_INTERVAL: usize = 1_000;

/// Takes the outcome of a look at the files.
pub(crate) type TellRenewal = Rc<dyn Fn(&Renewal)>;

/// The factory, with certificates that are renewed as long as it is there.
pub(crate) fn renewing(
    factory: Rc<dyn Factory>,
    renewal: &CertificateRenewal,
    interval: Duration,
    time: &Rc<dyn ReactorTime>,
    tell: &TellRenewal,
) -> Rc<dyn Factory> {
    let timer = Rc::new(Timer {
        renewal: renewal.clone(),
        interval,
        time: Rc::downgrade(time),
        tell: tell.clone(),
        life: RefCell::default(),
    });
    timer.clone().start();
    Rc::new(RenewingFactory { factory, _timer: timer })
}

struct Timer {
    renewal: CertificateRenewal,
    interval: Duration,
    /// The reactor keeps the port, which keeps this.
    time: Weak<dyn ReactorTime>,
    tell: TellRenewal,
    life: RefCell<Life>,
}

#[derive(Default)]
struct Life {
    call: Option<DelayedCall>,
    has_claim: bool,
}

impl Timer {
    fn start(self: Rc<Self>) {
        let Some(time) = self.time.upgrade() else { return };
        let weak = Rc::downgrade(&self);
        let stretch = self.renewal.files().div_ceil(FILES_PER_INTERVAL).max(1);
        let delay = self.interval.saturating_mul(stretch.try_into().unwrap_or(u32::MAX));
        let call = time.call_later(
            delay,
            Box::new(move || {
                if let Some(timer) = weak.upgrade() {
                    timer.clone().start();
                    timer.look();
                }
            }),
        );
        self.life.borrow_mut().call = Some(call);
    }

    fn look(&self) {
        let has_claim = self.life.borrow().has_claim || self.renewal.claim();
        self.life.borrow_mut().has_claim = has_claim;
        if has_claim {
            self.renewal.poll().iter().for_each(|renewal| (self.tell)(renewal));
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let life = self.life.get_mut();
        if life.has_claim {
            self.renewal.leave();
        }
        if let Some(call) = life.call.take() {
            // It may be running.
            let _ = call.cancel();
        }
    }
}

struct RenewingFactory {
    factory: Rc<dyn Factory>,
    _timer: Rc<Timer>,
}

impl Factory for RenewingFactory {
    fn build_protocol(&self, peer: &Address) -> Option<Rc<dyn Deliver>> {
        self.factory.build_protocol(peer)
    }

    fn log_prefix(&self) -> Cow<'static, str> {
        self.factory.log_prefix()
    }

    fn wrapped(&self) -> Option<&dyn Factory> {
        Some(&*self.factory)
    }
}
