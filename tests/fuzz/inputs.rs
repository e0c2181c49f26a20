//! Random inputs, and the loop that checks a property with them.
//!
//! An input is a string of bytes. It is made of words that mean something to the parser, of unusual characters, and of
//! pieces of the target's corpus: the files in `corpus/<target>/`, which are checked first in every run. If a property
//! fails, the input is made as small as possible. The message names the seed that repeats it: set `FUZZ_SEED` and run
//! the target. A run with `FUZZ_SECONDS` also writes the input into the corpus.

use std::any::Any;
use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, panic};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sha2::{Digest as _, Sha256};

/// Characters that parsers get wrong: of one or no column, of changing length, of several normal forms, and not text.
const UNUSUAL: [&str; 40] = [
    "\0",
    "\t",
    "\n",
    "\r\n",
    "\u{b}",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{ad}",
    "\u{300}",
    "\u{301}",
    "\u{345}",
    "\u{34f}",
    "\u{390}",
    "\u{130}",
    "\u{131}",
    "\u{149}",
    "\u{df}",
    "\u{1e9e}",
    "\u{3c2}",
    "\u{1f80}",
    "\u{115f}",
    "\u{1160}",
    "\u{200b}",
    "\u{200d}",
    "\u{202e}",
    "\u{2028}",
    "\u{2066}",
    "\u{2069}",
    "\u{2800}",
    "\u{3000}",
    "\u{3164}",
    "\u{fb01}",
    "\u{fdfa}",
    "\u{fe0f}",
    "\u{feff}",
    "\u{ffa0}",
    "\u{1f468}\u{200d}\u{1f469}",
    "\u{10ffff}",
];

/// The longest run of one word, which is longer than the limit of a message.
const LONGEST_RUN: usize = 2_100;

/// One parser, or one group of parsers, with the words that mean something to it.
#[derive(Clone, Debug)]
pub struct Target {
    /// The name of its corpus.
    name: &'static str,
    words: Vec<Vec<u8>>,
    examples: Vec<Vec<u8>>,
    /// Number of random inputs in `cargo test`.
    runs: u64,
}

impl Target {
    /// A target with this many random inputs in `cargo test`.
    pub fn new(name: &'static str, runs: u64) -> Self {
        Self { name, words: vec![b"a".to_vec()], examples: Vec::new(), runs }
    }

    pub fn words<W: AsRef<[u8]>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words.extend(words.into_iter().map(|word| word.as_ref().to_vec()));
        self
    }

    /// Adds inputs that are changed to make others, as those of the corpus are.
    pub fn examples(mut self, examples: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.examples.extend(examples);
        self
    }

    /// Checks `property`, which panics if it fails, with text.
    pub fn check_text(self, property: impl Fn(&str)) {
        self.check(|input| property(&String::from_utf8_lossy(input)));
    }

    /// Checks `property`, which panics if it fails.
    pub fn check(self, property: impl Fn(&[u8])) {
        record_panics();
        IS_OF_TARGET.set(true);
        let kept = self.kept();
        for (file, input) in &kept {
            if let Err(why) = attempt(&property, input) {
                panic!("{}: {} fails: {why}", self.name, file.display());
            }
        }
        let strategy = strategy(&self.words, kept.into_iter().map(|(_, input)| input).chain(self.examples.clone()));
        if let Some(seed) = number("FUZZ_SEED") {
            self.check_seed(seed, &strategy, &property);
            return;
        }
        let Some(seconds) = number("FUZZ_SECONDS") else {
            (0..self.runs).for_each(|seed| self.check_seed(seed, &strategy, &property));
            return;
        };
        let (begin, limit) = (Instant::now(), Duration::from_secs(seconds));
        let first = RandomState::new().hash_one(self.name);
        let mut runs = 0;
        while begin.elapsed() < limit {
            self.check_seed(first.wrapping_add(runs), &strategy, &property);
            runs += 1;
        }
        println!("fuzzed {}: {runs} inputs in {} s", self.name, begin.elapsed().as_secs());
    }

    fn check_seed(&self, seed: u64, strategy: &impl Strategy<Value = Vec<u8>>, property: &impl Fn(&[u8])) {
        // The generator must not start from zeros, and close seeds must not give similar numbers.
        let seeded: [u8; 32] = Sha256::digest(seed.to_le_bytes()).into();
        let rng = TestRng::from_seed(RngAlgorithm::XorShift, &seeded[..16]);
        let mut runner = TestRunner::new_with_rng(CONFIG.with(Clone::clone), rng);
        let mut tree = strategy.new_tree(&mut runner).expect("the strategy rejects nothing");
        let Err(mut why) = attempt(property, &tree.current()) else { return };
        let mut smallest = tree.current();
        let mut may_shrink = tree.simplify();
        for _ in 0..2_000 {
            if !may_shrink {
                break;
            }
            let input = tree.current();
            may_shrink = match attempt(property, &input) {
                Err(other) => {
                    (smallest, why) = (input, other);
                    tree.simplify()
                }
                Ok(()) => tree.complicate(),
            };
        }
        if number("FUZZ_SECONDS").is_some() {
            self.keep(&smallest);
        }
        let (name, text) = (self.name, String::from_utf8_lossy(&smallest));
        panic!("{name}: FUZZ_SEED={seed} fails with {text:?}: {why}");
    }

    fn corpus(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(self.name)
    }

    /// The files of the corpus, in the order of their names.
    fn kept(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let Ok(files) = fs::read_dir(self.corpus()) else { return Vec::new() };
        let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
    }

    fn keep(&self, input: &[u8]) {
        let digest: [u8; 32] = Sha256::digest(input).into();
        let name = format!("found-{:08x}", u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]));
        fs::create_dir_all(self.corpus()).unwrap();
        fs::write(self.corpus().join(name), input).unwrap();
    }
}

