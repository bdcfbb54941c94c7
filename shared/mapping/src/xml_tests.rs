use serde_json::{Value, json};

use super::read;

#[test]
fn elements_become_members_by_the_convention() {
    for (document, expected) in [
        ("<a/>", json!({"a": ""})),
        ("<a> text </a>", json!({"a": "text"})),
        ("<a><b>1</b></a>", json!({"a": {"b": "1"}})),
        ("<a><b>1</b><b>2</b><c/></a>", json!({"a": {"b": ["1", "2"], "c": ""}})),
        ("<a x='1'>t</a>", json!({"a": {"@x": "1", "#text": "t"}})),
        ("<n:a n:x=\"1\"/>", json!({"n:a": {"@n:x": "1"}})),
        ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- c --><a>1</a>\n", json!({"a": "1"})),
        ("<a>1 &lt; 2 &amp; &#51; &#x34;</a>", json!({"a": "1 < 2 & 3 4"})),
        ("<a><![CDATA[<b>&amp;</b>]]></a>", json!({"a": "<b>&amp;</b>"})),
        ("<a x=\"&quot;&#65;\"/>", json!({"a": {"@x": "\"A"}})),
    ] {
        assert_eq!(read(document), Ok(expected), "{document}");
    }
}

#[test]
fn what_is_no_plain_document_is_refused() {
    let deep = "<a>".repeat(60) + &"</a>".repeat(60);
    let wide = format!("<a>{}</a>", "<b/>".repeat(20_001));
    let names: String = (0..501).map(|number| format!(" x{number}=''")).collect();
    let many = format!("<a{names}/>");
    for (document, reason) in [
        ("", "there is no element"),
        ("<a>", "does not end"),
        ("<a></b>", "expected"),
        ("<a/><b/>", "second root"),
        ("<a/>text", "text outside the root"),
        ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "document types are not read"),
        ("<a>&nbsp;</a>", "\"nbsp\" is not known"),
        ("<a x='&nbsp;'/>", "nbsp"),
        ("<?xml version='1.0' encoding='latin1'?><a/>", "only UTF-8"),
        (&deep, "more than 50 deep"),
        (&wide, "more than 20000 elements"),
        (&many, "more than 500 attributes"),
        ("<a x='1' x='2'/>", "duplicate"),
    ] {
        let refused = read(document).err().unwrap_or_default();
        assert!(refused.contains(reason), "{document:.40}: {refused}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[<>/a-c&;!\\[\\]'\"= ?x#0-9-]{0,80}") {
        let _: Result<Value, String> = read(&text);
    }
}
