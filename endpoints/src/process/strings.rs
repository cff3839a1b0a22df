//! The strings of kind `process`, for clients: `process:sort:-n`.
//!
//! | by position | by name only |
//! |---|---|
//! | `program`, and any number of arguments, which `argument` gives by name | `directory`, `stderr` (`inherit` or `drop`) |
//!
//! Twisted has no such strings. Invariant: no shell reads any of it.

use alloc::borrow::Cow;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use interfaces::{ReactorProcess, SpawnProcess, StreamClientEndpoint};

use super::{ProcessEndpoint, StandardErrorBehavior};
use crate::{Arguments, ClientParser, ParseError, Parsed, Value};

/// The name of an argument of the program.
const ARGUMENT: &str = "argument";

/// `process` clients, for [`Registry::with_client`](crate::Registry::with_client). They are none of the standard
/// kinds: a program that knows this one runs whatever its configuration says.
pub struct ProcessClientParser(Rc<dyn ReactorProcess>);

impl ProcessClientParser {
    /// On this reactor.
    pub fn new(reactor: impl ReactorProcess + 'static) -> Self {
        Self(Rc::new(reactor))
    }
}

impl core::fmt::Debug for ProcessClientParser {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ProcessClientParser")
    }
}

impl ClientParser for ProcessClientParser {
    fn kind(&self) -> &'static str {
        "process"
    }

    fn parse(
        &self,
        mut arguments: Arguments<'_>,
    ) -> Result<Parsed<dyn StreamClientEndpoint>, ParseError> {
        let words: Vec<String> = arguments.take_words(ARGUMENT)?;
        let ([program], [directory, stderr]) =
            arguments.bind_keywords(["program"], ["directory", "stderr"])?;
        let name = match program.required()? {
            "" => return Err(program.error("the name or the path of a program")),
            name if name.contains('\0') => return Err(program.error("text without a NUL byte")),
            name => name,
        };
        let mut options = SpawnProcess::new(name).with_arguments(&words);
        if let Some(directory) = directory.text()? {
            options = options.with_directory(directory);
        }
        let error_output = match stderr.text_or("inherit")? {
            "inherit" => StandardErrorBehavior::Inherited,
            "drop" => StandardErrorBehavior::Drop,
            _ => return Err(stderr.error("`inherit` or `drop`")),
        };
        let endpoint = ProcessEndpoint::shared(Rc::clone(&self.0), options);
        let endpoint = endpoint.with_error_output(error_output);
        let mut parsed =
            arguments.parsed(Rc::new(endpoint) as Rc<dyn StreamClientEndpoint>, ["process"]);
        let words = words.into_iter().map(|word| (ARGUMENT, Value::Text(Cow::Owned(word))));
        parsed.description.arguments.extend(words);
        Ok(parsed)
    }
}