thread_local! {
    /// Reading the environment for each input would take most of the time.
    static CONFIG: Config = Config { failure_persistence: None, ..Config::default() };
    /// Whether a property is being checked on this thread.
    static IS_CHECKING: Cell<bool> = const { Cell::new(false) };
    /// Whether this thread checks a target.
    static IS_OF_TARGET: Cell<bool> = const { Cell::new(false) };
    /// Panics on this thread, such as in the server's tasks, which nobody else notices.
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// Panics on threads that check no target, such as those of a store.
static OTHER_PANICS: AtomicU64 = AtomicU64::new(0);

/// Lets a failing property be tried with many inputs without a message for each.
fn record_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if IS_OF_TARGET.get() {
                PANICS.set(PANICS.get() + 1);
            } else {
                OTHER_PANICS.fetch_add(1, Ordering::SeqCst);
            }
            if !IS_CHECKING.get() {
                report(panic);
            }
        }));
    });
}

/// The number of panics so far, on this thread and on those that check no target. Two targets with such threads would
/// count each other's.
pub fn panics() -> u64 {
    PANICS.get() + OTHER_PANICS.load(Ordering::SeqCst)
}

fn attempt(property: impl Fn(&[u8]), input: &[u8]) -> Result<(), String> {
    IS_CHECKING.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| property(input)));
    IS_CHECKING.set(false);
    outcome.map_err(|panic| message(&*panic))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{variable} must be a number")))
}

/// Bytes that are made of pieces, or of an example that is changed.
fn strategy(words: &[Vec<u8>], examples: impl Iterator<Item = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let mut examples: Vec<Vec<u8>> = examples.collect();
    examples.push(words.concat());
    let (words, examples) = (select(words.to_vec()), select(examples));
    let piece = prop_oneof![
        8 => words.clone(),
        2 => any::<char>().prop_map(|c| c.to_string().into_bytes()),
        2 => select(&UNUSUAL[..]).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..5),
        1 => (words, prop_oneof![9 => 2..9_usize, 1 => 2..LONGEST_RUN]).prop_map(|(word, times)| word.repeat(times)),
    ];
    let pieces = |most: usize| vec(piece.clone(), 0..most).prop_map(|pieces| pieces.concat());
    let spliced = (examples.clone(), any::<Index>(), prop_oneof![3 => 0..4_usize, 1 => 0..64_usize], pieces(3));
    let spliced = spliced.prop_map(|(example, at, removed, added)| {
        let begin = at.index(example.len() + 1);
        let end = (begin + removed).min(example.len());
        [&example[..begin], &added, &example[end..]].concat()
    });
    let replaced = (examples.clone(), vec((any::<Index>(), any::<u8>()), 1..4)).prop_map(|(mut example, changes)| {
        for (at, byte) in changes {
            if !example.is_empty() {
                let at = at.index(example.len());
                example[at] = byte;
            }
        }
        example
    });
    prop_oneof![4 => pieces(10), 4 => spliced, 1 => replaced, 1 => examples]
}
