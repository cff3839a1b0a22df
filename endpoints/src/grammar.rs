//! The grammar of endpoint strings; Twisted's `_tokenize` and `_parse`, on nom.
//!
//! ```text
//! endpoint  = field *( ":" field )
//! field     = [ name "=" ] value            ; without a name it is a value by position
//! name      = *( plain - "=" )
//! value     = literal / *plain
//! plain     = escape / any character but ":" and "\"; in a value by position, also not "="
//! escape    = "\" any character             ; stands for that character
//! literal   = "[" IPv6address [ "%" zone ] "]"   ; a whole value, only if the address is valid
//! zone      = 1*( any visible character but one of  :  /  %  =  \  [  ] )
//! ```
//!
//! Invariant: every span lies on character boundaries of the whole string, in its order.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use nom::branch::alt;
use nom::bytes::complete::{take_till, take_till1};
use nom::character::complete::{anychar, char};
use nom::combinator::{all_consuming, cut, eof, opt, peek, recognize, verify};
use nom::multi::{many0_count, separated_list1};
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Offset, Parser};

use crate::host::is_bare_ipv6;

/// One field between unescaped colons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    /// What stands before the first unescaped `=`.
    pub(crate) name: Option<Piece<'a>>,
    pub(crate) value: Piece<'a>,
}

/// A name or a value, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    /// With its escapes resolved; a literal with its brackets.
    pub(crate) text: Cow<'a, str>,
    /// Byte offsets into the whole string.
    pub(crate) span: Range<usize>,
    pub(crate) form: Form,
}

/// How a value was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Characters and escapes.
    Plain,
    /// An IPv6 address in brackets, whose colons separate nothing.
    Literal,
}

/// Splits a whole endpoint string. The only error is a backslash at the end; its offset is returned.
pub(crate) fn fields(text: &str) -> Result<Vec<Field<'_>>, usize> {
    match all_consuming(separated_list1(char(':'), field)).parse(text) {
        Ok((_, raw)) => Ok(raw.into_iter().map(|field| field.located_in(text)).collect()),
        Err(_) => Err(text.len().saturating_sub(1)),
    }
}

/// Where a byte of an unescaped value stands in what was written.
pub(crate) fn written_offset(written: &str, unescaped: usize) -> usize {
    let mut passed = 0;
    let mut escaped = false;
    for (offset, character) in written.char_indices() {
        if character == '\\' && !escaped {
            escaped = true;
            continue;
        }
        if passed >= unescaped {
            return offset - usize::from(escaped);
        }
        escaped = false;
        passed += character.len_utf8();
    }
    written.len()
}

/// A field as slices of the whole string, before escapes are resolved.
struct RawField<'a> {
    name: Option<&'a str>,
    value: &'a str,
    form: Form,
}

impl<'a> RawField<'a> {
    fn located_in(self, whole: &'a str) -> Field<'a> {
        let piece = |raw: &'a str, form| {
            let start = whole.offset(raw);
            Piece { text: unescaped(raw), span: start..start + raw.len(), form }
        };
        Field {
            name: self.name.map(|name| piece(name, Form::Plain)),
            value: piece(self.value, self.form),
        }
    }
}

fn field(input: &str) -> IResult<&str, RawField<'_>> {
    alt((literal_field, plain_field)).parse(input)
}

fn literal_field(input: &str) -> IResult<&str, RawField<'_>> {
    literal.map(|value| RawField { name: None, value, form: Form::Literal }).parse(input)
}

fn plain_field(input: &str) -> IResult<&str, RawField<'_>> {
    let (rest, first) = plain(|character| matches!(character, ':' | '=' | '\\')).parse(input)?;
    let (rest, after) = opt(preceded(char('='), value)).parse(rest)?;
    let field = match after {
        Some((value, form)) => RawField { name: Some(first), value, form },
        None => RawField { name: None, value: first, form: Form::Plain },
    };
    Ok((rest, field))
}

fn value(input: &str) -> IResult<&str, (&str, Form)> {
    let plain = plain(|character| matches!(character, ':' | '\\'));
    alt((literal.map(|raw| (raw, Form::Literal)), plain.map(|raw| (raw, Form::Plain)))).parse(input)
}

/// Escapes, and runs of characters that `stops` does not name; may be empty.
fn plain<'a>(
    stops: impl Fn(char) -> bool,
) -> impl Parser<&'a str, Output = &'a str, Error = nom::error::Error<&'a str>> {
    recognize(many0_count(alt((take_till1(stops), recognize(preceded(char('\\'), cut(anychar)))))))
}

/// An IPv6 address in brackets that is a whole value. Anything else is read as Twisted reads it.
fn literal(input: &str) -> IResult<&str, &str> {
    let inside = verify(take_till(|character| character == ']'), is_bare_ipv6);
    let brackets = recognize(delimited(char('['), inside, char(']')));
    terminated(brackets, peek(alt((recognize(char(':')), eof)))).parse(input)
}

fn unescaped(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        // The grammar has seen that something follows every backslash.
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests;
