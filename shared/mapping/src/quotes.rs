//! Whether a CSV file ends within quotes. Readers of CSV take whatever follows a quote that is never
//! closed into its field, to the end of the file: rows would be lost without a word.

/// Where in a CSV file its reader stands, as far as it takes to tell what a quote means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quotes {
    /// Before a field: a quote opens it.
    #[default]
    Before,
    /// In a field without quotes, or after those of one: a quote is a letter.
    Without,
    /// Within the quotes of a field: commas and line ends are letters.
    Within,
    /// After a quote within quotes: it has closed them, or the next one is a letter.
    Closing,
}

impl Quotes {
    /// Where the reader stands after more of the file.
    #[must_use]
    pub fn after(self, bytes: &[u8]) -> Self {
        bytes.iter().fold(self, |stands, byte| match (stands, byte) {
            (Self::Within, b'"') => Self::Closing,
            (Self::Before | Self::Closing, b'"') | (Self::Within, _) => Self::Within,
            (_, b',' | b'\n' | b'\r') => Self::Before,
            _ => Self::Without,
        })
    }

    /// Whether a quote is open here, which at the end of a file is a mistake.
    #[must_use]
    pub fn is_open(self) -> bool {
        self == Self::Within
    }
}

#[cfg(test)]
mod tests {
    use super::Quotes;

    #[test]
    fn only_a_quote_that_is_never_closed_is_open_at_the_end() {
        for (file, open) in [
            ("a,b\n1,2\n", false),
            ("a,b\n1,\"2\n", true),
            ("a,b\n1,\"2\"\n", false),
            ("a,b\n1,\"2, \"\"so\"\" it says\nand on\"", false),
            ("a,b\n1,\"2\"\"\n3,4\n", true),
            // Where a field does not begin with a quote, quotes are letters: 5 inches.
            ("a,b\n1,5\"\n", false),
            ("a,b\n\"1\"x\",2\n", false),
            ("\"", true),
            ("\"\"", false),
            ("\"\"\"", true),
        ] {
            assert_eq!(Quotes::default().after(file.as_bytes()).is_open(), open, "{file:?}");
            let in_parts =
                file.bytes().fold(Quotes::default(), |stands, byte| stands.after(&[byte]));
            assert_eq!(in_parts.is_open(), open, "{file:?} in parts");
        }
    }
}
