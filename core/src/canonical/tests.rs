//! What is recognised, and where its members are.

use super::*;

fn payload(data: &str) -> String {
    format!(r#"{{"id":"a","data":{data},"flash_next":{{}}}}"#)
}

fn is_recognised(data: &str) -> bool {
    MemberFinder::new().find(payload(data).as_bytes()).is_some()
}

#[test]
fn members_of_data_and_of_flash_are_told_apart() {
    let text = br#"{"id":"","data":{"":[{}],"ab":"c"},"flash_next":{"d":null}}"#;

    let offsets = [7, 2, 18, 18, 24, 26, 28, 33, 50, 51, 57];
    assert_eq!(MemberFinder::new().find(text), Some(&offsets[..]));
}

#[test]
fn offsets_count_the_code_units_of_javascript() {
    let (two, three, four) = ("\u{e9}", "\u{20ac}", "\u{1f600}");
    let data = format!(r#""{three}":"{four}","a":1"#);
    let text = format!(r#"{{"id":"{two}","data":{{{data}}},"flash_next":{{"{four}":"{two}"}}}}"#);
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut finder = MemberFinder::new();

    let [id_end, 2, members @ ..] = finder.find(text.as_bytes()).expect("canonical") else {
        panic!("two members of data");
    };

    assert_eq!(units[usize::from(*id_end)], u16::from(b'"'));
    let found: Vec<String> = members
        .chunks(NUMBERS_PER_MEMBER)
        .map(|it| String::from_utf16_lossy(&units[it[0].into()..it[2].into()]))
        .collect();
    let expected =
        [format!(r#"{three}":"{four}""#), r#"a":1"#.to_owned(), format!(r#"{four}":"{two}""#)];
    assert_eq!(found, expected);
}

#[test]
fn one_key_among_many_that_is_there_twice_is_found() {
    let object = |keys: usize, of: &dyn Fn(usize) -> usize| {
        let members: Vec<String> =
            (0..keys).map(|n| format!("\"a key of some length {}\":1", of(n))).collect();
        format!("{{{}}}", members.join(","))
    };
    for keys in [2, 3, MANY_KEYS, MANY_KEYS + 1, 1000] {
        assert!(is_recognised(&object(keys, &|n| n)), "{keys}");
        assert!(!is_recognised(&object(keys, &|n| n.min(keys - 2))), "{keys}");
        assert!(!is_recognised(&format!("{{\"a\":{}}}", object(keys, &|n| n.max(1)))));
    }
}

#[test]
fn keys_that_differ_in_one_byte_are_different_keys() {
    for len in 1..40 {
        for place in 0..len {
            let (key, mut other) = ("k".repeat(len), "k".repeat(len));
            other.replace_range(place..=place, "l");
            assert!(is_recognised(&format!(r#"{{"{key}":1,"{other}":2,"{key}k":3}}"#)));
            assert!(!is_recognised(&format!(r#"{{"{key}":1,"{other}":2,"{key}":3}}"#)));
        }
    }
}

#[test]
fn below_the_top_array_indices_must_come_first_and_in_their_order() {
    for keys in [r#""0":1,"7":1,"10":1,"a":1,"01":1"#, r#""4294967294":1,"4294967295":1,"1a":1"#] {
        assert!(is_recognised(&format!(r#"{{"a":{{{keys}}}}}"#)), "{keys}");
        assert!(!is_recognised(&format!("{{{keys}}}")), "{keys}");
    }
    for keys in [r#""10":1,"7":1"#, r#""a":1,"0":1"#, r#""4294967295":1,"4294967294":1"#] {
        assert!(!is_recognised(&format!(r#"{{"a":{{{keys}}}}}"#)), "{keys}");
    }
}

#[test]
fn an_escape_is_recognised_in_its_one_spelling() {
    for text in [r"\b", r"\u0000", r"\u000b", r"\u001f", r"\ud800", r"\udfff", r"\udc00\ud800"] {
        assert!(is_recognised(&format!(r#"{{"a":"{text}"}}"#)), "{text}");
    }
    let others = [r"\/", r"\u0008", r"\u000B", r"\u0020", r"\u0041", r"\uD800", r"\ud700"];
    for text in others.into_iter().chain([r"\ud83d\ude00", r"\u00", r"\x", "\u{1}", r"\u000a"]) {
        assert!(!is_recognised(&format!(r#"{{"a":"{text}"}}"#)), "{text}");
    }
}

#[test]
fn text_that_javascript_may_have_given_otherwise_is_not_recognised() {
    assert!(!is_recognised("{\"a\":\"\u{fffd}\"}"));
    assert_eq!(MemberFinder::new().find(b"{\"id\":\"\xff\",\"data\":{},\"flash_next\":{}}"), None);
}

#[test]
fn text_is_looked_at_up_to_its_limits() {
    let long =
        |len: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(len - payload(r#"{"a":""}"#).len()));
    let deep = |levels: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(levels), "]".repeat(levels));

    assert!(is_recognised(&long(0xffff)));
    assert!(!is_recognised(&long(0x1_0000)));
    assert!(is_recognised(&deep(MAX_DEPTH)));
    assert!(!is_recognised(&deep(MAX_DEPTH + 1)));
}
