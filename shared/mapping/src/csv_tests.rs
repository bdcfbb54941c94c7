use serde_json::json;

use super::read;

#[test]
fn rows_are_objects_under_the_names_of_the_header() -> Result<(), String> {
    let table = read("id,name\n1,Ada\r\n2,\"B, \"\"C\"\"\nD\"\n")?;
    assert_eq!(table.header, "id,name\n");
    let fields: Vec<_> = table.rows.iter().map(|row| json!(row.fields)).collect();
    assert_eq!(
        fields,
        [json!({"id": "1", "name": "Ada"}), json!({"id": "2", "name": "B, \"C\"\nD"})]
    );
    let raw: String = table.rows.iter().map(|row| row.raw).collect();
    assert_eq!(raw.replace('\r', ""), "1,Ada\n2,\"B, \"\"C\"\"\nD\"\n");
    Ok(())
}

#[test]
fn a_last_row_needs_no_line_end_and_a_mark_of_byte_order_is_passed_over() -> Result<(), String> {
    let table = read("\u{feff}a\n1")?;
    assert_eq!(table.rows.len(), 1);
    assert_eq!(table.rows.first().map(|row| json!(row.fields)), Some(json!({"a": "1"})));
    Ok(())
}

#[test]
fn a_row_holds_nothing_of_the_longer_one_before_it() -> Result<(), String> {
    let table = read("a,b\nlong text,\"more, of it\"\n1,\n,2\n")?;
    let fields: Vec<_> = table.rows.iter().map(|row| json!(row.fields)).collect();
    assert_eq!(
        fields,
        [
            json!({"a": "long text", "b": "more, of it"}),
            json!({"a": "1", "b": ""}),
            json!({"a": "", "b": "2"}),
        ]
    );
    Ok(())
}

#[test]
fn odd_files_are_refused_with_the_row() {
    let many = "a\n".to_owned() + &"1\n".repeat(1_001);
    let wide = "a,".repeat(300);
    for (file, reason) in [
        ("", "no header"),
        ("a,b\n1\n", "row 1 has 1 fields, the header 2"),
        ("a,b\n1,2\n1,2,3\n", "row 2 has 3 fields"),
        ("a,\n1,2\n", "column 2 has no name"),
        ("a,b,a\n", "\"a\" twice"),
        (&many, "more than 1000 rows"),
        (&wide, "more than 200 fields"),
    ] {
        let refused = read(file).err().unwrap_or_default();
        assert!(refused.contains(reason), "{file:.20}: {refused}");
    }
}

proptest::proptest! {
    #[test]
    fn what_is_read_together_is_the_file(text in "[a-c,\"\n\r ]{0,60}") {
        if let Ok(table) = read(&text) {
            let whole: String =
                std::iter::once(table.header).chain(table.rows.iter().map(|row| row.raw)).collect();
            proptest::prop_assert!(text.starts_with(&whole));
        }
    }
}

#[test]
fn a_quote_that_is_never_closed_loses_no_rows_without_a_word() {
    for (text, place) in [
        ("a\n1\n\"2\n3\n", "row 2"),
        ("a,b\n1,\"x\n2,y", "row 1"),
        ("a,b\n1,\"x\"\"\n", "row 1"),
        ("a\n\"2", "row 1"),
        ("a,\"b\n1,2\n", "the header"),
    ] {
        let expected =
            format!("{place} has a quote that is never closed: all that follows is in it");
        assert_eq!(read(text).map(drop), Err(expected), "{text:?}");
    }
}

#[test]
fn a_quote_that_is_closed_by_one_of_a_later_row_loses_no_rows_either() {
    let wrong = "goes on after the quotes of a field: a quote before is not closed, or one within \
                 quotes is not doubled";
    for (text, place) in [
        ("a,b\n0,w\n1,\"x\n2,\"y\"\n3,z\n", "row 2"),
        ("a\n\"1\n\"2\"\n", "row 1"),
        ("a,b\n1,\"so \"it\" says\"\n", "row 1"),
        ("a,\"b\n1,\"2\"\n", "the header"),
    ] {
        assert_eq!(read(text).map(drop), Err(format!("{place} {wrong}")), "{text:?}");
    }
    let blanks = read("a,b\n\"1\" ,\"2\" \n").map(|table| table.rows.len());
    assert_eq!(blanks, Ok(1));
}
