//! The inputs of the fuzzer that the repository keeps: `xtask/fuzz/kept/TARGET`, one a line in base64.
//!
//! Invariant: a file has at most 200 inputs, of at most 4 KiB each, in an order that follows from them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;

/// The most inputs of a target.
const INPUTS_MAX: usize = 200;

/// The longest input that is kept.
const INPUT_BYTES_MAX: usize = 4096;

fn file(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/kept").join(target)
}

/// Writes each input of the target to a file of its own in the fuzzer's folder.
pub(super) fn unpack(target: &str, corpus: &Path) -> io::Result<()> {
    let text = match fs::read_to_string(file(target)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        text => text?,
    };
    for (number, line) in (1..).zip(text.lines()) {
        let input = BASE64.decode(line.as_bytes()).map_err(|error| {
            let place = format!("{}, line {number}: {error}", file(target).display());
            io::Error::new(io::ErrorKind::InvalidData, place)
        })?;
        fs::write(corpus.join(format!("kept-{number}")), input)?;
    }
    Ok(())
}

/// Keeps the inputs of a folder, the shortest ones where they are too many.
pub(super) fn pack(target: &str, folder: &Path) -> io::Result<()> {
    let inputs: io::Result<Vec<Vec<u8>>> =
        fs::read_dir(folder)?.map(|entry| fs::read(entry?.path())).collect();
    fs::write(file(target), packed(inputs?))
}

fn packed(mut inputs: Vec<Vec<u8>>) -> String {
    inputs.retain(|input| input.len() <= INPUT_BYTES_MAX);
    inputs.sort_by(|one, two| (one.len(), one).cmp(&(two.len(), two)));
    inputs.dedup();
    inputs.truncate(INPUTS_MAX);
    inputs.iter().map(|input| BASE64.encode(input) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_inputs_are_kept_once_each() {
        let mut inputs = vec![vec![0; INPUT_BYTES_MAX + 1], vec![7; 2], vec![7; 2], vec![1]];
        assert_eq!(packed(inputs.clone()), "AQ==\nBwc=\n");
        inputs.extend((0..=255).map(|byte| vec![byte, 1, 2]));
        assert_eq!(packed(inputs).lines().count(), INPUTS_MAX);
    }
}
