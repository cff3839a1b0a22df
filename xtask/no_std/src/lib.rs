//! The proof that four crates do without std: this does not build when one of them reaches it.
//!
//! Invariant: a program has one panic handler. This is one, and std brings another, so that with
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
