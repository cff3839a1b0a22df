//! A stream for a receiver: what it is set to, and the pieces that arrive.
//!
//! Invariant: the text of a stream is what `play.py` reads.

use std::fmt;

use testkit::Dice;

/// One stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) kind: Kind,
    pub(crate) delimiter: Vec<u8>,
    pub(crate) max_length: usize,
    pub(crate) policy: Policy,
    pub(crate) steps: Vec<Step>,
}

/// The receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Line,
    LineOnly,
    Netstring,
    Int8,
    Int16,
    Int32,
    Stateful,
}

/// What the receiver does about a line that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    Close,
    /// Nothing.
    Record,
    /// Puts back all behind the longest line and its delimiter.
    Skip,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Piece(Vec<u8>),
    Resume,
}

const KINDS: [(Kind, &str); 7] = [
    (Kind::Line, "line"),
    (Kind::LineOnly, "lineonly"),
    (Kind::Netstring, "netstring"),
    (Kind::Int8, "int8"),
    (Kind::Int16, "int16"),
    (Kind::Int32, "int32"),
    (Kind::Stateful, "stateful"),
];

const POLICIES: [(Policy, &str); 3] =
    [(Policy::Close, "close"), (Policy::Record, "record"), (Policy::Skip, "skip")];

impl Stream {
    /// What the text of a stream says.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let kind = named(&KINDS, words.next()?)?;
        let delimiter = unhex(words.next()?)?;
        let max_length = words.next()?.parse().ok()?;
        let policy = named(&POLICIES, words.next()?)?;
        let steps = words.map(|word| match word {
            "+" => Some(Step::Resume),
            "." => Some(Step::Piece(Vec::new())),
            piece => unhex(piece).map(Step::Piece),
        });
        Some(Self { kind, delimiter, max_length, policy, steps: steps.collect::<Option<_>>()? })
    }

    /// A stream made by chance. It keeps to what means the same here and in Twisted, or what `play.py`
    /// makes the same.
    pub(crate) fn random(seed: u64) -> Self {
        let dice = Dice::new(seed);
        let kind = KINDS[dice.below(KINDS.len())].0;
        let mut stream = Self {
            kind,
            delimiter: pick(&dice, &[&b"\r\n"[..], b"\n", b"--", b"aab", b"\r\n\r\n"]).to_vec(),
            max_length: pick(&dice, &[3, 8, 12, 99_999]),
            policy: POLICIES[dice.below(POLICIES.len())].0,
            steps: Vec::new(),
        };
        if kind == Kind::LineOnly {
            stream.max_length = 99_999;
        }
        if kind != Kind::Line {
            stream.policy = Policy::Close;
        }
        let mut bytes = Vec::new();
        for _ in 0..=dice.below(8) {
            stream.frame(&dice, &mut bytes);
        }
        bytes.truncate(bytes.len() - dice.below(3).min(bytes.len()));
        stream.cut(&dice, &bytes);
        stream
    }

    /// Adds a frame, or a mistake.
    fn frame(&self, dice: &Dice, bytes: &mut Vec<u8>) {
        let content = self.content(dice);
        match self.kind {
            Kind::Line | Kind::LineOnly => {
                bytes.extend_from_slice(&content);
                bytes.extend_from_slice(&self.delimiter);
            }
            Kind::Netstring => {
                let slip = dice.one_in(16);
                let length =
                    pick(dice, if slip { &["0", "00", "", "7x", "100000"] } else { &[""] });
                let length = if slip { length.into() } else { content.len().to_string() };
                bytes.extend_from_slice(length.as_bytes());
                bytes.extend_from_slice(
                    pick(dice, if slip { &[":", "", " ", ";"] } else { &[":"] }).as_bytes(),
                );
                bytes.extend_from_slice(&content);
                bytes.push(if dice.one_in(32) { b';' } else { b',' });
            }
            Kind::Int8 => self.prefixed(dice, bytes, 1, &content),
            Kind::Int16 => self.prefixed(dice, bytes, 2, &content),
            Kind::Int32 => self.prefixed(dice, bytes, 4, &content),
            Kind::Stateful => {
                let byte = if dice.one_in(24) { b'Q' } else { dice.below(21) as u8 };
                bytes.push(byte);
                bytes.extend((0..byte % 7).map(|number| b'a' + number));
            }
        }
    }

    fn prefixed(&self, dice: &Dice, bytes: &mut Vec<u8>, width: usize, content: &[u8]) {
        let length = content.len() + if dice.one_in(32) { 40 } else { 0 };
        bytes.extend_from_slice(&length.to_be_bytes()[size_of::<usize>() - width..]);
        bytes.extend_from_slice(content);
    }

    /// The bytes of a frame. The first one says what the receiver does.
    fn content(&self, dice: &Dice) -> Vec<u8> {
        let verbs: &[u8] = match self.kind {
            Kind::Line => b"QPPUUWWVV",
            Kind::Int8 | Kind::Int16 | Kind::Int32 => b"QPPP",
            Kind::LineOnly | Kind::Netstring | Kind::Stateful => b"Q",
        };
        let length = dice.below(if dice.one_in(6) { 24 } else { 7 });
        let mut content: Vec<u8> = (0..length).map(|_| pick(dice, b"ab-x1:,\r\n")).collect();
        if dice.one_in(4) {
            content.insert(0, pick(dice, verbs));
        }
        content
    }

    /// Cuts the bytes into pieces, and puts ends of pauses between them.
    fn cut(&mut self, dice: &Dice, mut bytes: &[u8]) {
        let pauses = matches!(self.kind, Kind::Line | Kind::Int8 | Kind::Int16 | Kind::Int32);
        let longest = pick(dice, &[1, 1, 2, 5, 9, usize::MAX]);
        while !bytes.is_empty() {
            let length = match longest {
                usize::MAX => bytes.len(),
                longest => (1 + dice.below(longest)).min(bytes.len()),
            };
            let (piece, rest) = bytes.split_at(length);
            self.steps.push(Step::Piece(piece.to_vec()));
            bytes = rest;
            if dice.one_in(20) {
                self.steps.push(Step::Piece(Vec::new()));
            }
            if pauses && dice.one_in(6) {
                self.steps.push(Step::Resume);
            }
        }
        for _ in 0..dice.below(3) {
            if pauses {
                self.steps.push(Step::Resume);
            }
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, policy) = (name(&KINDS, self.kind), name(&POLICIES, self.policy));
        write!(f, "{kind} {} {} {policy}", hex(&self.delimiter), self.max_length)?;
        for step in &self.steps {
            match step {
                Step::Piece(piece) if piece.is_empty() => f.write_str(" .")?,
                Step::Piece(piece) => write!(f, " {}", hex(piece))?,
                Step::Resume => f.write_str(" +")?,
            }
        }
        Ok(())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = |at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(digits).collect()
}

fn pick<T: Copy>(dice: &Dice, choices: &[T]) -> T {
    choices[dice.below(choices.len())]
}

fn named<T: Copy>(table: &[(T, &str)], wanted: &str) -> Option<T> {
    table.iter().find(|(_, name)| *name == wanted).map(|(value, _)| *value)
}

fn name<T: PartialEq>(table: &[(T, &'static str)], wanted: T) -> &'static str {
    table.iter().find(|(value, _)| *value == wanted).map_or("?", |(_, name)| name)
}
