use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{RunError, check, run};
use crate::Bound;

fn made(program: &str, payload: &Value) -> Result<Value, String> {
    run(program, payload, &json!({"code": "shop"})).map_err(|error| error.to_string())
}

#[test]
fn programs_say_what_jq_says() {
    let payload = json!({
        "id": 7, "name": "Ada", "price": "12.30", "tags": ["b", "a", "b"], "none": null,
        "lines": [{"sku": "X", "n": 2}, {"sku": "Y", "n": 1}, {"sku": "X", "n": 3}],
    });
    // What jq 1.7 answers, but for minor_units, given, many, compact and $channel, which are ours.
    for (program, expected) in [
        (".", payload.clone()),
        (".id + 1", json!(8)),
        (".lines | map(.n) | add", json!(6)),
        ("[.lines[] | select(.sku == \"X\") | .n]", json!([2, 3])),
        (
            ".lines | group_by(.sku) | map({sku: .[0].sku, n: (map(.n) | add)})",
            json!([{"sku": "X", "n": 5}, {"sku": "Y", "n": 1}]),
        ),
        (".lines | sort_by(.n) | map(.n)", json!([1, 2, 3])),
        (".lines | sort_by(.sku) | map(.n)", json!([2, 3, 1])),
        (".tags | unique", json!(["a", "b"])),
        (".tags | sort", json!(["a", "b", "b"])),
        (".lines | max_by(.n) | .n", json!(3)),
        (".price | tonumber", json!(12.3)),
        (".price | minor_units(2)", json!(1230)),
        (".none // \"other\"", json!("other")),
        ("\"\\(.name) has \\(.id)\"", json!("Ada has 7")),
        ("if .id > 5 then \"many\" else \"few\" end", json!("many")),
        (".name | ascii_downcase | length", json!(3)),
        (".tags | join(\"-\")", json!("b-a-b")),
        ("\"a,b\" | split(\",\")", json!(["a", "b"])),
        ("{a: 1, b: null} | compact", json!({"a": 1})),
        ("{a: 1} | with_entries(.value += 1)", json!({"a": 2})),
        ("{a: 1} * {a: {b: 2}} | keys", json!(["a"])),
        ("[.[\"lines\"][].n] | .[1:]", json!([1, 3])),
        ("[.tags[-1], .tags[9]]", json!(["b", null])),
        ("try error(\"x\") catch .", json!("x")),
        ("reduce .lines[] as {$sku, $n} ({}; .[$sku] += $n)", json!({"X": 5, "Y": 1})),
        ("[limit(2; .lines[]) | .n]", json!([2, 1])),
        ("[range(3)] | map(. * 2)", json!([0, 2, 4])),
        (".name |= ascii_upcase | .name", json!("ADA")),
        ("del(.lines, .tags) | keys", json!(["id", "name", "none", "price"])),
        ("[.. | numbers] | length", json!(4)),
        ("def f(n): if n < 1 then 0 else n + f(n - 1) end; f(10)", json!(55)),
        ("0 | until(. > 4; . + 1)", json!(5)),
        ("[\"x\" | many, (null | many), ([1] | many)]", json!([["x"], [], [1]])),
        ("[\"\", null, 1 | given]", json!([1])),
        ("$channel.code", json!("shop")),
        ("1700000000 | todate", json!("2023-11-14T22:13:20Z")),
        ("0.1 + 0.2", json!(0.3)),
        (". as {id: $i, lines: [$first]} | [$i, $first.n]", json!([7, 2])),
        ("[.lines[].sku] | contains([\"Y\"])", json!(true)),
        ("paths | select(length == 1) | select(.[0] == \"id\")", json!(["id"])),
    ] {
        assert_eq!(made(program, &payload), Ok(expected), "{program}");
    }
}

#[test]
fn amounts_are_exact_or_refused() {
    for (amount, expected) in [
        (json!("10"), Some(1000)),
        (json!("10.00"), Some(1000)),
        (json!("0.07"), Some(7)),
        (json!(19.99), Some(1999)),
        (json!("-4.50"), Some(-450)),
        (json!("1.005"), None),
        (json!("1,00"), None),
        (json!(""), None),
        (json!(null), None),
        (json!("1e400"), None),
    ] {
        let minor = made("minor_units(2)", &amount).ok().and_then(|minor| minor.as_i64());
        assert_eq!(minor, expected, "{amount}");
    }
}

