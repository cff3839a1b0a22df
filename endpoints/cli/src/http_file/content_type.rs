//! The media types of files, by the ends of their names.
//!
//! Invariant: a file of another end is a stream of bytes, which no browser runs.

const OTHER: &str = "application/octet-stream";

/// Ends of names in lower case, and their media types.
const TYPES: [(&str, &str); 24] = [
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mp4", "video/mp4"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("webp", "image/webp"),
    ("woff2", "font/woff2"),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
];

/// The media type of the file of this name.
pub(super) fn content_type(name: &str) -> &'static str {
    let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
    let found = end.and_then(|end| TYPES.iter().find(|(known, _)| *known == end));
    found.map_or(OTHER, |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_decides_in_letters_of_any_case() {
        for (name, kind) in [
            ("index.html", "text/html; charset=utf-8"),
            ("A.PNG", "image/png"),
            ("archive.tar.gz", "application/gzip"),
            ("README", OTHER),
            ("html", OTHER),
            ("a.", OTHER),
        ] {
            assert_eq!(content_type(name), kind, "{name}");
        }
    }
}
