//! The errors of taking inherited descriptors over, and of listening on one of them.
//!
//! Invariant: each message names the variable or the descriptor, its state, and the state that it
//! has to have.

use std::os::fd::RawFd;

use interfaces::OsError;

use crate::LISTEN_FDS_MAX;

/// The error of [`ListenFds::from_environment`](crate::ListenFds::from_environment). Unless it is
/// [`System`](Self::System), no descriptor was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenFdsError {
    /// `LISTEN_FDS` is not a number, or too large.
    #[error(
        "cannot take over inherited descriptors: LISTEN_FDS is {text:?}, and has to be a whole \
         number from 0 to {LISTEN_FDS_MAX}"
    )]
    Count {
        /// Its value.
        text: String,
    },
    /// `LISTEN_FDNAMES` is not UTF-8.
    #[error("cannot take over inherited descriptors: LISTEN_FDNAMES is not text in UTF-8")]
    NamesNotText,
    /// `LISTEN_FDNAMES` has more or fewer names than there are descriptors.
    #[error(
        "cannot take over inherited descriptors: LISTEN_FDS announces {descriptors}, and \
         LISTEN_FDNAMES has names for {names}"
    )]
    NamesMismatch {
        /// The number in `LISTEN_FDS`.
        descriptors: usize,
        /// The number of names.
        names: usize,
    },
    /// An announced descriptor is not open.
    #[error(
        "cannot take over inherited descriptors: LISTEN_FDS announces {count}, and descriptor \
         {descriptor} is not open"
    )]
    NotOpen {
        /// The number in `LISTEN_FDS`.
        count: usize,
        /// The first one that is not open.
        descriptor: RawFd,
    },
    /// An announced descriptor is close-on-exec, so this process opened it or has taken it over
    /// before.
    #[error(
        "cannot take over inherited descriptors: LISTEN_FDS announces {count}, and descriptor \
         {descriptor} is close-on-exec, so this process opened it or has taken it over before"
    )]
    NotInherited {
        /// The number in `LISTEN_FDS`.
        count: usize,
        /// The first one that is close-on-exec.
        descriptor: RawFd,
    },
    /// A system call failed.
    #[error("cannot take over inherited descriptor {descriptor}")]
    System {
        /// Its number.
        descriptor: RawFd,
        /// The system call's answer.
        #[source]
        source: OsError,
    },
}

/// The error of listening on an inherited descriptor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TakeError {
    /// No descriptor was inherited.
    #[error(
        "cannot listen on an inherited descriptor: none was inherited, as LISTEN_PID and \
         LISTEN_FDS are not set for this process"
    )]
    NothingInherited,
    /// The environment announced some that could not be taken over.
    #[error(transparent)]
    Unavailable(ListenFdsError),
    /// No descriptor has that index. Twisted's `IndexError`.
    #[error(
        "cannot listen on the inherited descriptor with index {index}: the last one has index \
         {last}"
    )]
    NoSuchIndex {
        /// The requested index.
        index: usize,
        /// The greatest index there is.
        last: usize,
    },
    /// No descriptor has that name. Twisted's `KeyError`.
    #[error(
        "cannot listen on the inherited descriptor named {name:?}: the names are {}",
        listed(.names)
    )]
    NoSuchName {
        /// The requested name.
        name: String,
        /// The names of all, in order.
        names: Vec<String>,
    },
    /// Several descriptors have that name.
    #[error(
        "cannot listen on the inherited descriptor named {name:?}: {} have that name, so say \
         which one by its index",
        counted(.indexes)
    )]
    Ambiguous {
        /// The name.
        name: String,
        /// The indexes that have it.
        indexes: Vec<usize>,
    },
    /// It was taken before.
    #[error("cannot listen on inherited {descriptor}: it was taken before")]
    AlreadyTaken {
        /// The descriptor.
        descriptor: DescriptorLabel,
    },
    /// It is not a listening stream socket of the family.
    #[error("cannot listen on inherited {descriptor}: it is {found}, and has to be {wanted}")]
    Unsuitable {
        /// The descriptor.
        descriptor: DescriptorLabel,
        /// Its type.
        found: String,
        /// The type that it has to have.
        wanted: String,
    },
    /// A system call failed.
    #[error("cannot listen on inherited {descriptor}")]
    System {
        /// The descriptor.
        descriptor: DescriptorLabel,
        /// The system call's answer.
        #[source]
        source: OsError,
    },
}

/// An inherited descriptor's number, index and name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescriptorLabel {
    /// The number that it had when this process began.
    pub number: RawFd,
    /// Its place among the inherited ones, from 0.
    pub index: usize,
    /// Its name.
    pub name: String,
}

impl core::fmt::Display for DescriptorLabel {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "descriptor {} (index {}, named {:?})", self.number, self.index, self.name)
    }
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    quoted.join(", ")
}

fn counted(indexes: &[usize]) -> String {
    let numbers: Vec<String> = indexes.iter().map(|index| format!("index {index}")).collect();
    numbers.join(" and ")
}
