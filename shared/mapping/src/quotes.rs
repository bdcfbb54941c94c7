//! What is wrong with the quotes of a CSV file. Readers of CSV take whatever follows a quote that is
//! never closed into its field, to the next quote or to the end of the file: rows would be lost without
//! a word.

/// Where in a CSV file its reader stands, as far as it takes to tell what a quote means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quotes {
    /// Before a field: a quote opens it.
    #[default]
    Before,
    /// In a field without quotes: a quote is a letter.
    Without,
    /// Within the quotes of a field: commas and line ends are letters.
    Within,
    /// After a quote within quotes: it has closed them, or the next one is a letter.
    Closing,
    /// Blanks have followed the quotes of a field.
    Closed,
    /// Something else has followed them: what closed them was meant to open others, or to be a letter.
    Astray,
}

impl Quotes {
    /// Where the reader stands after another byte of the file.
    #[must_use]
    pub fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Within, b'"') => Self::Closing,
            (Self::Before | Self::Closing, b'"') | (Self::Within, _) => Self::Within,
            (_, b',' | b'\n' | b'\r') => Self::Before,
            (Self::Closing | Self::Closed, b' ' | b'\t') => Self::Closed,
            (Self::Closing | Self::Closed | Self::Astray, _) => Self::Astray,
            (Self::Before | Self::Without, _) => Self::Without,
        }
    }

    /// Whether a quote is open here, which at the end of a file is a mistake.
    #[must_use]
    pub fn is_open(self) -> bool {
        self == Self::Within
    }

    /// Whether a quote before this has closed a field in its midst, which anywhere is a mistake.
    #[must_use]
    pub fn is_astray(self) -> bool {
        self == Self::Astray
    }
}

#[cfg(test)]
mod tests {
    use super::Quotes;

    #[test]
    fn a_quote_is_never_closed_or_closes_a_field_in_its_midst() {
        for (file, open, astray) in [
            ("a,b\n1,2\n", false, false),
            ("a,b\n1,\"2\n", true, false),
            ("a,b\n1,\"2\"\n", false, false),
            ("a,b\n1,\"2, \"\"so\"\" it says\nand on\"", false, false),
            ("a,b\n1,\"2\"\"\n3,4\n", true, false),
            // Where a field does not begin with a quote, quotes are letters: 5 inches.
            ("a,b\n1,5\"\n", false, false),
            ("\"", true, false),
            ("\"\"", false, false),
            ("\"\"\"", true, false),
            // Blanks after a field are nothing.
            ("a,b\n\"1\" ,\"2\"\t\r\n", false, false),
            // The quotes of the first row are closed by those of the second.
            ("a,b\n1,\"x\n2,\"y\"\n3,z\n", false, true),
            ("a,b\n1,\"x\n2, \"y\"\n", false, true),
            ("a,b\n\"1\"x\",2\n", false, true),
            ("a,b\n\"so \"it\" says\",2\n", false, true),
        ] {
            let (mut stands, mut went_astray) = (Quotes::default(), false);
            for byte in file.bytes() {
                stands = stands.after(byte);
                went_astray |= stands.is_astray();
            }
            assert_eq!((stands.is_open(), went_astray), (open, astray), "{file:?}");
        }
    }
}
