//! `roots=system`: the store of the system, or the one that the environment names, vouches for servers.

use crate::certificates::Certificate;
use crate::running::{Running, ropewalk_command, run};

/// tlsverify-005, tlsverify-041
#[test]
fn a_server_is_trusted_that_the_store_of_the_environment_has_and_no_other() {
    let (ours, other) = (Certificate::new(), Certificate::new());
    let mut server = Running::ropewalk(&["serve", "echo", &ours.server()]);
    let address = server.listening();
    let pipe = |store: &Certificate, options: &str| {
        let mut command = ropewalk_command();
        command.args(["pipe", &format!("tls:{address}{options}")]);
        command.env("SSL_CERT_FILE", store.certificate()).env_remove("SSL_CERT_DIR");
        run(command, "hello")
    };
    let ended = pipe(&ours, ":roots=system");
    assert_eq!((ended.code, ended.output.as_slice()), (Some(0), &b"hello"[..]), "{}", ended.errors);
    for (store, options) in [(&other, ":roots=system"), (&ours, ""), (&ours, ":roots=public")] {
        let ended = pipe(store, options);
        assert_eq!((ended.code, ended.output.as_slice()), (Some(69), &b""[..]), "{options}");
        assert!(
            ended.errors.contains("the certificate of the server was refused"),
            "{}",
            ended.errors
        );
    }
}
