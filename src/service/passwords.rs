//! Passwords: what may be one, how it is hashed, how it is compared.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc};
use argon2::{Algorithm, Argon2, Params, Version};
use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use precis_core::profile::PrecisFastInvocation as _;
use precis_profiles::OpaqueString;
use thiserror::Error;
use tokio::sync::Semaphore;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::domain::{PasswordHash, Refusal};
use crate::metrics::Counter;

/// Argon2id with 19 MiB, two passes and one lane (OWASP Password Storage Cheat Sheet).
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfc();

/// Hashes computed at one time: each takes a core for tens of milliseconds, and 19 MiB.
pub const MAX_CONCURRENT: usize = 2;
/// Hashes that may wait for those: the last of them waits for some seconds on a slow machine.
pub const MAX_WAITING: usize = 64;
/// A hash of no password, which has the cost of all others: a name that nobody has takes as long to
/// refuse as a wrong password.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4daWCJkuT0hR2CMBZl3XQKCzE";

/// A password as someone typed it, prepared so that the same one is the same from every keyboard
/// (RFC 8265, `OpaqueString`).
pub struct Password(String);

impl Password {
    /// As people count characters.
    pub const MIN_GRAPHEMES: usize = 8;
    pub const MAX_BYTES: usize = 1_024;

    /// # Errors
    /// [`Refusal::Invalid`] for one that is too short or too long, or holds what cannot be typed.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let invalid = |problem: String| Refusal::Invalid { field: "password", problem };
        if text.len() > Self::MAX_BYTES {
            return Err(invalid(format!("must have at most {} bytes", Self::MAX_BYTES)));
        }
        let too_short = || invalid(format!("must have at least {} characters", Self::MIN_GRAPHEMES));
        if text.is_empty() {
            return Err(too_short());
        }
        // Some systems send the syllables of Korean as their letters, which the profile allows only together.
        let composed = NFC.normalize(text);
        let prepared = OpaqueString::enforce(&*composed)
            .map_err(|_| invalid("must not contain control or invisible characters".into()))?;
        if prepared.graphemes(true).take(Self::MIN_GRAPHEMES).count() < Self::MIN_GRAPHEMES {
            return Err(too_short());
        }
        Ok(Self(prepared.into_owned()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Too many passwords are being hashed already.
#[derive(Clone, Copy, Debug, Error)]
#[error("too many passwords are being hashed")]
pub struct Busy;

/// Hashes off the threads that answer requests, a few at a time.
#[derive(Debug)]
pub(super) struct Passwords {
    /// Those that are computed or wait to be.
    places: Arc<Semaphore>,
    /// Those that are computed.
    running: Arc<Semaphore>,
    /// Those that were refused because too many waited.
    hits: Counter,
}

impl Passwords {
    pub(super) fn new(hits: Counter) -> Self {
        Self {
            places: Arc::new(Semaphore::new(MAX_CONCURRENT + MAX_WAITING)),
            running: Arc::new(Semaphore::new(MAX_CONCURRENT)),
            hits,
        }
    }

    pub(super) async fn hash(&self, password: Password, salt: [u8; 16]) -> Result<PasswordHash, Busy> {
        self.compute(move || {
            let hash = argon2().hash_password_with_salt(password.0.as_bytes(), &salt);
            PasswordHash::from_stored(&hash.expect("a salt of 16 bytes is good").to_string())
        })
        .await
    }

    /// Whether it is the password that was hashed; `None` is nobody's.
    pub(super) async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, Busy> {
        self.compute(move || {
            let kept = hash.as_ref().map_or(DUMMY_HASH, PasswordHash::as_str);
            let kept = phc::PasswordHash::new(kept).expect("what is kept was written by the hash function");
            argon2().verify_password(password.0.as_bytes(), &kept).is_ok() && hash.is_some()
        })
        .await
    }

    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            self.hits.inc();
            Busy
        })?;
        let running = Arc::clone(&self.running).acquire_owned().await.expect("the semaphore is never closed");
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work is done, even where nobody waits for the answer any more.
            let _permits = (place, running);
            work()
        });
        Ok(done.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())))
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("these are within bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_needs_eight_characters_and_no_control_characters() {
        for good in [
            "correct horse",
            "пароль12",
            "한국한국한국한국",
            "\u{1112}\u{1161}\u{11ab}한한한한한한한",
            "👋👋👋👋👋👋👋👋",
            "        ",
        ] {
            assert!(Password::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", "seven77", "e\u{301}e\u{301}e\u{301}e\u{301}", "tab\tand more", "nul\0nul\0nul", &"x".repeat(1_025)]
        {
            assert!(matches!(Password::parse(bad), Err(Refusal::Invalid { field: "password", .. })), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn only_the_same_password_verifies_regardless_of_its_unicode_form() {
        let passwords = Passwords::new(Counter::default());
        let typed = |text: &str| Password::parse(text).unwrap();
        let hash = passwords.hash(typed("caf\u{e9} au lait"), [7; 16]).await.unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        assert!(passwords.verify(typed("cafe\u{301} au\u{a0}lait"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify(typed("caf\u{e9} au laiT"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify(typed("caf\u{e9} au lait"), None).await.unwrap());
        assert!(!format!("{hash:?} {:?}", typed("secret secret")).contains("secret"));
    }

    #[tokio::test]
    async fn a_full_hashing_queue_refuses_new_passwords_and_still_serves_waiting_ones() {
        let passwords = Passwords::new(Counter::default());
        let typed = || Password::parse("correct horse").unwrap();
        // Nothing is computed while the test holds these.
        let running = passwords.running.acquire_many(MAX_CONCURRENT.try_into().unwrap()).await.unwrap();
        let mut waiting: Vec<_> =
            (0..MAX_CONCURRENT + MAX_WAITING).map(|_| Box::pin(passwords.verify(typed(), None))).collect();
        for wait in &mut waiting {
            assert!(futures_util::poll!(wait).is_pending());
        }
        assert!(passwords.verify(typed(), None).await.is_err());
        waiting.truncate(1);
        drop(running);
        for wait in waiting {
            assert!(!wait.await.unwrap());
        }
        assert!(passwords.verify(typed(), None).await.is_ok());
    }
}
