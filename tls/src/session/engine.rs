//! Driving rustls's unbuffered interface, the same way for both sides.
//!
//! Invariant: after an error of rustls only its alerts are read: any other call would process the same
//! bytes again.

use std::ops::DerefMut;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, ReadEarlyData,
    UnbufferedConnectionCommon, UnbufferedStatus, WriteTraffic,
};

use super::{Outgoing, RECORD_PLAINTEXT_BYTES_MAX};
use crate::TlsError;
use crate::tls_error::has_no_certificate;

/// How many states in a row may take and make no bytes before the session counts as stuck.
const IDLE_STATES_MAX: u32 = 8;
/// The most bytes that a record adds to its plaintext: header, explicit nonce, type, tag. A guess:
/// rustls says how many it needs where it is too low.
const RECORD_OVERHEAD_BYTES: usize = 48;
/// The alert of rustls where no certificate is for the name, and that of RFC 6066 section 3.
const ALERT_ACCESS_DENIED: u8 = 49;
const ALERT_UNRECOGNIZED_NAME: u8 = 112;
/// Room for records of rustls that precede ours.
const SPARE_BYTES: usize = 256;

/// A rustls connection of either side.
pub(super) trait Engine<D: 'static>:
    DerefMut<Target = UnbufferedConnectionCommon<D>>
{
    fn process<'c, 'i>(&'c mut self, data: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, D>;

    /// Reads 0-RTT data: only a server has it, and only if its configuration allows it.
    fn read_early(state: ReadEarlyData<'_, '_, D>, plaintext: &mut Vec<u8>);
}

impl Engine<ClientConnectionData> for UnbufferedClientConnection {
    fn process<'c, 'i>(
        &'c mut self,
        data: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, ClientConnectionData> {
        self.process_tls_records(data)
    }

    fn read_early(_: ReadEarlyData<'_, '_, ClientConnectionData>, _: &mut Vec<u8>) {}
}

impl Engine<ServerConnectionData> for UnbufferedServerConnection {
    fn process<'c, 'i>(
        &'c mut self,
        data: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, ServerConnectionData> {
        self.process_tls_records(data)
    }

    fn read_early(mut state: ReadEarlyData<'_, '_, ServerConnectionData>, plaintext: &mut Vec<u8>) {
        while let Some(Ok(record)) = state.next_record() {
            plaintext.extend_from_slice(record.payload);
        }
    }
}

/// The result of [`run`].
pub(super) struct Progress {
    /// How many bytes from the front are used.
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
pub(super) fn run<D: 'static, E: Engine<D>>(
    engine: &mut E,
    data: &mut [u8],
    plaintext: &mut Vec<u8>,
    records: &mut Outgoing,
) -> Progress {
    let (mut taken, mut peer_closed, mut idle) = (0, false, 0);
    let stop = loop {
        let before = (plaintext.len(), records.len());
        let UnbufferedStatus { mut discard, state } = engine.process(&mut data[taken..]);
        let step = state.and_then(|state| answer::<D, E>(state, plaintext, records));
        match step {
            Ok(Step::Again) => {}
            Ok(Step::Read { more_discard }) => {
                discard += more_discard;
                // No input is left and rustls has nothing to send, so it need not be called again.
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
                let before = records.len();
                drain_alerts(engine, records);
                if has_no_certificate(&error) {
                    records.replace_alert(before, ALERT_ACCESS_DENIED, ALERT_UNRECOGNIZED_NAME);
                }
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

/// What follows a state.
enum Step {
    Again,
    /// Plaintext came.
    Read {
        more_discard: usize,
    },
    PeerClosed,
    Stop(Stop),
}

/// Performs what a state of rustls asks for.
fn answer<D: 'static, E: Engine<D>>(
    state: ConnectionState<'_, '_, D>,
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

/// Encrypts `plaintext`. `data` is the partial record.
pub(super) fn send<D: 'static, E: Engine<D>>(
    engine: &mut E,
    data: &mut [u8],
    plaintext: &[u8],
    records: &mut Outgoing,
) -> Result<(), TlsError> {
    let count = plaintext.len().div_ceil(RECORD_PLAINTEXT_BYTES_MAX);
    let size = plaintext.len() + count * RECORD_OVERHEAD_BYTES + SPARE_BYTES;
    with_traffic(engine, data, records, |traffic, records| {
        write(records, size, |room| traffic.encrypt(plaintext, room))
    })
}

/// Makes `close_notify`.
pub(super) fn close<D: 'static, E: Engine<D>>(
    engine: &mut E,
    data: &mut [u8],
    records: &mut Outgoing,
) -> Result<(), TlsError> {
    with_traffic(engine, data, records, |traffic, records| {
        write(records, SPARE_BYTES, |room| traffic.queue_close_notify(room))
    })
}

/// Steps the session until it can encrypt.
fn with_traffic<D: 'static, E: Engine<D>>(
    engine: &mut E,
    data: &mut [u8],
    records: &mut Outgoing,
    encrypt: impl FnOnce(&mut WriteTraffic<'_, D>, &mut Outgoing) -> Result<(), TlsError>,
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

/// Takes the alerts of a failed session. Only while `wants_write`: rustls then sends before it
/// reads the input again.
fn drain_alerts<D: 'static, E: Engine<D>>(engine: &mut E, records: &mut Outgoing) {
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
    let mut size = SPARE_BYTES;
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
