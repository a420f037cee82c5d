//! The header is what the Rust source says, and every compiler that we promise takes it.

mod toolchain;

use std::fs;
use std::path::Path;

use toolchain::{Language, header_path};

/// In the order in which a reader of the header should meet them.
const MODULES: [&str; 22] = [
    "status",
    "error",
    "buffer",
    "config",
    "engine",
    "session/load",
    "session/object",
    "session/values",
    "session/ending",
    "devices",
    "commit",
    "queue",
    "engine_users",
    "codec",
    "store",
    "record",
    "update",
    "figures",
    "payload",
    "cookie",
    "clock",
    "version",
];

#[test]
fn the_committed_header_is_what_cbindgen_generates() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config =
        cbindgen::Config::from_file(crate_dir.join("cbindgen.toml")).expect("a config");
    config.after_includes = Some(version_macros());

    expect_committed("rudder_session.h", &generated(config));
}

/// For PHP's FFI and Python's cffi, which read declarations and nothing else.
#[test]
fn the_committed_header_without_macros_declares_the_same() {
    let config = cbindgen::Config {
        language: cbindgen::Language::C,
        style: cbindgen::Style::Both,
        no_includes: true,
        usize_is_size_t: true,
        documentation: false,
        line_length: 100,
        tab_width: 4,
        header: Some(WITHOUT_MACROS.to_owned()),
        export: cbindgen::Config::from_file(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("cbindgen.toml"),
        )
        .expect("a config")
        .export,
        ..cbindgen::Config::default()
    };

    let text = generated(config);

    assert!(!text.lines().any(|line| line.starts_with('#')), "a directive of the preprocessor");
    expect_committed("rudder_session.ffi.h", &text);
}

fn generated(config: cbindgen::Config) -> String {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut builder = cbindgen::Builder::new().with_config(config);
    for module in MODULES {
        builder = builder.with_src(crate_dir.join("src").join(module).with_extension("rs"));
    }
    let mut generated = Vec::new();
    builder.generate().expect("source that cbindgen reads").write(&mut generated);
    String::from_utf8(generated).expect("UTF-8")
}

fn expect_committed(name: &str, generated: &str) {
    let path = header_path().with_file_name(name);
    if std::env::var_os("UPDATE_HEADER").is_some() {
        fs::write(&path, generated).expect("a writable header");
    }

    let committed = fs::read_to_string(path).expect("a committed header");
    // Not `assert_eq`: two whole headers side by side tell nobody where they differ.
    let differs = committed.lines().zip(generated.lines()).position(|(a, b)| a != b);
    assert!(
        committed == generated,
        "include/{name} differs from the source from line {} on: run `make header`",
        differs.unwrap_or_else(|| committed.lines().count().min(generated.lines().count())) + 1,
    );
}

/// What the preprocessor can ask; `rsess_version` and `rsess_abi_version` say it of the library.
fn version_macros() -> String {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/version.rs"));
    let source = source.expect("UTF-8");
    let abi = source.split_once("ABI_VERSION: c_int = ").expect("a constant").1;
    let abi = abi.split_once(';').expect("its end").0;
    format!(
        "\n/* What this header was made for; the library says it with rsess_version() and\n   \
         rsess_abi_version(), which is the one that must be equal. */\n\
         #define RSESS_VERSION \"{}\"\n#define RSESS_VERSION_MAJOR {}\n\
         #define RSESS_VERSION_MINOR {}\n#define RSESS_VERSION_PATCH {}\n\
         #define RSESS_ABI_VERSION {abi}",
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    )
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
    for standard in ["c++11", "c++14", "c++17", "c++20"] {
        toolchain::check(Language::Cpp, standard, TWICE);
    }
}

#[test]
fn the_header_for_cpp_compiles_alone_and_twice_from_cpp17_on() {
    for standard in ["c++17", "c++20"] {
        toolchain::check(Language::Cpp, standard, TWICE_IN_CPP);
    }
}

/// Uses a type of the header, so that an include guard that hides everything is found out.
const TWICE: &str = r#"
#include "rudder_session.h"
#include "rudder_session.h"

rsess_status answer(void);
rsess_status answer(void) { return RSESS_NOT_FOUND; }
"#;

const WITHOUT_MACROS: &str = "\
/* rudder_session.h without macros, comments and includes, for PHP's FFI and Python's cffi.
   Generated: see there. */";

const TWICE_IN_CPP: &str = r#"
#include "rudder_session.hpp"
#include "rudder_session.hpp"

void answer(const rudder::Engine &engine, rudder::Session &session);
void answer(const rudder::Engine &engine, rudder::Session &session) {
    session = engine.load("");
}
"#;
