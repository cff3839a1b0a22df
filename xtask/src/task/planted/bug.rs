//! [`PlantedBug`]: one line of the list of planted bugs, and how it is put into a source.
//!
//! Invariant: the text that a bug replaces is in its file once, so the list says where each one is.

/// One line of the list.
#[derive(Clone, Debug)]
pub(super) struct PlantedBug {
    pub(super) name: String,
    /// The kind of lives that finds it.
    pub(super) kind: String,
    /// From the root of the workspace.
    pub(super) file: String,
    before: String,
    right: String,
    after: String,
    wrong: String,
    pub(super) breaks: String,
}

impl PlantedBug {
    /// Reads the lines of the list; those that begin with a number sign are comments.
    pub(super) fn read_all(list: &str) -> Result<Vec<Self>, String> {
        list.lines().filter(|line| !line.starts_with('#')).map(Self::read).collect()
    }

    fn read(line: &str) -> Result<Self, String> {
        let fields: Vec<String> =
            line.split('\t').map(|field| field.replace("\\n", "\n")).collect();
        let Ok([name, kind, file, place, wrong, breaks]) = <[String; 6]>::try_from(fields) else {
            return Err(format!("a planted bug has six fields: {line}"));
        };
        let (before, right, after) = marked(&place).unwrap_or(("", &place, ""));
        let [before, right, after] = [before, right, after].map(str::to_owned);
        Ok(Self { name, kind, file, before, right, after, wrong, breaks })
    }

    /// The source with the bug behind the switch of this number.
    ///
    /// # Errors
    ///
    /// The text of the bug is not there, or more than once.
    pub(super) fn plant(&self, number: usize, source: &str) -> Result<String, String> {
        let Self { name, file, before, right, after, wrong, .. } = self;
        let place = format!("{before}{right}{after}");
        let count = source.matches(&place).count();
        if count != 1 {
            return Err(format!("{name}: {file} has {count} times, not once: {place}"));
        }
        let switch = format!("::interfaces::planted::is({number})");
        let both = match right.ends_with(';') {
            true => format!("if {switch} {{ {wrong} }} else {{ {right} }}"),
            false => format!("(if {switch} {{ {wrong} }} else {{ {right} }})"),
        };
        Ok(source.replacen(&place, &format!("{before}{both}{after}"), 1))
    }
}

/// The text between double brackets, and what is around it: the brackets tell one place from others like it.
fn marked(place: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = place.split_once("[[")?;
    let (right, after) = rest.rsplit_once("]]")?;
    Some((before, right, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bug(place: &str, wrong: &str) -> PlantedBug {
        PlantedBug::read(&format!("name\tplain\ta.rs\t{place}\t{wrong}\tall")).unwrap()
    }

    #[test]
    fn a_statement_and_a_marked_expression_get_a_switch_of_their_own() {
        let statement = bug("stop();", "").plant(3, "{ go(); stop(); }").unwrap();
        assert_eq!(statement, "{ go(); if ::interfaces::planted::is(3) {  } else { stop(); } }");
        let expression = bug("if [[is_late]] {\\n", "true").plant(4, "if is_late {\n}").unwrap();
        assert_eq!(
            expression,
            "if (if ::interfaces::planted::is(4) { true } else { is_late }) {\n}"
        );
    }

    #[test]
    fn a_place_that_is_gone_or_there_twice_is_refused_by_its_name() {
        for source in ["", "stop(); stop();"] {
            let problem = bug("stop();", "").plant(1, source).unwrap_err();
            assert!(problem.starts_with("name: a.rs has "), "{problem}");
        }
        assert!(PlantedBug::read("name\tplain").unwrap_err().contains("six fields"));
    }
}
