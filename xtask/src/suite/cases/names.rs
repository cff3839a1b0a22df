//! What ports, connections and protocols are called, in logs and by `Debug`.

use std::cell::RefCell;
use std::rc::Rc;

use crate::suite::{Ability, Case, CaseContext, Outcome, Script, ensure, same};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "listen/logged",
        "a port tells that it starts and that it has stopped, with its address and its factory's name",
        logged,
    )
    .states(&["listen-014", "listen-015"])
    .needs(&[Ability::Endpoints]),
    Case::new(
        "listen/shown",
        "a port shows its address while it listens, and none when it does not",
        port_shown,
    )
    .states(&["stream-028", "reactor-core-039"])
    .needs(&[Ability::Core, Ability::Endpoints]),
    Case::new(
        "stream/shown",
        "a connection shows its addresses, and the kind and number of its protocol",
        connection_shown,
    )
    .states(&["stream-028", "reactor-core-039"])
    .needs(&[Ability::Core]),
    Case::new(
        "stream/log-prefix",
        "in each callback that brings bytes the loop knows what logs call the protocol",
        log_prefix,
    )
    .states(&["stream-001", "starttls-007"])
    .needs(&[Ability::Core]),
];

fn logged(t: &CaseContext) -> Outcome {
    let server = t.side(|_| Some(Script::new()));
    let before = t.ports_logged().len();
    let port = t.listen(&server)?;
    let address = port.host().to_string();
    t.wait("stopping", port.stop_listening())??;
    let logged = t.ports_logged();
    let name = |line: &str| line.split(' ').nth(1).unwrap_or_default().to_owned();
    same("notices", logged.len() - before, 2)?;
    let [started, stopped] = &logged[before..] else { return ensure(false, "two notices") };
    ensure(started.starts_with("started "), "the first notice is not that it started")?;
    ensure(stopped.starts_with("stopped "), "the last notice is not that it stopped")?;
    for line in [started, stopped] {
        ensure(line.contains(&address), "the notice is without the address")?;
        same("the factory", name(line).as_str(), "SideFactory")?;
    }
    Ok(())
}

fn port_shown(t: &CaseContext) -> Outcome {
    let port = t.listen(&t.side(|_| Some(Script::new())))?;
    let address = port.host().to_string();
    let shown = format!("{port:?}");
    ensure(shown.contains(&address), "the address is missing")?;
    ensure(shown.contains("SideFactory"), "the factory is missing")?;
    t.wait("stopping", port.stop_listening())??;
    let shown = format!("{port:?}");
    ensure(shown.contains("not listening"), "it is shown as listening")?;
    ensure(!shown.contains(&address), "the address is shown still")
}

fn connection_shown(t: &CaseContext) -> Outcome {
    let pair = t.pair(Script::new().named("Server"), Script::new().named("Client"))?;
    for (end, name) in [(&pair.client, "Client #"), (&pair.server, "Server #")] {
        let wire = end.transport()?;
        let shown = format!("{wire:?}");
        for part in [wire.host().to_string(), wire.peer().to_string()] {
            ensure(shown.contains(&part), &format!("{part} is missing in {shown}"))?;
        }
        ensure(shown.contains(name), &format!("the protocol is missing in {shown}"))?;
    }
    let wire = pair.client.transport()?;
    pair.abandon(t)?;
    ensure(format!("{wire:?}").contains("closed"), "it is shown as open after its end")
}

fn log_prefix(t: &CaseContext) -> Outcome {
    let names = Rc::new(RefCell::new(Vec::new()));
    let (of_client, of_server) = (names.clone(), names.clone());
    let world = t.world().clone();
    let ask = world.clone();
    let server = Script::new().named("Custom Server").data(move |wire, data| {
        of_server.borrow_mut().push(ask.running_protocol());
        wire.write(data);
    });
    let ask = world.clone();
    let client = Script::new()
        .named("Custom Client")
        .data(move |_, _| of_client.borrow_mut().push(ask.running_protocol()));
    let pair = t.pair(server, client)?;
    same("outside of callbacks", world.running_protocol(), None)?;
    pair.client.transport()?.write(b"x");
    t.until("the byte is back", || pair.client.received_bytes() == 1)?;
    same("the names", names.take(), [Some("Custom Server"), Some("Custom Client")])?;
    pair.abandon(t)
}
