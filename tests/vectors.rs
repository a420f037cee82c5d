//! What `@rudderjs/session` 2.6.0 was seen to do, the engine does too, byte for byte, in Rust and
//! through C; except where it differs on purpose, and then exactly there.
//!
//! To run another file: `cargo run -p rudder-session-tests --bin vectors -- FILE`.

use rudder_session_tests::js::deep;
use rudder_session_tests::vectors::engine::Engine;
use rudder_session_tests::vectors::{Report, c::CEngine, run, rust::RustEngine};

const VECTORS: &str = include_str!("vectors/vectors.json");

#[test]
fn every_recorded_case_comes_out_as_it_should_in_rust_and_through_c() {
    let report = run_in(VECTORS, &[rust, c]);

    assert_eq!(report.failures().collect::<Vec<_>>(), Vec::<String>::new());
    for engine in ["rust", "c"] {
        // Not one case less than the file has: nothing is filtered away.
        assert_eq!(report.counts(engine), (104, 0), "{engine}");
    }
}

#[test]
fn the_cases_that_differ_on_purpose_are_these_and_no_others() {
    let report = run_in(VECTORS, &[rust]).to_string();

    let mut differing: Vec<(&str, Vec<String>)> = Vec::new();
    for line in report.lines() {
        let Some((case, reason)) = line.split_once("  differs: ") else { continue };
        let (section, rest) = case.split_once(" / ").unwrap_or((case, ""));
        let section = section.rsplit("  ").next().unwrap_or_default();
        let case = format!("{section} {}", rest.split(' ').next().unwrap_or_default());
        match differing.iter_mut().find(|(own, _)| *own == reason) {
            Some((_, cases)) => cases.push(case),
            None => differing.push((reason, vec![case])),
        }
    }
    assert_eq!(differing, DELIBERATE_DIFFERENCES.map(|(reason, cases)| (reason, owned(cases))));
    let js_only = report.lines().filter(|line| line.contains("  js only: ")).count();
    assert_eq!(js_only, 1, "a BigInt has no JSON to encode");
}

#[test]
fn a_section_or_part_that_is_not_known_is_a_failure() {
    for file in [
        r#"{"surprise":[{"name":"x"}]}"#,
        r#"{"verify":{"surprise":[{}]}}"#,
        r#"{"sign":{}}"#,
        "[]",
    ] {
        let report = run_in(file, &[rust]);

        assert_eq!(report.counts("rust"), (0, 1), "{file}");
        assert!(!report.is_good());
    }
    assert!(!run_in("{}", &[rust]).is_good(), "a file without cases proves nothing");
}

#[test]
fn a_case_whose_output_is_another_fails_in_each_engine() {
    for (from, to) in [
        ("._AYFP6y50N8V", ".AAYFP6y50N8V"),
        ("N0Jc\",\n    \"accepted\": false", "N0Jc\",\n    \"accepted\": true"),
        ("eyJpZCI6IjNmMmI4YzFlLTlkNGEtNGM2Yi04ZTJm", "eyJpZCI6IjNmMmI4YzFlLTlkNGEtNGM2Yi04ZTJn"),
        ("\"data_json\": \"{\\\"u\\\":1}\"", "\"data_json\": \"{\\\"u\\\":2}\""),
        ("\"EX\",\n    \"7200\"", "\"PX\",\n    \"7200\""),
        ("\"result\": \"fresh\"", "\"result\": {\"id\":\"3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f\"}"),
        ("\"del\"", "\"unlink\""),
        ("Max-Age=30;", "Max-Age=31;"),
        ("\"value\": \"a=b==\"", "\"value\": \"a=b=\""),
        ("\"effective\": \"padded\"", "\"effective\": \" padded\""),
        ("\"boot_notice\": 1", "\"boot_notice\": 0"),
    ] {
        let wrong = VECTORS.replacen(from, to, 1);
        assert_ne!(wrong, VECTORS, "{from}");

        let report = run_in(&wrong, &[rust, c]);

        for engine in ["rust", "c"] {
            assert_ne!(report.counts(engine).1, 0, "{engine} passes with {to}");
        }
    }
}

#[test]
fn inputs_and_outputs_may_be_spelled_in_any_of_the_known_ways() {
    let report = run_in(
        r#"{"meta":{"secret":"k","now_ms":1},
            "sign":[
              {"name":"utf16","value_utf16":[105,100],"secret_utf16":[107],
               "signed":"id.lmWBbUfjlkG5XzO_HKTwxpJvRQ7-Uf8XW14XA8GEzOg"},
              {"name":"repeat","value_repeat":["ab",2],"secret_repeat":["k",1],
               "signed_len":48,"surprise":true}],
            "verify":{"value_repeat":["x",3],"secret":"k","cases":[
               {"name":"short","signature_repeat":["A",42],"accepted":false}]},
            "parse_cookie":[{"header_utf16":[97,61,98],"name":"a","value_repeat":["b",1]}]}"#,
        &[rust, c],
    );

    for engine in ["rust", "c"] {
        assert_eq!(report.counts(engine), (4, 0), "{report}");
    }
}

/// Section 7 of the contract with the original, as far as it shows in the recorded cases.
const DELIBERATE_DIFFERENCES: [(&str, &[&str]); 7] = [
    (
        "a signature is 43 canonical base64url characters, or it is refused",
        &[
            "verify cases 2",
            "verify cases 4",
            "verify cases 5",
            "verify cases 6",
            "verify cases 7",
            "verify cases 8",
            "verify cases 9",
            "verify cases 10",
            "verify cases 11",
            "verify cases 13",
        ],
    ),
    ("an envelope is canonical base64url, or it is refused", &["cookie_load 17"]),
    ("a TTL is rounded up to whole seconds, since Redis refuses a fraction", &["redis_persist 2"]),
    ("data and flash_next come out as objects, {} where there are none", &["redis_load 4"]),
    ("a lifetime is a finite number of minutes above 0, or it is refused", &["set_cookie 5"]),
    ("sameSite is lax, strict or none, or it is refused at construction", &["set_cookie 6"]),
    ("an empty or illegal cookie name is refused at construction", &["set_cookie 8"]),
];

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|it| (*it).to_owned()).collect()
}

fn rust() -> Box<dyn Engine> {
    Box::new(RustEngine)
}

fn c() -> Box<dyn Engine> {
    Box::new(CEngine::start())
}

fn run_in(text: &str, engines: &[fn() -> Box<dyn Engine>]) -> Report {
    deep(|| {
        let mut engines: Vec<_> = engines.iter().map(|start| start()).collect();
        run(text, &mut engines).expect("JSON")
    })
}
