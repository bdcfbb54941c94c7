use super::{
    super::fixtures::{TestResult, at},
    *,
};

#[test]
fn a_term_ends_by_count_or_by_date_whichever_comes_first() -> TestResult {
    let expiry = at("2027-06-01T00:00:00Z")?;
    let term = Term { max_occurrences: NonZeroU32::new(3), expires_at: Some(expiry) };
    for (instant, before_it, end) in [
        ("2027-01-01T00:00:00Z", 0, None),
        ("2027-05-31T23:59:59Z", 2, None),
        ("2027-02-01T00:00:00Z", 3, Some(TermEnd::MaximumReached)),
        ("2027-06-01T00:00:00Z", 1, Some(TermEnd::Expired)),
        ("2027-06-01T00:00:00Z", 3, Some(TermEnd::MaximumReached)),
    ] {
        assert_eq!(term.end_at(at(instant)?, before_it), end, "{instant}, {before_it}");
    }
    assert_eq!(Term::default().end_at(expiry, u32::MAX), None);
    Ok(())
}

#[test]
fn a_term_survives_storage_and_a_maximum_of_none_is_refused() -> TestResult {
    assert_eq!(serde_json::to_string(&Term::default())?, "{}");
    let term = Term { max_occurrences: NonZeroU32::new(12), expires_at: None };
    assert_eq!(serde_json::to_string(&term)?, r#"{"max_occurrences":12}"#);
    assert_eq!(serde_json::from_str::<Term>(&serde_json::to_string(&term)?)?, term);
    assert!(serde_json::from_str::<Term>(r#"{"max_occurrences":0}"#).is_err());
    Ok(())
}
