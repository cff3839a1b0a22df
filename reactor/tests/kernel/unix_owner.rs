//! The owner of the file of a UNIX server.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::rc::Rc;

use crate::support::echo;
use crate::support::unix::{is_there, lock_of, options, place};
use interfaces::{ListenError, OwnerKind, ReactorUnix as _};
use ropewalk_reactor::Reactor;

/// The number of the user without rights in Linux's distributions.
const NOBODY: u32 = 65534;

#[test]
fn the_file_has_the_owner_and_the_group_that_are_asked_for_by_name_or_number() {
    let reactor = Reactor::new().unwrap();
    let (directory, path) = place();
    let own = fs::metadata(directory.path()).unwrap();
    let (user, group) = match own.uid() {
        0 => (("nobody".to_owned(), NOBODY), ("12345".to_owned(), 12345)),
        // Without privileges these are all that can be asked for.
        uid => ((uid.to_string(), uid), (own.gid().to_string(), own.gid())),
    };
    let names =
        options(&path).with_owner(Some(Rc::from(user.0))).with_group(Some(Rc::from(group.0)));
    let _port = reactor.listen_unix(&names.with_mode(0o660), echo()).unwrap();
    let file = fs::symlink_metadata(&path).unwrap();
    assert_eq!((file.uid(), file.gid(), file.mode() & 0o7777), (user.1, group.1, 0o660));
}

#[test]
fn without_names_it_is_the_processs_own() {
    let reactor = Reactor::new().unwrap();
    let (directory, path) = place();
    let _port = reactor.listen_unix(&options(&path), echo()).unwrap();
    let (own, file) = (fs::metadata(directory.path()), fs::symlink_metadata(&path));
    assert_eq!(file.unwrap().uid(), own.unwrap().uid());
}

#[test]
fn a_user_or_a_group_that_there_is_not_opens_nothing() {
    let reactor = Reactor::new().unwrap();
    let (_directory, path) = place();
    let name: Rc<str> = Rc::from("no-such-one");
    for (options, kind) in [
        (options(&path).with_owner(Some(name.clone())), OwnerKind::User),
        (options(&path).with_group(Some(name.clone())), OwnerKind::Group),
    ] {
        let error = reactor.listen_unix(&options, echo()).map(drop).unwrap_err();
        assert!(
            matches!(&error, ListenError::UnknownOwner { kind: it, .. } if *it == kind),
            "{error:?}"
        );
        assert!(error.to_string().ends_with(&format!("there is no {kind} called no-such-one")));
        assert!(!is_there(&path) && !is_there(&lock_of(&path)));
    }
}
