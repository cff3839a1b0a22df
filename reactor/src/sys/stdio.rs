//! [`StdioSys`]: the standard input and output of the process.
//!
//! Invariant: no call changes the mode of a descriptor that another process shares.

use interfaces::StdioError;

use super::DescriptorSys;

/// A system whose process has a standard input and output.
pub trait StdioSys: DescriptorSys {
    /// Takes over standard input and output, in this order.
    ///
    /// # Errors
    ///
    /// [`StdioError`], which says which of the two cannot be used: one that is closed, `EBADF`.
    fn standard_descriptors(&self) -> Result<(Self::Descriptor, Self::Descriptor), StdioError>;
}
