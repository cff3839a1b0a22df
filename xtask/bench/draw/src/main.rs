//! Draws the charts of README from the bench's results.
//!
//! ```text
//! bench-draw RESULTS DIRECTORY
//! ```
//!
//! Invariant: every number of a chart is in the results.

mod bars;
mod charts;

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1);
    let results = words.next().ok_or("RESULTS is missing")?;
    let directory = words.next().ok_or("DIRECTORY is missing")?;
    let results: Value = serde_json::from_slice(&fs::read(results)?)?;
    let directory = Path::new(&directory);
    fs::create_dir_all(directory)?;
    bars::draw(&directory.join("user-time.svg"), &charts::user_time(&results))?;
    bars::draw(&directory.join("memory.svg"), &charts::memory(&results))?;
    bars::draw(&directory.join("beside-tokio.svg"), &charts::beside_tokio(&results))?;
    Ok(())
}
