//! Fuzzes `read_pem`: it is told what each block and each fault is, at a line of the file, and other line ends, a
//! byte-order mark and indentation make no difference to the blocks.
//!
//! Invariant: every byte is the file's.

use tls::{PemText, read_pem};

/// Runs one input.
pub(crate) fn run(data: &[u8]) {
    let pem = read_pem(data);
    let lines = data.iter().filter(|byte| b"\r\n".contains(byte)).count() + 1;
    for fault in &pem.faults {
        let told = fault.to_string();
        assert!(told.chars().all(|shown| !shown.is_control()), "{told:?}");
        let line = told.strip_prefix("line ").and_then(|rest| rest.split(':').next());
        let line: usize = line.and_then(|line| line.parse().ok()).expect("a line is told");
        assert!((1..=lines).contains(&line), "{told}: of {lines}");
    }
    for block in &pem.blocks {
        // Four letters of base64 are three bytes.
        assert!(block.der.len() <= data.len() * 3 / 4 + 3);
        let _ = format!("{block:?}");
    }
    let is_text = data.is_ascii() && !data.contains(&b'\r') && !data.contains(&0);
    if is_text && data.contains(&b'\n') {
        same_blocks(&pem, &replaced(data, b"\r\n"));
        same_blocks(&pem, &[b"\xef\xbb\xbf", data].concat());
    }
}

fn replaced(data: &[u8], end: &[u8]) -> Vec<u8> {
    data.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(end)
}

fn same_blocks(pem: &PemText, other: &[u8]) {
    let other = read_pem(other);
    assert_eq!(pem.blocks.len(), other.blocks.len());
    assert_eq!(pem.faults.len(), other.faults.len());
    for (one, two) in pem.blocks.iter().zip(&other.blocks) {
        assert_eq!(one.der, two.der);
    }
}
