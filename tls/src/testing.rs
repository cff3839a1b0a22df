//! [`seeded_provider`] and [`FixedTime`]: TLS in a simulated run, whose bytes follow from a seed.
//!
//! Invariant: nothing here keeps a secret, so nothing here is part of a build without the feature `testing`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret,
    SupportedKxGroup,
};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use rustls::{Error, NamedGroup};

/// The provider with random bytes that follow from the seed, and with one key exchange, whose "secret" is made of the
/// two public keys. For a run under a seed that has to give the same bytes each time, such as one of the reactor's
/// `simulation`: give it `SimulatedWorld::seed`. The key shares of a real exchange cannot be seeded, as providers
/// draw them inside.
///
/// The same bytes need a time of the run's own, [`FixedTime`], and a certificate whose signatures follow from what is
/// signed, such as one of an Ed25519 key. Each call leaks some bytes, as rustls wants groups that live for ever.
///
/// **An eavesdropper can read the connection.** Both ends need this provider.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use ropewalk_tls::testing::{FixedTime, seeded_provider};
///
/// let provider = Arc::new(seeded_provider(ropewalk_tls::default_provider(), 7));
/// let time = FixedTime::at(Duration::from_secs(1_750_000_000));
/// let builder = rustls::ClientConfig::builder_with_details(provider, time);
/// # drop(builder);
/// ```
pub fn seeded_provider(provider: CryptoProvider, seed: u64) -> CryptoProvider {
    let seeded: &'static Seeded = Box::leak(Box::new(Seeded(Mutex::new(seed))));
    CryptoProvider { kx_groups: vec![seeded], secure_random: seeded, ..provider }
}

/// A clock that stands still, for configurations whose certificates have to be valid in every run.
#[derive(Clone, Copy, Debug)]
pub struct FixedTime(UnixTime);

impl FixedTime {
    /// Stands at this time since 1970.
    pub fn at(since_1970: Duration) -> Arc<Self> {
        Arc::new(Self(UnixTime::since_unix_epoch(since_1970)))
    }
}

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}

/// The state of the random numbers.
#[derive(Debug)]
struct Seeded(Mutex<u64>);

/// One end's part of the key exchange.
struct PublicShare(Vec<u8>);

impl SecureRandom for Seeded {
    /// SplitMix64 (Steele, Lea and Flood, 2014).
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut bits = *state;
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            bits ^= bits >> 31;
            piece.copy_from_slice(&bits.to_le_bytes()[..piece.len()]);
        }
        Ok(())
    }
}

impl SupportedKxGroup for Seeded {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut public = vec![0; 32];
        self.fill(&mut public)?;
        Ok(Box::new(PublicShare(public)))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

impl ActiveKeyExchange for PublicShare {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let both: Vec<u8> = self.0.iter().zip(peer).map(|(one, other)| one ^ other).collect();
        Ok(SharedSecret::from(both))
    }

    fn pub_key(&self) -> &[u8] {
        &self.0
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64) -> [u8; 20] {
        let mut bytes = [0; 20];
        let provider = seeded_provider(crate::default_provider(), seed);
        provider.secure_random.fill(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn one_seed_gives_the_same_bytes_and_another_gives_others() {
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        assert!(drawn(7)[16..].iter().any(|byte| *byte != 0), "the rest of a chunk is drawn, too");
    }

    #[test]
    fn the_two_ends_of_the_key_exchange_agree() {
        let provider = seeded_provider(crate::default_provider(), 7);
        let [group] = provider.kx_groups[..] else { panic!("one group") };
        let (one, other) = (group.start().unwrap(), group.start().unwrap());
        let keys = [one.pub_key().to_vec(), other.pub_key().to_vec()];
        assert_ne!(keys[0], keys[1]);
        let secrets = [one.complete(&keys[1]).unwrap(), other.complete(&keys[0]).unwrap()];
        assert_eq!(secrets[0].secret_bytes(), secrets[1].secret_bytes());
    }
}
