//! [`ServiceMaker`]: a subcommand of a program that makes its service; Twisted's `IServiceMaker`.
//!
//! Invariant: nothing is opened when a service is made, but when it is started.

use std::rc::Rc;

use deferred::Failure;
use protocol::service::Service;

/// A subcommand that makes a service. Twisted's plugins; here a program names its own in `main`.
pub trait ServiceMaker<R> {
    /// The name of the subcommand. Twisted's `tapname`.
    fn name(&self) -> &str;

    /// A few words on the work that it does.
    fn description(&self) -> &str;

    /// The lines that tell of its options.
    fn usage(&self) -> String;

    /// Makes the service for a reactor from the arguments behind the name. Twisted's `makeService`.
    ///
    /// # Errors
    ///
    /// [`MakeError`].
    fn make_service(&self, reactor: &R, arguments: &[String])
    -> Result<Rc<dyn Service>, MakeError>;
}

/// Why a service could not be made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MakeError {
    /// The arguments are wrong: this is, and the usage is shown. The status is 64.
    Usage(String),
    /// Another reason. The status is 70.
    Failed(Failure),
}
