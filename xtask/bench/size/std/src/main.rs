//! A TCP echo program on the standard library alone, one connection after the other: the least size of
//! a Rust program like those in `../ours` and `../tokio`.
//!
//! Invariant: it listens on the address of the first argument, prints it, and echoes until killed.

use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 4096];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..length])?;
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = std::env::args().nth(1).ok_or("ADDRESS:PORT is missing")?.parse()?;
    let listener = TcpListener::bind(address)?;
    println!("listening {}", listener.local_addr()?);
    loop {
        let (stream, _peer) = listener.accept()?;
        // A broken connection does not end the program.
        let _ = echo(stream);
    }
}
