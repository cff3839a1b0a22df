//! The proof that four crates build without std: this crate does not build when one of them uses it.
//!
//! Invariant: a program has one panic handler. This crate defines one, and std another, so that with
//! std anywhere below the compiler stops with E0152.
#![no_std]

extern crate deferred;
extern crate endpoints;
extern crate interfaces;
extern crate protocol;

#[panic_handler]
fn never(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
