//! Twisted in a virtual environment, for tests that compare with it.
//!
//! Invariant: nothing is installed outside of the directory that the test gives.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The version whose behaviour is the model.
const TWISTED: &str = "26.10.0";

/// A script's answer about a string: nothing for one that Twisted refuses, else the first word and the others, which
/// are texts.
pub type Judgement = Option<(String, Vec<String>)>;

/// The Python that has Twisted and what it needs for TLS, installed now if it has to be, below `directory`: a test's
/// `CARGO_TARGET_TMPDIR`.
///
/// # Errors
///
/// Says why it cannot be had here.
pub fn twisted_python(directory: &Path) -> Result<PathBuf, String> {
    let directory = directory.join(format!("twisted-{TWISTED}"));
    let python = directory.join("bin").join("python");
    let locked = File::create(directory.with_extension("lock"))
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| format!("cannot lock {}: {error}", directory.display()))?;
    if run_program(Command::new(&python).args(["-c", &has_twisted()])).is_ok() {
        return Ok(python);
    }
    run_program(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&directory))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run_program(Command::new(&python).args(pip).arg(format!("twisted[tls]=={TWISTED}")))?;
    run_program(Command::new(&python).args(["-c", &has_twisted()]))?;
    drop(locked);
    Ok(python)
}

fn has_twisted() -> String {
    format!("import idna, service_identity, twisted; assert twisted.__version__ == '{TWISTED}'")
}

/// Asks a script about endpoint strings of servers (`true`) and clients, in this directory. It gets a line for each:
/// `s` or `c`, and the string in hexadecimal digits; it answers with a line: `error`, or a word and texts in hexadecimal
/// digits, `-` for the empty one.
///
/// # Panics
///
/// When the script does not answer so.
pub fn judgements(mut python: Command, script: &str, strings: &[(bool, String)]) -> Vec<Judgement> {
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let line = |(is_server, text): &(bool, String)| {
        format!("{} {}\n", if *is_server { 's' } else { 'c' }, hex(text))
    };
    let lines: String = strings.iter().map(line).collect();
    let python = python.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().expect("Python starts");
    let mut input = child.stdin.take().expect("the input is a pipe");
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("Python ends").stdout;
    writer.join().expect("the writer does not panic").expect("Python reads every line");
    String::from_utf8(output).expect("Python writes text").lines().map(judgement).collect()
}

fn judgement(line: &str) -> Judgement {
    let mut words = line.split(' ').map(String::from);
    let first = words.next().filter(|word| word != "error")?;
    Some((first, words.map(|word| from_hex(&word)).collect()))
}

fn from_hex(text: &str) -> String {
    if text == "-" {
        return String::new();
    }
    let digits: Vec<char> = text.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16);
    let bytes: Result<Vec<u8>, _> = digits.chunks(2).map(byte).collect();
    String::from_utf8(bytes.expect("hexadecimal digits")).expect("a text")
}

/// Runs a program, and gives what it writes.
///
/// # Errors
///
/// Says that it does not start, or how it ended and what it said.
pub fn run_program(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program} does not start: {error}"))?;
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(|error| format!("{program}: {error}"));
    }
    let said = String::from_utf8_lossy(if output.stderr.is_empty() {
        &output.stdout
    } else {
        &output.stderr
    });
    Err(format!("{program} ended with {}: {}", output.status, said.trim()))
}
