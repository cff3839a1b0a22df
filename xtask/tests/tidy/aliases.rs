//! Twisted's names are found in the documentation: rustdoc looks them up as aliases.
//!
//! Invariant: a name that is ours too needs no alias.

use crate::workspace::{assert_none, files, text};

/// The names that programs for Twisted use most.
const NAMES: [&str; 62] = [
    "ITransport",
    "IProtocol",
    "IReactorTime",
    "IReactorTCP",
    "IReactorUNIX",
    "IReactorThreads",
    "loseConnection",
    "abortConnection",
    "writeSequence",
    "registerProducer",
    "unregisterProducer",
    "loseWriteConnection",
    "connectionMade",
    "connectionLost",
    "dataReceived",
    "logPrefix",
    "readConnectionLost",
    "writeConnectionLost",
    "pauseProducing",
    "resumeProducing",
    "stopProducing",
    "buildProtocol",
    "forProtocol",
    "startFactory",
    "stopFactory",
    "listenTCP",
    "connectTCP",
    "listenUNIX",
    "connectUNIX",
    "listenUDP",
    "callLater",
    "getDelayedCalls",
    "callFromThread",
    "callInThread",
    "deferToThread",
    "callWhenRunning",
    "addSystemEventTrigger",
    "spawnProcess",
    "addCallback",
    "addErrback",
    "addBoth",
    "addCallbacks",
    "chainDeferred",
    "maybeDeferred",
    "gatherResults",
    "addTimeout",
    "deferLater",
    "stopListening",
    "connectProtocol",
    "clientConnectionLost",
    "clientConnectionFailed",
    "startedConnecting",
    "stopConnecting",
    "getDestination",
    "resetDelay",
    "stopTrying",
    "whenConnected",
    "retryPolicy",
    "prepareConnection",
    "backoffPolicy",
    "startService",
    "stopService",
];

#[test]
fn the_documentation_finds_twisteds_names() {
    let sources: Vec<String> = files()
        .iter()
        .filter(|file| file.components().any(|part| part.as_os_str() == "src"))
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .map(|file| text(file))
        .collect();
    let has = |name: &str| {
        let alias = format!("#[doc(alias = \"{name}\")]");
        sources.iter().any(|source| source.contains(&alias))
    };
    let missing = NAMES.iter().filter(|name| !has(name));
    let missing: Vec<_> = missing.map(|name| format!("no item has the alias {name}")).collect();
    assert_none(&missing);
}
