//! Whatever the record of an index is, nobody gets in who was ended, and nothing panics.

use rudder_session::users::Standing;
use rudder_session_tests::random::Random;
use serde_json::{Value, json};

use super::alice::*;

#[test]
fn no_record_makes_a_panic_or_lets_in_what_is_revoked() {
    let mut random = Random::new(8);
    for _ in 0..3_000 {
        let data = hostile_index(&mut random);
        let store = store_with(&data);
        let users = users(&store);
        let session = marked(&with_handle(HANDLES[random.below(HANDLES.len())]));
        let handle = session.user_mark().expect("marked").handle().clone();
        let is_revoked = data.get(format!("r.{handle}")).is_some();

        let _ = users.list_of(&session, now());
        match random.below(5) {
            0 => drop(users.revoke_others(&session, now())),
            1 => drop(users.sign_in(&payload("a"), "alice", "x", now())),
            2 => drop(users.sign_out(&session, now())),
            3 => drop(users.revoke("alice", &handle, now())),
            _ => {}
        }

        let standing = users.check(&session, now());
        // An end whose instant is past is forgotten by the next write, as it is to be.
        let is_past = data[format!("r.{handle}")].as_f64().is_some_and(|it| it < NOW as f64);
        if is_revoked && !is_past {
            assert_eq!(standing, Ok(Standing::Over), "{data}");
        }
        assert!(standing.is_ok(), "{data}");
        users.revoke_all("alice", now()).expect("written");
        assert_eq!(users.list("alice", now()), Ok(Vec::new()), "{data}");
        if users.check(&session, now()) != Ok(Standing::Over) {
            let epoch = data["epoch"].as_f64();
            panic!("alive after an end of all, epoch {epoch:?}: {data}");
        }
    }
}

fn hostile_index(random: &mut Random) -> Value {
    let value = |random: &mut Random| match random.below(12) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!("1700000000000"),
        3 => json!(-1),
        4 => json!(0.5),
        5 => json!(1e300),
        6 => json!([1, [2]]),
        7 => json!({"epoch": 9}),
        8 => json!(0),
        9 => json!(9_007_199_254_740_991_u64),
        _ => json!(NOW + random.next() % 10_000),
    };
    let mut data = serde_json::Map::new();
    for _ in 0..random.below(9) {
        let handle = HANDLES[random.below(HANDLES.len())];
        let key = match random.below(8) {
            0 => "epoch".to_owned(),
            1 => format!("x{handle}"),
            2 => format!("h.{}", &handle[random.below(handle.len())..]),
            3 => format!("r.{handle}"),
            4 => format!("s.{handle}"),
            _ => format!("h.{handle}"),
        };
        let entry = match random.below(3) {
            0 => value(random),
            _ if key == "epoch" => json!(random.below(3)),
            1 => json!({"created": NOW, "until": NOW + 5, "epoch": 0, "label": "x"}),
            _ => json!({
                "created": value(random), "until": value(random), "epoch": random.below(3),
                "label": "\u{0}\u{9f}\u{1f36a}",
            }),
        };
        data.insert(key, entry);
    }
    Value::Object(data)
}
