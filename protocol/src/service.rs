//! Parts of a program that start and stop together; Twisted's `twisted.application.service` and
//! `twisted.application.internet`.
//!
//! | Twisted | here |
//! |---|---|
//! | `IService`, `Service` | [`Service`] |
//! | `MultiService`, `Application` | [`MultiService`] |
//! | `StreamServerEndpointService` | [`StreamServerEndpointService`] |
//! | `TCPServer`, `UNIXServer`, `UDPServer`, … | [`ServerService`] |
//! | `TimerService` | [`TimerService`] |
//! | `strports.service` | `endpoints::service` |
//!
//! Invariant: a service that is stopped may be started again, and one that does not run may be stopped.

mod endpoint_service;
mod multi_service;
mod server_service;
mod service_error;
mod shutdown;
mod timer_service;

use alloc::rc::Rc;

use deferred::{Deferred, Failure};

pub use endpoint_service::StreamServerEndpointService;
pub use multi_service::MultiService;
pub use server_service::ServerService;
pub use service_error::{AddServiceError, NotAChild, StillStopping, StopFailures};
pub use shutdown::{Ending, Shutdown};
pub use timer_service::TimerService;

/// A part of a program that is started and stopped. Twisted's `IService`.
///
/// # Differences from Twisted
///
/// - A service knows neither its name nor its parent: the parent that it is added to owns it, and may
///   give it a name. So one that is written for a program needs no base class.
/// - What a start cannot do it returns.
#[doc(alias = "IService")]
pub trait Service {
    /// Whether it was started, and has not stopped since. Between the call of
    /// [`stop_service`](Self::stop_service) and the firing of its Deferred either answer is right.
    fn running(&self) -> bool;

    /// Does what takes the privileges with which the program was started, such as listening on a port
    /// below 1024. Called once before [`start_service`](Self::start_service), or not at all: a start
    /// without it does this work, too.
    ///
    /// # Errors
    ///
    /// As those of `start_service`.
    #[doc(alias = "privilegedStartService")]
    fn privileged_start_service(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// Starts it; nothing, if it runs. Called by its parent, or by the program.
    ///
    /// # Errors
    ///
    /// What cannot be started is known at once, such as a port that is in use. Then
    /// [`stop_service`](Self::stop_service) stops whatever of it did start.
    #[doc(alias = "startService")]
    fn start_service(&self) -> Result<(), Failure>;

    /// Stops it. Fires when all that it did is over: the ports are closed, the connections gone, the
    /// last call has returned. Of a service that does not run it fires at once. Called by its parent,
    /// or by the program.
    ///
    /// # Errors
    ///
    /// What could not be stopped in order; it has stopped all the same.
    #[doc(alias = "stopService")]
    fn stop_service(&self) -> Deferred<()>;
}

impl<S: Service + ?Sized> Service for Rc<S> {
    fn running(&self) -> bool {
        (**self).running()
    }

    fn privileged_start_service(&self) -> Result<(), Failure> {
        (**self).privileged_start_service()
    }

    fn start_service(&self) -> Result<(), Failure> {
        (**self).start_service()
    }

    fn stop_service(&self) -> Deferred<()> {
        (**self).stop_service()
    }
}
