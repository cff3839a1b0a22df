//! Being built.
mod sys;
pub use sys::{ConnectFault, Ready, SocketOption, Sys, Token};
