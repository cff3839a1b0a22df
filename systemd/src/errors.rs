//! Why inherited descriptors could not be taken over, or one of them not be listened on.
//!
//! Invariant: each variant names the variable or the descriptor, what it is, and what it would have
//! to be.

use std::os::fd::RawFd;

use interfaces::OsError;

use crate::LISTEN_FDS_MAX;

/// Why [`ListenFds::from_environment`](crate::ListenFds::from_environment) took nothing over.
/// But for [`System`](Self::System), no descriptor was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenFdsError {
    /// `LISTEN_FDS` is not a number, or too large.
    #[error(
        "cannot take over inherited descriptors: LISTEN_FDS is {text:?}, and has to be a whole \
         number from 0 to {LISTEN_FDS_MAX}"
    )]
    Count {
        /// What it is.
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
        /// How many names there are.
        names: usize,
    },
    /// A descriptor that was announced is not open.
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
    /// A descriptor that was announced is close-on-exec, so it was opened by this process itself,
    /// or somebody else in it has taken it over.
    #[error(
        "cannot take over inherited descriptors: LISTEN_FDS announces {count}, and descriptor \
         {descriptor} is close-on-exec, so this process opened it or has taken it over before"
    )]
    NotInherited {
        /// The number in `LISTEN_FDS`.
        count: usize,
        /// The first one of that kind.
        descriptor: RawFd,
    },
    /// A system call failed.
    #[error("cannot take over inherited descriptor {descriptor}")]
    System {
        /// Which one.
        descriptor: RawFd,
        /// The system call's answer.
        #[source]
        source: OsError,
    },
}

/// Why an inherited descriptor could not be listened on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TakeError {
    /// There are none at all.
    #[error(
        "cannot listen on an inherited descriptor: none was inherited, as LISTEN_PID and \
         LISTEN_FDS are not set for this process"
    )]
    NothingInherited,
    /// The environment announced some that could not be taken over.
    #[error(transparent)]
    Unavailable(ListenFdsError),
    /// There are fewer. Twisted's `IndexError`.
    #[error(
        "cannot listen on the inherited descriptor with index {index}: the last one has index \
         {last}"
    )]
    NoSuchIndex {
        /// Which one was asked for.
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
        /// Which one was asked for.
        name: String,
        /// The names there are, in order.
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
        /// Which ones have it.
        indexes: Vec<usize>,
    },
    /// Somebody listens on it already.
    #[error("cannot listen on inherited {descriptor}: it was taken before")]
    AlreadyTaken {
        /// Which one.
        descriptor: DescriptorLabel,
    },
    /// It is of another kind.
    #[error("cannot listen on inherited {descriptor}: it is {found}, and has to be {wanted}")]
    Unsuitable {
        /// Which one.
        descriptor: DescriptorLabel,
        /// What it is.
        found: String,
        /// What it would have to be.
        wanted: String,
    },
    /// A system call failed.
    #[error("cannot listen on inherited {descriptor}")]
    System {
        /// Which one.
        descriptor: DescriptorLabel,
        /// The system call's answer.
        #[source]
        source: OsError,
    },
}

/// All the ways to say which inherited descriptor is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
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