#[test]
fn a_program_that_does_not_compile_is_refused_with_the_place() {
    for (program, line, column, reason) in [
        ("{a: .b", 1, 7, "closing brace"),
        (".a\n| frobnicate", 2, 3, "there is no filter frobnicate"),
        (". | $nobody", 1, 5, "there is no variable $nobody"),
        ("if . then", 1, 10, "is expected"),
        ("import \"x\" as x; .", 1, 9, "can't import"),
        ("env", 1, 1, "there is no filter env"),
        ("input", 1, 1, "there is no filter input"),
        ("now", 1, 1, "there is no filter now"),
        ("test(\"a\")", 1, 1, "there is no filter test"),
        ("halt", 1, 1, "there is no filter halt"),
        ("", 1, 1, "is expected"),
    ] {
        let faults = check(program).err().unwrap_or_default();
        let fault = faults.first();
        let told = fault.map(ToString::to_string).unwrap_or_default();
        assert_eq!(fault.map(|fault| (fault.line, fault.column)), Some((line, column)), "{told}");
        assert!(told.contains(reason), "{program}: {told}");
    }
}

#[test]
fn a_hostile_program_is_stopped_in_moments_by_a_bound_with_a_name() {
    let wide = json!((0..2_000).collect::<Vec<_>>());
    let mut others = Vec::new();
    for (program, bound) in [
        ("def f: f; f", Bound::Steps),
        ("def f: 1 + f; f", Bound::Recursion),
        ("def f: [f]; f", Bound::Recursion),
        ("def f: f, f; f", Bound::Steps),
        ("def f: f?; f", Bound::Recursion),
        ("def f: try f catch f; f", Bound::Recursion),
        ("def f: try error(f) catch f; f", Bound::Recursion),
        ("last(range(1000000000000))", Bound::Steps),
        ("[range(1000000000000)]", Bound::Steps),
        ("last(range(0; 1; 0))", Bound::Steps),
        ("last(repeat(.))", Bound::Steps),
        ("until(false; .)", Bound::Steps),
        ("last(while(true; .))", Bound::Steps),
        ("last(recurse(.))", Bound::Steps),
        ("[recurse(.)] | length", Bound::Steps),
        ("[limit(1000000000; repeat(1))]", Bound::Steps),
        ("first(repeat(empty))", Bound::Steps),
        ("\"x\" * 1000000000", Bound::Bytes),
        ("reduce range(64) as $i (\"x\"; . + .)", Bound::Bytes),
        ("reduce range(64) as $i ([1]; . + .)", Bound::Bytes),
        ("[[range(1000)] | .[] as $a | .[] as $b | .[] as $c | 1]", Bound::Steps),
        ("[range(100)] | [combinations(9)]", Bound::Bytes),
        ("reduce range(1000000) as $i (0; [.])", Bound::Depth),
        ("reduce range(1000000) as $i (0; {a: .})", Bound::Depth),
        ("(reduce range(1000000) as $i (.; .)) |= 1", Bound::Recursion),
        ("[.[] as $a | .[] as $b | select($a == $b)] | sort", Bound::Steps),
        (
            "reduce range(100000) as $i (.; . as $old | . + [$i] | if $old == [] then . end)",
            Bound::Bytes,
        ),
        (
            "[.[] | tostring] | join(\",\") | . as $t | [range(100000) | $t | split(\",\")] | length",
            Bound::Bytes,
        ),
        ("path(last(repeat(.)))", Bound::Steps),
        (
            "label $out | foreach repeat(1) as $x (0; . + $x; if . < 0 then ., break $out else empty end)",
            Bound::Steps,
        ),
    ] {
        let started = Instant::now();
        let stopped = run(program, &wide, &Value::Null);
        if stopped != Err(RunError::Stopped(bound)) {
            others.push(format!("{program}: {stopped:?}, not {bound:?}"));
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{program}: {:?}", started.elapsed());
    }
    assert_eq!(others, Vec::<String>::new());
}

#[test]
fn a_hostile_text_of_a_program_is_refused_or_survived() {
    for program in [
        "(".repeat(16_000),
        "[".repeat(16_000),
        "-".repeat(16_000),
        "try ".repeat(4_000),
        "1 as $x|".repeat(1_900),
        "def f: ".repeat(2_000),
        "if ".repeat(5_000),
        ".|".repeat(8_000) + ".",
        "\"\\(".repeat(5_000),
        ".[".repeat(8_000),
        "x".repeat(20_000),
        "1,".repeat(8_000) + "1",
        "reduce . as $x (".repeat(1_000),
        "1+".repeat(1_990) + "1",
        "#".repeat(16_000),
    ] {
        let started = Instant::now();
        let _: Result<Value, RunError> = run(&program, &Value::Null, &Value::Null);
        let shown: String = program.chars().take(10).collect();
        assert!(started.elapsed() < Duration::from_secs(5), "{shown}: {:?}", started.elapsed());
    }
}

#[test]
fn a_program_makes_one_document_or_says_why_not() {
    for (program, told) in [
        ("empty", "the mapping made no document"),
        ("1, 2", "the mapping made more than one document"),
        (".id | required(\"id\")", "the mapping ended with an error: the payload has no id"),
        (".[\"a\"] + {}|.b.c.d + 1 | error", "the mapping ended with an error: 1"),
        ("1 / 0", "the mapping ended with an error: a number can't be divided by zero"),
        ("\"x\" * 300000", "the mapping made a document of 300002 bytes; at most 262144 are taken"),
        ("{a: 1} | .a.b", "the mapping ended with an error: cannot index 1 with \"b\""),
    ] {
        assert_eq!(made(program, &json!({})), Err(told.to_owned()), "{program}");
    }
}

#[test]
fn the_same_run_always_ends_in_the_same_way() {
    let program = "[range(100000) | tostring] | sort | length";
    let once = run(program, &Value::Null, &Value::Null);
    assert!(matches!(once, Err(RunError::Stopped(_))), "{once:?}");
    assert_eq!(once, run(program, &Value::Null, &Value::Null));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_of_a_program_breaks_it(
        program in "[.|,()\\[\\]{}\"\\\\$a-c0-9+*/ :;?=<>-]{0,40}",
    ) {
        let outcome = run(&program, &serde_json::json!({"a": [1, {"b": "c"}]}), &Value::Null);
        let broken = matches!(outcome, Err(RunError::Broken(_)));
        proptest::prop_assert!(!broken, "{program}: {outcome:?}");
    }
}

#[test]
fn a_number_that_a_document_would_not_keep_is_refused_by_its_name_and_texts_keep_it() {
    let payload = json!({"amount": "90071992547409.93", "lines": [{"n": 1}, {"n": 3}]});
    for (program, expected) in [
        // Fifteen digits are always kept, and any that come out of a JSON value as they went in.
        ("{amount: 9007199254740.99}", Ok(json!({"amount": 9007199254740.99}))),
        ("{id: 18446744073709551615}", Ok(json!({"id": 18446744073709551615_u64}))),
        ("{half: (1 / 2)}", Ok(json!({"half": 0.5}))),
        ("{text: (.amount | tonumber | tostring)}", Ok(json!({"text": "90071992547409.93"}))),
        ("{text: ([.amount | tonumber] | tojson)}", Ok(json!({"text": "[90071992547409.93]"}))),
        ("{text: ({a: [1, null, true, \"x\\\"\", 1.50]} | tojson)}", {
            Ok(json!({"text": "{\"a\":[1,null,true,\"x\\\"\",1.5]}"}))
        }),
        ("{amount: (.amount | tonumber)}", {
            Err("the number 90071992547409.93 at /amount has more digits than are kept")
        }),
        ("{order: {line_items: [{a: 1}, {third: (1 / 3)}]}}", {
            Err("the number 0.3333333333333333333333333333 at /order/line_items/1/third has more")
        }),
        (".amount | tonumber", Err("the number 90071992547409.93 has more digits than are kept")),
        ("{id: 18446744073709551616}", Err("the number 18446744073709551616 at /id has more")),
    ] {
        let made = made(program, &payload);
        match (expected, made) {
            (Ok(expected), made) => assert_eq!(made, Ok(expected), "{program}"),
            (Err(part), Err(told)) => assert!(told.contains(part), "{program}: {told}"),
            (Err(part), Ok(made)) => assert_eq!(part, made.to_string(), "{program}"),
        }
    }
}
