//! The kind `spew`: `spew:tcp:8080` is `tcp:8080` with a line on standard error for each piece that passes, and
//! `spew:data=1:tcp:8080` shows the data, too. For servers and for clients.
//!
//! Invariant: the wrapped kind gets all of the string but `data`.

use std::rc::Rc;

use ropewalk::endpoints::{
    Arguments, ClientParser, ParseError, Parsed, ServerParser, WrapperClientEndpoint,
    WrapperServerEndpoint,
};
use ropewalk::prelude::*;
use ropewalk::protocol::policies::SpewingFactory;

/// The kind, as a server and as a client; a program adds it to its registry.
#[derive(Clone, Copy, Debug)]
pub struct Spew;

fn spew(factory: Rc<dyn Factory>, shows_data: bool) -> Rc<dyn Factory> {
    let spewing = SpewingFactory::new(factory, |line| eprintln!("{line}"));
    if shows_data { spewing.with_data().into_rc() } else { spewing.into_rc() }
}

impl ServerParser for Spew {
    fn kind(&self) -> &'static str {
        "spew"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamServerEndpoint>, ParseError> {
        let ([data], wrapped) = arguments.bind_wrapper(["data"]);
        let (shows_data, inner) = (data.flag_or(false)?, wrapped.server()?);
        let wrap = move |factory| spew(factory, shows_data);
        let endpoint = Rc::new(WrapperServerEndpoint::new(inner.endpoint, wrap));
        Ok(arguments.parsed_around(endpoint, "spew", inner.description))
    }
}

impl ClientParser for Spew {
    fn kind(&self) -> &'static str {
        "spew"
    }

    fn parse(
        &self,
        arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let ([data], wrapped) = arguments.bind_wrapper(["data"]);
        let (shows_data, inner) = (data.flag_or(false)?, wrapped.client()?);
        let wrap = move |factory| spew(factory, shows_data);
        let endpoint = Rc::new(WrapperClientEndpoint::new(inner.endpoint, wrap));
        Ok(arguments.parsed_around(endpoint, "spew", inner.description))
    }
}
