//! Telling card numbers from tokens: card data never comes in.

/// Whether a text is a card number as people write it: 12 to 19 digits, with spaces or hyphens between
/// them, the last of which checks the others (ISO/IEC 7812-1, annex B).
#[must_use]
pub fn is_card_number(text: &str) -> bool {
    let mut digits = Vec::with_capacity(text.len().min(64));
    for sign in text.trim().chars().filter(|sign| !matches!(sign, ' ' | '-')) {
        match sign.to_digit(10) {
            Some(digit) => digits.push(digit),
            None => return false,
        }
    }
    if !(12..=19).contains(&digits.len()) {
        return false;
    }
    // Every second digit from the right counts twice, and its own two digits by their sum.
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => *digit,
            _ => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::is_card_number;

    /// The numbers that card schemes publish for tests.
    #[test]
    fn card_numbers_are_told_from_tokens() {
        for number in [
            "4242424242424242",
            "4242 4242 4242 4242",
            " 5555-5555-5555-4444 ",
            "378282246310005",
            "6759649826438453",
        ] {
            assert!(is_card_number(number), "{number}");
        }
        for token in [
            "tok_paid",
            "pm_4242424242424242",
            "4242424242424241",
            "42424242424",
            "42424242424242424242",
            "4242.4242.4242.4242",
            "",
            "cus_1:pm_2",
        ] {
            assert!(!is_card_number(token), "{token}");
        }
    }
}
