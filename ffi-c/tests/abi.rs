//! A program that was compiled against this ABI goes on working: what it calls is still there,
//! and what it reads is still in its place.
//!
//! `abi/1.txt` holds all declarations and layouts of ABI 1. Lines may be added to it; a line that
//! goes or changes needs another ABI number, which starts a file of its own:
//! `UPDATE_HEADER=1 cargo test -p rudder-session-ffi --test abi`.

mod toolchain;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toolchain::{Language, expect_success, header_path, library, link};

#[test]
fn nothing_that_a_compiled_program_relies_on_has_changed() {
    let current: BTreeSet<String> = declarations().into_iter().chain(layouts()).collect();
    if std::env::var_os("UPDATE_HEADER").is_some() {
        let text: String = current.iter().map(|line| format!("{line}\n")).collect();
        fs::write(snapshot_path(), text).expect("a writable snapshot");
    }

    let snapshot = fs::read_to_string(snapshot_path()).expect("a committed snapshot");
    let snapshot: BTreeSet<String> = snapshot.lines().map(str::to_owned).collect();

    let gone: Vec<_> = snapshot.difference(&current).collect();
    assert!(gone.is_empty(), "gone or changed: {gone:#?}");
    let new: Vec<_> = current.difference(&snapshot).collect();
    assert!(new.is_empty(), "new, and to be noted in the snapshot: {new:#?}");
}

/// Functions, constants and types, each in one line.
fn declarations() -> Vec<String> {
    let header = fs::read_to_string(header_path().with_file_name("rudder_session.ffi.h"));
    let header = header.expect("a header");
    let code = header.split_once("*/").expect("a comment").1;
    let mut lines = Vec::new();
    let mut item = String::new();
    for line in code.lines().map(str::trim) {
        item.push_str(line);
        item.push(' ');
        let is_open = item.matches('{').count() > item.matches('}').count();
        if !is_open && line.ends_with(';') {
            lines.extend(one_or_each(item.trim()));
            item.clear();
        }
    }
    lines
}

/// An enum in as many lines as it has constants, since it may gain some; all else as it is.
fn one_or_each(item: &str) -> Vec<String> {
    let item = item.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some(of_enum) = item.strip_prefix("typedef enum ") else { return vec![item] };
    let (name, rest) = of_enum.split_once(" {").expect("an enum");
    let constants = rest.split_once('}').expect("its end").0;
    let constants = constants.split(',').map(str::trim).filter(|it| !it.is_empty());
    constants.map(|constant| format!("{name}: {constant}")).collect()
}

/// Sizes and offsets, as a C compiler sees them.
fn layouts() -> Vec<String> {
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("layout.c");
    let mut text = String::from("#include <stddef.h>\n#include <stdio.h>\n");
    text.push_str("#include \"rudder_session.h\"\nint main(void) {\n");
    for item in declarations() {
        let Some(rest) = item.strip_prefix("typedef struct ") else { continue };
        let Some((name, rest)) = rest.split_once(" {") else { continue };
        text.push_str(&format!("printf(\"sizeof {name}: %zu\\n\", sizeof({name}));\n"));
        let fields = rest.split_once('}').expect("its end").0;
        for field in fields.split(';').filter_map(|it| it.trim().rsplit([' ', '*']).next()) {
            if !field.is_empty() {
                text.push_str(&format!(
                    "printf(\"offsetof {name}.{field}: %zu\\n\", offsetof({name}, {field}));\n"
                ));
            }
        }
    }
    for constant in ["rsess_status", "rsess_category", "rsess_operation"] {
        text.push_str(&format!("printf(\"sizeof {constant}: %zu\\n\", sizeof({constant}));\n"));
    }
    text.push_str("printf(\"abi: %d\\n\", RSESS_ABI_VERSION);\n");
    text.push_str("return rsess_abi_version() != RSESS_ABI_VERSION; }\n");
    fs::write(&source, text).expect("a writable directory");
    let program = link(Language::C, "c99", &source, &library().shared_link_line());
    let output = Command::new(program).output().expect("a program");
    expect_success("layout", &output);
    String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
}

fn snapshot_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("abi/1.txt")
}
