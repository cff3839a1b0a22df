//! Host names with letters beyond ASCII, as DNS and certificates write them (RFC 3492, RFC 5891).
//!
//! Invariant: what comes out is ASCII, and what is ASCII already comes out as it is.

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const INITIAL_BIAS: u32 = 72;
const INITIAL_N: u32 = 0x80;

/// The name in ASCII, in lower case where it was not ASCII before. `None` for one that is too long.
///
/// Names are taken to be composed (NFC), as keyboards and files have them.
pub(super) fn to_ascii(name: &str) -> Option<String> {
    let labels = name.split('.').map(|label| {
        if label.is_ascii() {
            return Some(label.to_owned());
        }
        let encoded = encode(&label.to_lowercase())?;
        (encoded.len() <= 59).then(|| format!("xn--{encoded}"))
    });
    labels.collect::<Option<Vec<_>>>().map(|labels| labels.join("."))
}

/// RFC 3492 section 6.3.
fn encode(label: &str) -> Option<String> {
    let mut output: String = label.chars().filter(char::is_ascii).collect();
    let basic = output.len() as u32;
    if basic > 0 {
        output.push('-');
    }
    let total = label.chars().count() as u32;
    let (mut n, mut delta, mut bias, mut handled) = (INITIAL_N, 0_u32, INITIAL_BIAS, basic);
    while handled < total {
        let next = label.chars().map(u32::from).filter(|code| *code >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(handled + 1)?)?;
        n = next;
        for code in label.chars().map(u32::from) {
            if code < n {
                delta = delta.checked_add(1)?;
            }
            if code == n {
                push_number(&mut output, delta, bias);
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        n += 1;
    }
    Some(output)
}

fn push_number(output: &mut String, mut number: u32, bias: u32) {
    let mut k = BASE;
    loop {
        let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if number < threshold {
            break;
        }
        output.push(digit(threshold + (number - threshold) % (BASE - threshold)));
        number = (number - threshold) / (BASE - threshold);
        k += BASE;
    }
    output.push(digit(number));
}

fn digit(value: u32) -> char {
    char::from_digit(
        match value {
            0..26 => value + 10,
            _ => value - 26,
        },
        BASE,
    )
    .unwrap_or('a')
}

fn adapt(delta: u32, points: u32, first: bool) -> u32 {
    let mut delta = if first { delta / DAMP } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > ((BASE - T_MIN) * T_MAX) / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python's `idna` says to the same names.
    #[test]
    fn names_become_what_dns_has() {
        for (name, ascii) in [
            ("example.com", "example.com"),
            ("Example.com.", "Example.com."),
            ("éxample.example.com", "xn--xample-9ua.example.com"),
            ("bücher.ch", "xn--bcher-kva.ch"),
            ("BÜCHER.ch", "xn--bcher-kva.ch"),
            ("münchen-ost.de", "xn--mnchen-ost-9db.de"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("почта.рф", "xn--80a1acny.xn--p1ai"),
            ("правда.example", "xn--80aafi6cg.example"),
            ("faß.de", "xn--fa-hia.de"),
        ] {
            assert_eq!(to_ascii(name).as_deref(), Some(ascii), "{name}");
        }
    }

    #[test]
    fn a_label_that_dns_cannot_hold_is_refused() {
        assert_eq!(to_ascii(&"ü".repeat(300)), None);
    }
}
