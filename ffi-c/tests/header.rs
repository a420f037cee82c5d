//! The header is what the Rust source says, and every compiler that we promise takes it.

mod toolchain;

use std::fs;
use std::path::Path;

use toolchain::{Language, header_path};

/// In the order in which a reader of the header should meet them.
const MODULES: [&str; 11] = [
    "status", "buffer", "codec", "store", "record", "update", "figures", "payload", "cookie",
    "clock", "version",
];

#[test]
fn the_committed_header_is_what_cbindgen_generates() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(crate_dir.join("cbindgen.toml")).expect("a config");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for module in MODULES {
        builder = builder.with_src(crate_dir.join("src").join(module).with_extension("rs"));
    }
    let mut generated = Vec::new();
    builder.generate().expect("source that cbindgen reads").write(&mut generated);
    let generated = String::from_utf8(generated).expect("UTF-8");

    if std::env::var_os("UPDATE_HEADER").is_some() {
        fs::write(header_path(), &generated).expect("a writable header");
    }

    let committed = fs::read_to_string(header_path()).expect("a committed header");
    // Not `assert_eq`: two whole headers side by side tell nobody where they differ.
    let differs = committed.lines().zip(generated.lines()).position(|(a, b)| a != b);
    assert!(
        committed == generated,
        "include/rudder_session.h differs from the source from line {} on: run `make header`",
        differs.unwrap_or_else(|| committed.lines().count().min(generated.lines().count())) + 1,
    );
}

#[test]
fn every_exported_function_is_in_the_header() {
    let header = fs::read_to_string(header_path()).expect("a committed header");

    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("src") {
        let path = entry.expect("an entry").path();
        // The tests are a directory; they export nothing.
        let Some("rs") = path.extension().and_then(|it| it.to_str()) else { continue };
        let source = fs::read_to_string(path).expect("UTF-8");
        for function in source.split("extern \"C\" fn ").skip(1) {
            let name = function.split('(').next().expect("a name");
            assert!(header.contains(&format!("{name}(")), "{name} is not in the header");
        }
    }
}

#[test]
fn the_header_compiles_alone_and_twice_as_every_standard_from_c99_and_cpp11_on() {
    for standard in ["c99", "c11", "c17"] {
        toolchain::check(Language::C, standard, TWICE);
    }
    for standard in ["c++11", "c++17"] {
        toolchain::check(Language::Cpp, standard, TWICE);
    }
}

/// Uses a type of the header, so that an include guard that hides everything is found out.
const TWICE: &str = r#"
#include "rudder_session.h"
#include "rudder_session.h"

rsess_status answer(void);
rsess_status answer(void) { return RSESS_NOT_FOUND; }
"#;
