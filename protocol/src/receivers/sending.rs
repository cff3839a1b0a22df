//! A frame as one write.
//!
//! Invariant: small frames are joined on the stack, without an allocation.

use alloc::vec::Vec;

use interfaces::Transport;

/// Frames up to this length, in bytes, are joined on the stack.
const STACK_BYTES: usize = 512;

/// Writes the parts as if they were one.
pub(super) fn write_joined(transport: &dyn Transport, parts: [&[u8]; 3]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    if length <= STACK_BYTES {
        let mut joined = [0; STACK_BYTES];
        let mut end = 0;
        for part in parts {
            joined[end..end + part.len()].copy_from_slice(part);
            end += part.len();
        }
        transport.write(&joined[..end]);
    } else {
        let mut joined = Vec::with_capacity(length);
        parts.iter().for_each(|part| joined.extend_from_slice(part));
        transport.write(&joined);
    }
}
