//! The names of types as logs show them; Twisted's `ILoggingContext`.
//!
//! Invariant: a name is part of the program's text, so none is ever allocated.

/// The name of a type without the path of its module and without its parameters: `Echo` of
/// `my_program::protocols::Echo<u8>`. The default of every `log_prefix`.
pub fn short_type_name<T: ?Sized>() -> &'static str {
    let name = core::any::type_name::<T>();
    let end = name.find('<').unwrap_or(name.len());
    let name = name.get(..end).unwrap_or(name);
    name.rsplit("::").find(|part| !part.starts_with('{')).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Plain;
    struct Generic<T>(T);

    #[test]
    fn a_name_has_neither_path_nor_parameters() {
        assert_eq!(short_type_name::<Plain>(), "Plain");
        assert_eq!(short_type_name::<Generic<Generic<Plain>>>(), "Generic");
        assert_eq!(short_type_name::<u8>(), "u8");
        fn name_of<T>(_: T) -> &'static str {
            short_type_name::<T>()
        }
        assert_eq!(name_of(|| Generic(Plain).0), "a_name_has_neither_path_nor_parameters");
    }
}
