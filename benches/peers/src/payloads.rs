//! What reading and changing a session costs, next to parsing it with a JSON library.
//!
//! ```text
//!   read    text of a payload -> its fields, the data left as text
//!   get     one key of the data, a number or a struct
//!   edit    the text with one key changed
//! ```
//!
//! serde_json and sonic-rs are given what they are fastest with: `RawValue` and `LazyValue` where
//! a part stays text, their whole `Value` where something is changed. They keep no order of keys
//! unless asked, and refuse what JavaScript writes and they cannot hold (`"\ud800"`, `1e400`);
//! what is measured here has neither.

use std::hint::black_box;

use rudder_session::{Payload, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sonic_rs::{JsonValueMutTrait, JsonValueTrait, LazyValue};

use crate::pairs::Pairs;

/// A session of a shop, of exactly `len` bytes of JSON.
pub(crate) fn shop(len: usize) -> Payload {
    let mut payload = Payload::new(&SessionId::parse(ID).expect("legal"));
    payload.put("visits", &1_u32).expect("serialisable");
    for number in 0.. {
        if payload.as_json().len() + 120 > len {
            break;
        }
        payload.put(&format!("item{number}"), &Item::new(number)).expect("serialisable");
    }
    payload.put("note", "").expect("serialisable");
    let missing = len - payload.as_json().len();
    payload.put("note", &"x".repeat(missing)).expect("serialisable");
    assert_eq!(payload.as_json().len(), len);
    payload
}

pub(crate) fn compare(pairs: &mut Pairs<'_>) {
    for len in [170, 1024, 3072] {
        let payload = shop(len);
        read(pairs, payload.as_json());
        get(pairs, &payload);
        edit(pairs, payload);
    }
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Item {
    sku: String,
    name: String,
    count: u32,
    price: f64,
}

impl Item {
    fn new(number: usize) -> Self {
        let sku = format!("A-{}", 1000 + number);
        Self { sku, name: "coffee \"beans\"".to_owned(), count: 2, price: 3.5 }
    }
}

#[derive(Deserialize)]
struct ForSerde<'a> {
    id: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    flash_next: &'a RawValue,
}

#[derive(Deserialize)]
struct ForSonic<'a> {
    id: &'a str,
    #[serde(borrow)]
    data: LazyValue<'a>,
    #[serde(borrow)]
    flash_next: LazyValue<'a>,
}

fn read(pairs: &mut Pairs<'_>, text: &str) {
    let by_serde = || serde_json::from_str::<ForSerde<'_>>(black_box(text));
    let by_sonic = || sonic_rs::from_str::<ForSonic<'_>>(black_box(text));
    let ours = Payload::parse(text).expect("a payload");
    let (serde, sonic) = (by_serde().expect("JSON"), by_sonic().expect("JSON"));
    assert_eq!((serde.id, sonic.id), (ID, ID));
    assert_eq!([serde.data.get(), sonic.data.as_raw_str()], [ours.data_json(); 2]);
    assert_eq!([serde.flash_next.get(), sonic.flash_next.as_raw_str()], ["{}"; 2]);

    let name = format!("payload/read/{}", text.len());
    // Ours owns its text, so that is copied as well.
    pairs.compare(&name, "serde_json", || Payload::parse(black_box(text)), by_serde);
    pairs.compare(&name, "sonic-rs", || Payload::parse(black_box(text)), by_sonic);
}

/// Ours looks into a payload that is there; theirs into its text, or into a value that is there.
fn get(pairs: &mut Pairs<'_>, payload: &Payload) {
    let text = payload.as_json();
    let len = text.len();
    let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let from_text = || -> Option<u64> {
        sonic_rs::get_from_str(black_box(text), ["data", "visits"]).ok().and_then(|it| it.as_u64())
    };
    let parsed = || -> Option<u64> {
        let value: serde_json::Value = serde_json::from_str(black_box(text)).ok()?;
        value["data"]["visits"].as_u64()
    };
    let from_value = || black_box(&value)["data"]["visits"].as_u64();
    assert_eq!(payload.get::<u64>("visits"), Ok(Some(1)));
    assert_eq!([from_text(), parsed(), from_value()], [Some(1); 3]);

    let name = format!("payload/get_number/{len}");
    let ours = || payload.get::<u64>(black_box("visits"));
    pairs.compare(&name, "serde_json, parsed", ours, parsed);
    pairs.compare(&name, "serde_json, from a value", ours, from_value);
    pairs.compare(&name, "sonic-rs, from text", ours, from_text);

    if payload.get_json("item0").is_none() {
        return;
    }
    let last = (0..).take_while(|number| payload.get_json(&format!("item{number}")).is_some());
    let key = format!("item{}", last.last().expect("one at least"));
    let json = payload.get_json(&key).expect("it is there");
    let by_serde = || serde_json::from_str::<Item>(black_box(json)).ok();
    let by_sonic = || sonic_rs::from_str::<Item>(black_box(json)).ok();
    let item = payload.get::<Item>(&key).expect("an item");
    assert!(item.is_some());
    assert_eq!([by_serde(), by_sonic()], [item.clone(), item]);

    // Theirs are given the text of the value, which ours has to find.
    let name = format!("payload/get_struct/{len}");
    let ours = || payload.get::<Item>(black_box(&key));
    pairs.compare(&name, "serde_json", ours, by_serde);
    pairs.compare(&name, "sonic-rs", ours, by_sonic);
}

/// Ours changes the text; theirs parse it, change the value and write it.
fn edit(pairs: &mut Pairs<'_>, mut payload: Payload) {
    let text = payload.as_json().to_owned();
    let by_serde = || -> Option<String> {
        let mut value: serde_json::Value = serde_json::from_str(black_box(&text)).ok()?;
        value["data"]["visits"] = 7.into();
        serde_json::to_string(&value).ok()
    };
    let by_sonic = || -> Option<String> {
        let mut value: sonic_rs::Value = sonic_rs::from_str(black_box(&text)).ok()?;
        *value.get_mut("data")?.get_mut("visits")? = 7.into();
        sonic_rs::to_string(&value).ok()
    };
    payload.put("visits", &7_u32).expect("serialisable");
    let same = |theirs: Option<String>| {
        let theirs: serde_json::Value = serde_json::from_str(&theirs.expect("JSON")).expect("JSON");
        theirs == serde_json::from_str::<serde_json::Value>(payload.as_json()).expect("JSON")
    };
    assert!(same(by_serde()) && same(by_sonic()));

    let name = format!("payload/edit/{}", text.len());
    pairs.compare(
        &name,
        "serde_json",
        || payload.put(black_box("visits"), &black_box(7_u32)),
        by_serde,
    );
    pairs.compare(
        &name,
        "sonic-rs",
        || payload.put(black_box("visits"), &black_box(7_u32)),
        by_sonic,
    );
}

const ID: &str = "3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f";
