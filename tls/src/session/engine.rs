//! Driving rustls's unbuffered interface, the same way for both sides.
//!
//! Invariant: after rustls said that it failed, it is asked for its alerts and for nothing else: it
//! would look at the same bytes again.

use std::ops::DerefMut;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, ReadEarlyData,
    UnbufferedConnectionCommon, UnbufferedStatus, WriteTraffic,
};

use super::{Outgoing, RECORD_PLAINTEXT_MAX};
use crate::TlsError;

/// How many states in a row may take and give nothing before the session counts as stuck.
const IDLE_STATES_MAX: u32 = 8;
/// What a record adds to its plaintext at most, in bytes: header, explicit nonce, type, tag; a
/// guess that an exact answer of rustls corrects.
const RECORD_OVERHEAD: usize = 48;
/// Room for the records that rustls may want to send before ours.
const SPARE: usize = 256;

/// What the two sides have in common.
pub(super) trait Engine: DerefMut<Target = UnbufferedConnectionCommon<Self::Data>> {
    type Data: 'static;

    fn process<'c, 'i>(&'c mut self, data: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;

    /// Reads 0-RTT data, which only a server has, and only if its configuration asks for it.
    fn read_early(state: ReadEarlyData<'_, '_, Self::Data>, plaintext: &mut Vec<u8>);
}

impl Engine for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(&'c mut self, data: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(data)
    }

    fn read_early(_: ReadEarlyData<'_, '_, Self::Data>, _: &mut Vec<u8>) {}
}

impl Engine for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(&'c mut self, data: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(data)
    }

    fn read_early(mut state: ReadEarlyData<'_, '_, Self::Data>, plaintext: &mut Vec<u8>) {
        while let Some(Ok(record)) = state.next_record() {
            plaintext.extend_from_slice(record.payload);
        }
    }
}

/// How far [`run`] came.
pub(super) struct Progress {
    /// How many bytes from the front are done with.
    pub(super) taken: usize,
    /// `close_notify` was among them.
    pub(super) peer_closed: bool,
    pub(super) stop: Stop,
}

/// Why [`run`] stopped.
#[derive(Debug, PartialEq)]
pub(super) enum Stop {
    /// All complete records are used, or nothing is read any more.
    Waiting,
    Failed(rustls::Error),
    Stuck,
}

/// Uses all complete records of `data`.
pub(super) fn run<E: Engine>(
    engine: &mut E,
    data: &mut [u8],
    plaintext: &mut Vec<u8>,
    records: &mut Outgoing,
) -> Progress {
    let (mut taken, mut peer_closed, mut idle) = (0, false, 0);
    let stop = loop {
        let before = (plaintext.len(), records.len());
        let UnbufferedStatus { mut discard, state } = engine.process(&mut data[taken..]);
        let step = state.and_then(|state| answer::<E>(state, plaintext, records));
        match step {
            Ok(Step::Again) => {}
            Ok(Step::Read { more_discard }) => {
                discard += more_discard;
                // Nothing is left to be looked at or to be said, so rustls need not be asked.
                if taken + discard == data.len() && !engine.wants_write() {
                    taken = data.len();
                    break Stop::Waiting;
                }
            }
            Ok(Step::PeerClosed) => peer_closed = true,
            Ok(Step::Stop(stop)) => {
                taken += discard;
                break stop;
            }
            Err(error) => {
                taken += discard;
                drain_alerts(engine, records);
                break Stop::Failed(error);
            }
        }
        taken += discard;
        let moved = discard > 0 || before != (plaintext.len(), records.len());
        idle = if moved { 0 } else { idle + 1 };
        if idle > IDLE_STATES_MAX {
            break Stop::Stuck;
        }
    };
    Progress { taken, peer_closed, stop }
}

/// What comes after a state.
enum Step {
    Again,
    /// Plaintext came.
    Read {
        more_discard: usize,
    },
    PeerClosed,
    Stop(Stop),
}

