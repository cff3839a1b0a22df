//! Frames out of 64 KiB reads: this workspace's decoders beside the codecs of tokio-util.
//!
//! Invariant: the bytes are the same for both, and in memory before the time is taken: a codec's in the
//! buffer that it decodes from.

use std::error::Error;
use std::hint::black_box;

use protocol::receivers::{Decoder, Int32Decoder, LineDecoder, StringDecoder as _};
use serde_json::{Value, json};
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder as Codec, LengthDelimitedCodec, LinesCodec};

use crate::numbers::processor_time;

/// The length of a read, and of each frame with what delimits it, in bytes.
const READ_BYTES: usize = 64 * 1024;
const FRAME_BYTES: usize = 64;

/// How many reads are prepared at a time, and how often.
const READS: usize = 64;
const ROUNDS: usize = 400;

fn lines() -> Vec<u8> {
    [&[b'x'; FRAME_BYTES - 1][..], b"\n"].concat().repeat(READ_BYTES / FRAME_BYTES)
}

fn strings() -> Result<Vec<u8>, Box<dyn Error>> {
    let mut frame = Vec::new();
    Int32Decoder::encode(&[b'x'; FRAME_BYTES - 4], &mut frame)?;
    Ok(frame.repeat(READ_BYTES / FRAME_BYTES))
}

pub(crate) fn lines_ours() -> Result<Value, Box<dyn Error>> {
    ours(&lines(), LineDecoder::new().with_delimiter(&b"\n"[..]))
}

pub(crate) fn lines_tokio() -> Result<Value, Box<dyn Error>> {
    tokio(&lines(), LinesCodec::new_with_max_length(16_384))
}

pub(crate) fn strings_ours() -> Result<Value, Box<dyn Error>> {
    ours(&strings()?, Int32Decoder::new())
}

pub(crate) fn strings_tokio() -> Result<Value, Box<dyn Error>> {
    tokio(&strings()?, LengthDelimitedCodec::new())
}

fn ours<D: Decoder>(read: &[u8], mut decoder: D) -> Result<Value, Box<dyn Error>> {
    let mut frames = 0;
    let before = processor_time();
    for _ in 0..READS * ROUNDS {
        let mut input = black_box(read);
        while let Some(frame) = decoder.next_frame(&mut input) {
            black_box(frame.map_err(|_| "the stream is right")?);
            frames += 1;
        }
    }
    let time = processor_time() - before;
    Ok(report(time.as_nanos() as f64, frames))
}

fn tokio<C: Codec>(read: &[u8], mut codec: C) -> Result<Value, Box<dyn Error>>
where
    C::Error: Error + 'static,
{
    let (mut time, mut frames) = (0.0, 0);
    for _ in 0..ROUNDS {
        let buffers: Vec<BytesMut> = (0..READS).map(|_| BytesMut::from(read)).collect();
        let before = processor_time();
        for mut buffer in buffers {
            while let Some(frame) = codec.decode(&mut buffer)? {
                black_box(frame);
                frames += 1;
            }
        }
        time += (processor_time() - before).as_nanos() as f64;
    }
    Ok(report(time, frames))
}

fn report(nanoseconds: f64, frames: usize) -> Value {
    assert_eq!(frames, READS * ROUNDS * READ_BYTES / FRAME_BYTES);
    json!({ "user_time": nanoseconds / frames as f64 })
}
