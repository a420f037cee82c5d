//! A document, and edits of it, against two models: serde_json's map, and an object of
//! JavaScript's.
//!
//! ```text
//!   input    first line: what `data` is
//!            each further line: `key=JSON` puts, `key` forgets, `!key=JSON` flashes, `*` clears
//! ```
//!
//! | law |
//! |---|
//! | after all edits the document is that of both models; serde_json's where it can read it |
//! | text is taken as a value exactly if it is JSON, and else nothing changes |
//! | each key reads as the models say |
//! | the id stays, and flash and data do not reach each other |
//! | the text that comes out is in our spelling: parsed again, it is the same |

#![no_main]

use libfuzzer_sys::fuzz_target;
use rudder_session::Payload;
use rudder_session_tests::js;
use serde_json::{Map, Value};

fuzz_target!(|input: &[u8]| {
    let Ok(input) = str::from_utf8(input) else { return };
    let mut lines = input.lines();
    let data = lines.next().unwrap_or_default();
    let Ok(js::Value::Object(mut object)) = js::parse(data) else { return };
    let mut payload = Payload::parse(format!(r#"{{"id":"a","data":{data}}}"#)).expect("a payload");
    // It reads less than JavaScript does: then it has no say.
    let mut map: Option<Map<String, Value>> = serde_json::from_str(data).ok();
    let mut flash = js::Value::Null.spread();

    for line in lines {
        let (key, value) = line.split_once('=').unzip();
        let key = key.unwrap_or(line);
        match (value, key.strip_prefix('!')) {
            (None, _) if key == "*" => {
                payload.clear();
                object = js::Value::Null.spread();
                map = Some(Map::new());
            }
            (None, _) => {
                payload.forget(key);
                object.delete(key);
                map.as_mut().map(|map| map.remove(key));
            }
            (Some(value), Some(key)) => match js::parse(value) {
                Ok(seen) => {
                    assert_eq!(payload.flash_json(key, value), Ok(()));
                    flash.put(key, seen);
                }
                Err(_) => refuses(&mut payload, |it| it.flash_json(key, value).is_err()),
            },
            (Some(value), None) => match js::parse(value) {
                Ok(seen) => {
                    assert_eq!(payload.put_json(key, value), Ok(()));
                    object.put(key, seen);
                    put_or_lose(&mut map, key, value);
                }
                Err(_) => refuses(&mut payload, |it| it.put_json(key, value).is_err()),
            },
        }
        let got = payload.get_json(key).map(shown);
        assert_eq!(got, object.get(key).map(ToString::to_string));
    }

    assert_eq!(shown(payload.data_json()), object.to_string());
    assert_eq!(shown(payload.flash_next_json()), flash.to_string());
    if let Some(map) = map {
        let read: Value = serde_json::from_str(payload.data_json()).expect("it read the pieces");
        assert_eq!(read, Value::Object(map));
    }
    assert_eq!(payload.id_json(), r#""a""#);
    assert_eq!(Payload::parse(payload.as_json()), Ok(payload));
});

fn refuses(payload: &mut Payload, edit: impl FnOnce(&mut Payload) -> bool) {
    let before = payload.as_json().to_owned();
    assert!(edit(payload));
    assert_eq!(payload.as_json(), before);
}

fn put_or_lose(map: &mut Option<Map<String, Value>>, key: &str, value: &str) {
    match serde_json::from_str(value) {
        Ok(value) => drop(map.as_mut().map(|map| map.insert(key.to_owned(), value))),
        Err(_) => *map = None,
    }
}

fn shown(text: &str) -> String {
    js::parse(text).expect("JSON").to_string()
}