/// Does what a state of rustls asks for.
fn answer<E: Engine>(
    state: ConnectionState<'_, '_, E::Data>,
    plaintext: &mut Vec<u8>,
    records: &mut Outgoing,
) -> Result<Step, rustls::Error> {
    match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            let mut more_discard = 0;
            while let Some(record) = traffic.next_record() {
                let record = record?;
                more_discard += record.discard;
                plaintext.extend_from_slice(record.payload);
            }
            return Ok(Step::Read { more_discard });
        }
        ConnectionState::ReadEarlyData(early) => E::read_early(early, plaintext),
        ConnectionState::EncodeTlsData(mut record) => encode(records, |room| record.encode(room)),
        ConnectionState::TransmitTlsData(transmit) => transmit.done(),
        ConnectionState::PeerClosed => return Ok(Step::PeerClosed),
        ConnectionState::WriteTraffic(_)
        | ConnectionState::BlockedHandshake
        | ConnectionState::Closed => return Ok(Step::Stop(Stop::Waiting)),
        _ => return Ok(Step::Stop(Stop::Stuck)),
    }
    Ok(Step::Again)
}

/// Encrypts `plaintext`. `data` is what the session could not use yet.
pub(super) fn send<E: Engine>(
    engine: &mut E,
    data: &mut [u8],
    plaintext: &[u8],
    records: &mut Outgoing,
) -> Result<(), TlsError> {
    let count = plaintext.len().div_ceil(RECORD_PLAINTEXT_MAX);
    let size = plaintext.len() + count * RECORD_OVERHEAD + SPARE;
    with_traffic(engine, data, records, |traffic, records| {
        write(records, size, |room| traffic.encrypt(plaintext, room))
    })
}

/// Makes `close_notify`.
pub(super) fn close<E: Engine>(
    engine: &mut E,
    data: &mut [u8],
    records: &mut Outgoing,
) -> Result<(), TlsError> {
    with_traffic(engine, data, records, |traffic, records| {
        write(records, SPARE, |room| traffic.queue_close_notify(room))
    })
}

/// Leads the session to where it can encrypt.
fn with_traffic<E: Engine>(
    engine: &mut E,
    data: &mut [u8],
    records: &mut Outgoing,
    encrypt: impl FnOnce(&mut WriteTraffic<'_, E::Data>, &mut Outgoing) -> Result<(), TlsError>,
) -> Result<(), TlsError> {
    let mut idle = 0;
    while idle <= IDLE_STATES_MAX {
        match engine.process(data).state {
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                return encrypt(&mut traffic, records);
            }
            Ok(ConnectionState::EncodeTlsData(mut record)) => {
                encode(records, |room| record.encode(room));
            }
            Ok(ConnectionState::TransmitTlsData(transmit)) => transmit.done(),
            Ok(_) => idle += 1,
            Err(_) => break,
        }
    }
    Err(TlsError::NoProgress)
}

/// Takes what a failed session has to say. Only while there is something: rustls then comes to it
/// before it looks at the input again.
fn drain_alerts<E: Engine>(engine: &mut E, records: &mut Outgoing) {
    while engine.wants_write() {
        match engine.process(&mut []).state {
            Ok(ConnectionState::EncodeTlsData(mut record)) => {
                encode(records, |room| record.encode(room));
            }
            Ok(ConnectionState::TransmitTlsData(transmit)) => transmit.done(),
            Ok(_) | Err(_) => break,
        }
    }
}

fn encode(records: &mut Outgoing, mut encode: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>) {
    let mut size = SPARE;
    loop {
        match encode(records.room(size)) {
            Ok(written) => return records.advance(written),
            Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size }))
                if required_size > size =>
            {
                size = required_size;
            }
            Err(_) => return,
        }
    }
}

fn write(
    records: &mut Outgoing,
    mut size: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncryptError>,
) -> Result<(), TlsError> {
    loop {
        match write(records.room(size)) {
            Ok(written) => {
                records.advance(written);
                return Ok(());
            }
            Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size }))
                if required_size > size =>
            {
                size = required_size;
            }
            Err(_) => return Err(TlsError::KeysUsedUp),
        }
    }
}
