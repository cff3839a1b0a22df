//! Several reactors in one process: what two serve beside what one serves, and who gets which connection.
//!
//! ```text
//! bench-group echoes    echoes of one and of two reactors, without a kernel
//! bench-group spread    1000 connections of uneven load over two reactors
//! ```
//!
//! A result is a table. Invariant: what is compared is measured in turns.

mod echoes;
mod spread;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["echoes"] => println!("{}", echoes::measure()?),
        ["spread"] => println!("{}", spread::measure()?),
        _ => return Err(format!("there is no such measurement: {words:?}").into()),
    }
    Ok(())
}

/// The middle of some numbers.
fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
