//! The server name that a client asks for, as both sides are told it.

use std::cell::RefCell;
use std::rc::Rc;

use interfaces::Transport;

use crate::certificates::VERSIONS;
use crate::talk::{NAME, Talk};

fn name_of(transport: &Rc<dyn Transport>) -> Option<Rc<str>> {
    transport.as_tls().unwrap().server_name()
}

#[test]
fn both_sides_know_it_when_the_handshake_is_done_and_not_before() {
    for version in VERSIONS {
        for read_max in [1 << 20, 7] {
            let early = Rc::new(RefCell::new(Vec::new()));
            let (client, server) = (early.clone(), early.clone());
            let talk = Talk::new(version)
                .client(|made| made.on_made(move |wire| client.borrow_mut().push(name_of(wire))))
                .server(|made| made.on_made(move |wire| server.borrow_mut().push(name_of(wire))));
            talk.network.set_read_max(read_max);
            let talking = talk.run();
            assert_eq!(*early.borrow(), [None, None]);
            for handle in [talking.client_handle(), talking.server_handle()] {
                assert_eq!(name_of(&handle).as_deref(), Some(NAME), "in reads of {read_max}");
            }
        }
    }
}

#[test]
fn a_client_that_sends_none_has_none() {
    for version in VERSIONS {
        let mut talk = Talk::new(version);
        talk.client_config.enable_sni = false;
        let talking = talk.run();
        assert_eq!(talking.client.count("handshake_completed"), 1);
        for handle in [talking.client_handle(), talking.server_handle()] {
            assert_eq!(name_of(&handle), None);
        }
    }
}
