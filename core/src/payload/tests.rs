use super::*;
use crate::time::UnixMillis;

fn parse(text: &str) -> Payload {
    Payload::parse(text).expect(text)
}

#[test]
fn a_canonical_text_is_carried_byte_for_byte() {
    let text = r#"{"id":"a","data":{ "n" : 1e400, "s":"\ud800" },"flash_next":{}}"#;

    assert_eq!(parse(text).as_json(), text);
    assert_eq!(parse(text).data_json(), r#"{ "n" : 1e400, "s":"\ud800" }"#);
}

#[test]
fn every_other_spelling_comes_out_in_the_canonical_one() {
    let canonical = r#"{"id":"a","data":{"x":1},"flash_next":{}}"#;
    for text in [
        r#"{"id":"a","data":{"x":1}}"#,
        r#"{"data":{"x":1},"id":"a"}"#,
        r#" { "id" : "a" , "data" : {"x":1} , "flash_next" : null } "#,
        r#"{"id":"a","data":{"x":1},"flash_next":{},"exp":5,"other":[{}]}"#,
        r#"{"id":5,"data":{},"\u0069d":"a","d\u0061ta":{"x":1},"flash_next":7}"#,
    ] {
        assert_eq!(parse(text).as_json(), canonical, "{text}");
    }
}

#[test]
fn the_extra_fields_are_carried_byte_for_byte_and_any_spelling_comes_out_in_ours() {
    let three = r#"{"id":"a","data":{},"flash_next":{}"#;
    let canonical = r#","created_at":1,"moved_to":"b","moved_until":2}"#;
    let moved = r#","moved_to":"b","moved_until":2}"#;
    for extra in ["}", r#","created_at":1.5e3}"#, moved, canonical] {
        let text = [three, extra].concat();
        assert_eq!(parse(&text).as_json(), text);
    }
    for extra in [
        r#","created_at":1,"moved_to":"b", "moved_until":2}"#,
        r#","created_at":0,"created_at":1,"moved_to":"b","moved_until":2,"exp":3}"#,
        r#","exp":3,"created_at":1,"moved_to":"b","moved_until":2}"#,
        r#","moved_to":"b","moved_until":2,"created\u005fat":1}"#,
        r#","moved_until":2,"moved_to":"b","created_at":1}"#,
    ] {
        let text = [three, extra].concat();
        assert_eq!(parse(&text).as_json(), [three, canonical].concat(), "{text}");
    }
}

#[test]
fn an_extra_field_that_is_not_what_it_should_be_is_dropped() {
    for extra in [
        r#""created_at":"1""#,
        r#""created_at":null"#,
        r#""created_at":1e400"#,
        r#""created_at":8640000000000001"#,
        r#""moved_to":"b""#,
        r#""moved_until":2"#,
        r#""moved_to":"../b","moved_until":2"#,
        r#""moved_to":"","moved_until":2"#,
        r#""moved_to":5,"moved_until":2"#,
        r#""moved_to":"\u0062","moved_until":2"#,
        r#""moved_to":"b","moved_until":"2""#,
        r#""created_at":1,"created_at":"2""#,
    ] {
        let text = format!(r#"{{"id":"a","data":{{}},"flash_next":{{}},{extra}}}"#);
        assert_eq!(parse(&text), parse(r#"{"id":"a"}"#), "{extra}");
    }
}

#[test]
fn every_edit_keeps_the_extra_fields() {
    let extra = r#","created_at":1,"moved_to":"b","moved_until":2}"#;
    let mut payload = parse(&(r#"{"id":"a","data":{},"flash_next":{}"#.to_owned() + extra));
    let same = |payload: &Payload| {
        assert!(payload.as_json().ends_with(extra), "{}", payload.as_json());
        assert_eq!(payload.created_at(), Some(UnixMillis::new(1)));
        assert_eq!(payload.leads_to(UnixMillis::new(1)), SessionId::parse("b"));
        assert_eq!(payload.leads_to(UnixMillis::new(2)), None);
        assert!(payload.is_forwarding());
    };

    payload.put("x", &1).expect("serialisable");
    same(&payload);
    payload.forget("x");
    same(&payload);
    payload.flash("x", &1).expect("serialisable");
    same(&payload);
    payload.take_flash();
    same(&payload);
    payload.clear();
    same(&payload);
    same(&payload.with_id(&SessionId::parse("c").expect("legal")));
    same(&payload.with_id_of(&parse(r#"{"id":"d"}"#)));
    same(&payload.with_contents(r#"{"y":1}"#, "{}"));
    payload.set_created_at(UnixMillis::from_f64(1.9).expect("in range"));
    same(&payload);
}

#[test]
fn of_two_instants_of_creation_the_earlier_one_counts() {
    let created = |at: Option<u64>| {
        let mut payload = parse(r#"{"id":"a"}"#);
        at.into_iter().for_each(|at| payload.set_created_at(UnixMillis::new(at)));
        payload
    };
    for (own, other, expected) in [
        (None, None, None),
        (Some(1), None, Some(1)),
        (None, Some(1), Some(1)),
        (Some(1), Some(2), Some(1)),
        (Some(2), Some(1), Some(1)),
    ] {
        let earlier = created(own).inheriting(&created(other));
        assert_eq!(earlier, created(expected), "{own:?} {other:?}");
    }
}

#[test]
fn data_of_another_type_is_spread_as_javascript_spreads_it() {
    let data =
        |value: &str| parse(&format!(r#"{{"id":"a","data":{value}}}"#)).data_json().to_owned();

    assert_eq!(data("null"), "{}");
    assert_eq!(data("7"), "{}");
    assert_eq!(data("true"), "{}");
    assert_eq!(data("[]"), "{}");
    assert_eq!(data(r#"[1 , {"a":2}]"#), r#"{"0":1,"1":{"a":2}}"#);
    assert_eq!(data(r#""hi""#), r#"{"0":"h","1":"i"}"#);
    assert_eq!(data(r#""\n\u00e9""#), "{\"0\":\"\\n\",\"1\":\"\u{e9}\"}");
    assert_eq!(data("\"\u{1f36a}\""), r#"{"0":"\ud83c","1":"\udf6a"}"#);
}

#[test]
fn text_without_a_string_for_an_id_is_no_payload() {
    for text in ["", "x", "[]", "\"id\"", "{}", r#"{"id":1}"#, r#"{"id":null}"#, "{\"id\":\"a\"} x"]
    {
        assert_eq!(Payload::parse(text), Err(PayloadError::NotAPayload), "{text}");
    }
}

#[test]
fn an_edit_touches_its_own_key_only() {
    let mut payload = parse(r#"{"id":"a","data":{"a": 1e400,"b":"x","\u0061":2},"flash_next":{}}"#);

    payload.put("b", &[1, 2]).expect("serialisable");
    payload.put_json("new", " {\"z\":-0} ").expect("json");
    payload.forget("absent");

    assert_eq!(payload.data_json(), r#"{"a":1e400,"b":[1,2],"\u0061":2,"new":{"z":-0}}"#);
    assert_eq!(payload.get_json("a"), Some("2"));

    payload.put("a", "one").expect("serialisable");

    assert_eq!(payload.data_json(), r#"{"a":"one","b":[1,2],"new":{"z":-0}}"#);
    assert_eq!(payload.put_json("a", "1,\"x\":2"), Err(PayloadError::NotJson));

    for key in ["a", "b", "new"] {
        payload.forget(key);
    }
    assert_eq!(payload, parse(r#"{"id":"a"}"#));
}

#[test]
fn flash_is_taken_once() {
    let mut payload = parse(r#"{"id":"a"}"#);
    payload.flash("a\"b", "saved").expect("serialisable");

    payload.flash_json("n", " 1e400 ").expect("json");
    assert_eq!(payload.flash_json("n", "1 2"), Err(PayloadError::NotJson));

    assert_eq!(payload.take_flash(), r#"{"a\"b":"saved","n":1e400}"#);
    assert_eq!(payload.take_flash(), "{}");
}

#[test]
fn debug_shows_neither_id_nor_data() {
    let shown = format!("{:?}", parse(r#"{"id":"secret","data":{"card":"4242"}}"#));

    assert_eq!(shown, "Payload { data_bytes: 15, flash_next_bytes: 2, .. }");
}
