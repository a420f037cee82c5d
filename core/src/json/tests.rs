use super::*;

#[test]
fn what_json_parse_accepts_is_accepted() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let mixed = "{\"a\":[".repeat(200) + "1" + &"]}".repeat(200);
    for text in [
        "null",
        " true ",
        "\t\r\n false",
        "0",
        "-0",
        "1e400",
        "-1.5E-7",
        "1e+21",
        "[]",
        "{}",
        "123456789012345678901234567890",
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        "\"\u{2028}\"",
        r#"{"a":1,"a":2}"#,
        r#"{"":{"":[[],{}]}}"#,
        "[1 , 2 ]",
        "{ \"a\" : 1 }",
        "\"\u{7f}\"",
        r#""\/\b\f\n\r\t\"\\\u00e9 and more than eight""#,
        &deep,
        &mixed,
    ] {
        let shown: String = text.chars().take(40).collect();
        assert!(value(text).is_ok(), "{shown}");
    }
}

#[test]
fn what_json_parse_refuses_is_refused() {
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "NaN",
        "Infinity",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "[1,]",
        "[,1]",
        "[",
        "]",
        "[1 2]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "{,}",
        "'a'",
        "\"",
        "\"\n\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\u{1f}\"",
        "\u{feff}1",
        "1 1",
        "\u{a0}1",
        "[}",
        "{\"a\":1]",
        "\"12345678\u{0}\"",
        "\"\\u+123\"",
    ] {
        assert_eq!(value(text), Err(NotJson), "{text:?}");
    }
}

#[test]
fn each_bracket_must_be_closed_by_its_own_kind_at_any_depth() {
    for depth in [1, 63, 64, 65, 127, 128, 129, 500] {
        let opening = "[{\"a\":".repeat(depth);
        let closing = "}]".repeat(depth);

        assert!(value(&format!("{opening}1{closing}")).is_ok());
        assert_eq!(value(&format!("{opening}1{}", "]}".repeat(depth))), Err(NotJson));
        assert_eq!(value(&format!("{opening}1{}", &closing[1..])), Err(NotJson));
        assert_eq!(depth * 2, super::depth(&format!("{opening}1{closing}")));
    }
}
