//! Patterns for text, as SQL's LIKE has them: `%` is any run of characters, `_` is any one of them.
//! Upper and lower case are the same.

/// A pattern, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Token>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Run,
    One,
    Just(char),
}

impl Pattern {
    /// A pattern as a client writes it.
    pub(crate) fn like(text: &str) -> Self {
        let token = |character| match character {
            '%' => Token::Run,
            '_' => Token::One,
            other => Token::Just(other),
        };
        Self(text.to_lowercase().chars().map(token).collect())
    }

    /// Just this text, with anything before and after it where it may have it.
    pub(crate) fn around(text: &str, before: bool, after: bool) -> Self {
        let lower = text.to_lowercase();
        let run = |wanted: bool| wanted.then_some(Token::Run);
        let text = lower.chars().map(Token::Just);
        Self(run(before).into_iter().chain(text).chain(run(after)).collect())
    }

    /// Whether the whole of a text has this pattern. The time is at most that of both lengths
    /// multiplied.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.to_lowercase().chars().collect();
        let (mut at, mut token) = (0, 0);
        // Where to go on with one more character for the last run, when what follows it fails.
        let mut again: Option<(usize, usize)> = None;
        while let Some(character) = text.get(at) {
            match self.0.get(token) {
                Some(Token::Run) => {
                    again = Some((at, token));
                    token += 1;
                }
                Some(Token::One) => (at, token) = (at + 1, token + 1),
                Some(Token::Just(wanted)) if wanted == character => {
                    (at, token) = (at + 1, token + 1);
                }
                _ => match again {
                    Some((from, run)) => {
                        again = Some((from + 1, run));
                        (at, token) = (from + 1, run + 1);
                    }
                    None => return false,
                },
            }
        }
        self.0.iter().skip(token).all(|token| *token == Token::Run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_sql() {
        for (pattern, text, matches) in [
            ("", "", true),
            ("%", "", true),
            ("%", "anything", true),
            ("a%c", "abbc", true),
            ("a%c", "ABBC", true),
            ("a%c", "abbcd", false),
            ("a_c", "abc", true),
            ("a_c", "ac", false),
            ("%ab%ab", "abxab", true),
            ("%ab%ab", "xab", false),
            ("%a%b%", "ba", false),
            ("żół%", "Żółw", true),
        ] {
            assert_eq!(Pattern::like(pattern).matches(text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn what_stands_around_a_text_is_no_pattern() {
        assert!(Pattern::around("50%", false, true).matches("50% off"));
        assert!(!Pattern::around("50%", false, true).matches("500 off"));
        assert!(Pattern::around("a_b", true, true).matches("xa_bx"));
        assert!(!Pattern::around("a_b", true, false).matches("xaxb"));
    }

    /// The meaning of a pattern, written down as plainly as can be.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('%', rest)), None) => naive(rest, text),
            (Some(('%', rest)), Some((_, tail))) => naive(rest, text) || naive(pattern, tail),
            (Some(('_', rest)), Some((_, tail))) => naive(rest, tail),
            (Some((wanted, rest)), Some((found, tail))) => wanted == found && naive(rest, tail),
            _ => false,
        }
    }

    /// Every text of up to so many of these characters.
    fn texts(of: &str, longest: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut from = 0;
        for _ in 0..longest {
            let longer: Vec<String> = all
                .iter()
                .skip(from)
                .flat_map(|t| of.chars().map(move |c| format!("{t}{c}")))
                .collect();
            from = all.len();
            all.extend(longer);
        }
        all
    }

    #[test]
    fn matching_is_what_it_is_said_to_be() {
        let chars = |text: &str| text.chars().collect::<Vec<char>>();
        for pattern in texts("ab%_", 4) {
            for text in texts("ab", 4) {
                let expected = naive(&chars(&pattern), &chars(&text));
                assert_eq!(Pattern::like(&pattern).matches(&text), expected, "{pattern} {text}");
            }
        }
    }
}
