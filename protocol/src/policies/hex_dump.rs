//! [`HexDump`]: bytes as a table for people, as `hexdump -C` prints them (hexdump(1)).
//!
//! Invariant: no byte reaches the output but as a hexadecimal number or a printable ASCII character.

use core::fmt;

/// How many bytes one line shows.
const LINE_BYTES: usize = 16;

/// Shows bytes sixteen a line, with their offset, as hexadecimal numbers and as ASCII; nothing for no bytes.
///
/// ```
/// # use ropewalk_protocol as protocol;
/// use protocol::policies::HexDump;
///
/// let line = "00000000  48 65 6c 6c 6f 2c 20 74  68 65 72 65 0d 0a        |Hello, there..|\n";
/// assert_eq!(HexDump(b"Hello, there\r\n").to_string(), line);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct HexDump<'a>(pub &'a [u8]);

impl fmt::Display for HexDump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, line) in self.0.chunks(LINE_BYTES).enumerate() {
            write!(f, "{:08x} ", number * LINE_BYTES)?;
            for place in 0..LINE_BYTES {
                let gap = if place % (LINE_BYTES / 2) == 0 { " " } else { "" };
                match line.get(place) {
                    Some(byte) => write!(f, "{gap}{byte:02x} ")?,
                    None => write!(f, "{gap}   ")?,
                }
            }
            f.write_str(" |")?;
            for &byte in line {
                let is_shown = byte.is_ascii_graphic() || byte == b' ';
                write!(f, "{}", if is_shown { char::from(byte) } else { '.' })?;
            }
            f.write_str("|\n")?;
        }
        Ok(())
    }
}
