//! README's Rust blocks, compiled as doc tests. Invariant: nothing is here but README itself.
#![doc = include_str!("../../README.md")]
