//! [`ProcessClientConfig`]: the strings of clients of kind `process`, as a value. With the feature `std`.
//!
//! Invariant: no shell reads any of it.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use interfaces::{ReactorProcess, SpawnProcess};

use super::{EndpointConfig, checked, endpoint_config};
use crate::description::Parameter;
use crate::{Arguments, ParseError, ProcessEndpoint, Side, StandardErrorBehavior, Value};

/// The name of an argument of the program.
const ARGUMENT: &str = "argument";
const PROGRAM: &str = "program";
const OPTIONS: [&str; 2] = ["directory", "stderr"];

/// A string of a client of kind `process`: a program whose standard input and output are the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessClientConfig {
    /// The program: a path, or a name that is looked up in `PATH`.
    pub program: String,
    /// The arguments behind the program's own name.
    pub arguments: Vec<String>,
    /// The directory that it runs in. Default: this process's.
    pub directory: Option<String>,
    /// What becomes of its standard error.
    pub error_output: StandardErrorBehavior,
}

impl ProcessClientConfig {
    /// This program, without arguments.
    pub fn new(program: impl Into<String>) -> Self {
        let (arguments, directory) = (Vec::new(), None);
        let error_output = StandardErrorBehavior::default();
        Self { program: program.into(), arguments, directory, error_output }
    }

    /// The endpoint.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for a value that no string means, at its place in the string that it prints.
    pub fn client(
        &self,
        reactor: impl ReactorProcess + 'static,
    ) -> Result<ProcessEndpoint, ParseError> {
        Ok(checked(self)?.endpoint(Rc::new(reactor)))
    }

    pub(crate) fn endpoint(&self, reactor: Rc<dyn ReactorProcess>) -> ProcessEndpoint {
        let options = SpawnProcess::new(&self.program).with_arguments(&self.arguments);
        let options = match &self.directory {
            Some(directory) => options.with_directory(directory),
            None => options,
        };
        ProcessEndpoint::shared(reactor, options).with_error_output(self.error_output)
    }

    /// The arguments of the program, as the string has them.
    pub(crate) fn words(&self) -> impl Iterator<Item = (&'static str, Value)> {
        self.arguments.iter().map(|word| (ARGUMENT, Value::Text(word.clone().into())))
    }
}

impl EndpointConfig for ProcessClientConfig {
    const SIDE: Side = Side::Client;
    const KINDS: &'static [&'static str] = &["process"];

    fn read(arguments: &mut Arguments<'_>) -> Result<Self, ParseError> {
        let words: Vec<String> = arguments.take_words(ARGUMENT)?;
        let ([program], [directory, stderr]) = arguments.bind_keywords([PROGRAM], OPTIONS)?;
        arguments.take(Parameter::positional(ARGUMENT));
        let name = match program.required()? {
            "" => return Err(program.error("the name or the path of a program")),
            name if name.contains('\0') => return Err(program.error("text without a NUL byte")),
            name => name,
        };
        let directory = directory.text()?.map(String::from);
        let error_output = match stderr.text_or(name_of(StandardErrorBehavior::default()))? {
            "inherit" => StandardErrorBehavior::Inherited,
            "drop" => StandardErrorBehavior::Drop,
            _ => return Err(stderr.error("`inherit` or `drop`")),
        };
        Ok(Self { arguments: words, directory, error_output, ..Self::new(name) })
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        let program = (PROGRAM, Value::Text(self.program.clone().into()));
        let stderr = Value::Text(name_of(self.error_output).into());
        let options = [Value::text_or_absent(self.directory.as_deref()), stderr];
        let options = core::iter::zip(OPTIONS, options);
        core::iter::once(program).chain(options).chain(self.words()).collect()
    }
}

/// As strings have it.
fn name_of(error_output: StandardErrorBehavior) -> &'static str {
    match error_output {
        StandardErrorBehavior::Inherited => "inherit",
        StandardErrorBehavior::Drop => "drop",
    }
}

endpoint_config!(ProcessClientConfig, ClientString);
