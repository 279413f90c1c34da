//! Texts of the other side, cut to a length.

/// The longest sentence, in characters.
pub(crate) const SENTENCE: usize = 4_000;

/// The longest name, such as a container's id or the key of an image, in bytes.
pub(crate) const NAME: usize = 500;

/// The text, cut after this number of characters.
pub(crate) fn cut(mut text: String, most: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("grün".to_owned(), 3), "grü");
        assert_eq!(cut("grün".to_owned(), 4), "grün");
    }
}
