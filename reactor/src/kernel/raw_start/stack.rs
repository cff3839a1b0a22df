//! [`Stack`]: the memory that a child of clone(2) runs on.
//!
//! Invariant: it is mapped for as long as a child may run on it.

use std::ffi::c_void;
use std::io;
use std::ptr;

use super::done;

/// The bytes of the child's stack; it needs a few hundred.
const STACK_BYTES: usize = 64 * 1024;

/// The stack of a child, with a page below it that nothing may touch.
pub(super) struct Stack {
    lowest: *mut c_void,
    bytes: usize,
}

impl Stack {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: the call has no effects.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(65_536);
        let bytes = STACK_BYTES.next_multiple_of(page) + page;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
        // SAFETY: the call makes a new mapping, at no given address.
        let lowest = unsafe { libc::mmap(ptr::null_mut(), bytes, libc::PROT_NONE, kind, -1, 0) };
        if lowest == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = Self { lowest, bytes };
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: all but the first page of the mapping that was just made, which nothing uses yet.
        done(unsafe { libc::mprotect(lowest.byte_add(page), bytes - page, access) })?;
        Ok(stack)
    }

    /// The address above its last byte: a stack grows downwards.
    pub(super) fn top(&self) -> *mut c_void {
        self.lowest.wrapping_byte_add(self.bytes)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new`, and no child runs on it any more.
        unsafe { libc::munmap(self.lowest, self.bytes) };
    }
}
