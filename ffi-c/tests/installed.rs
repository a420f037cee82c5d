//! What `make install` leaves behind works from wherever it is moved to, and shows no more than
//! the header does.

mod toolchain;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toolchain::{Installed, Language, cargo, expect_success, link};

#[test]
fn every_recorded_case_comes_out_through_the_shared_and_the_static_library() {
    for (package, is_shared) in [("rudder_session", true), ("rudder_session-static", false)] {
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/c/vector_driver.c");
        let program = link(Language::C, "c99", &driver, &Installed::get().flags(package));
        assert_eq!(needed(&program).contains("librudder_session.so.1"), is_shared, "{package}");

        let mut vectors = cargo();
        vectors.args(["run", "--quiet", "-p", "rudder-session-tests", "--bin", "vectors", "--"]);
        vectors.arg("tests/vectors/vectors.json").env("RSESS_VECTOR_DRIVER", &program);
        vectors.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
        Installed::get().set_paths(&mut vectors);
        expect_success(package, &vectors.output().expect("cargo"));
    }
}

#[test]
fn cmake_finds_both_libraries_where_they_were_moved_to() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cmake");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("a directory");
    fs::write(dir.join("CMakeLists.txt"), CMAKE_PROJECT).expect("a file");
    let installed = Installed::get();

    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(&dir).arg("-B").arg(dir.join("build"));
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", installed.prefix.display()));
    configure.arg(format!("-DEXAMPLE={}/examples/session.c", env!("CARGO_MANIFEST_DIR")));
    expect_success("cmake", &configure.output().expect("cmake on the PATH"));
    let build = Command::new("cmake").arg("--build").arg(dir.join("build")).output();
    expect_success("cmake --build", &build.expect("cmake"));

    for (name, is_shared) in [("with_shared", true), ("with_static", false)] {
        let program = dir.join("build").join(name);
        assert_eq!(needed(&program).contains("librudder_session.so.1"), is_shared, "{name}");
        expect_success(name, &Command::new(program).output().expect("a program"));
    }
}

#[test]
fn a_version_that_does_not_fit_is_not_found_by_cmake() {
    let file = Installed::get().prefix.join("lib/cmake/RudderSession");
    let file = file.join("RudderSessionConfigVersion.cmake");
    let fits = |asked: &str| {
        let script = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fits-{asked}.cmake"));
        let text = format!(
            "set(PACKAGE_FIND_VERSION {asked})\ninclude({})\nmessage(STATUS \
             ${{PACKAGE_VERSION_COMPATIBLE}})\n",
            file.display()
        );
        fs::write(&script, text).expect("a file");
        let output = Command::new("cmake").arg("-P").arg(script).output().expect("cmake");
        expect_success("cmake -P", &output);
        String::from_utf8_lossy(&output.stdout).contains("TRUE")
    };

    assert!(fits("0.1") && fits("0.1.0"));
    assert!(!fits("0.2") && !fits("0.0.9") && !fits("1.0") && !fits("0.1.99"));
}

#[test]
fn the_libraries_and_the_header_have_the_functions_of_the_list_and_no_others() {
    let installed = Installed::get();
    let list = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("exports.txt"));
    let list = list.expect("a list");
    let list: BTreeSet<&str> = list.lines().collect();

    let header = fs::read_to_string(installed.prefix.join("include/rudder_session.h"));
    let header = header.expect("a header");
    assert_eq!(declared(&header), list);
    for (file, option) in [("librudder_session.so", "-D"), ("librudder_session.a", "-g")] {
        let mut nm = Command::new("nm");
        nm.args([option, "--defined-only", "--format=posix"]);
        let output = nm.arg(installed.prefix.join("lib").join(file)).output().expect("nm");
        expect_success("nm", &output);
        let listing = String::from_utf8(output.stdout).expect("UTF-8");
        let symbols = listing.lines().filter(|line| !line.ends_with(':'));
        let found: BTreeSet<&str> =
            symbols.filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(found, list, "{file}");
    }
}

#[test]
fn the_package_names_the_version_that_the_library_has() {
    let mut pkg_config = Command::new("pkg-config");
    pkg_config.args(["--modversion", "rudder_session"]);
    Installed::get().set_paths(&mut pkg_config);

    let output = pkg_config.output().expect("pkg-config");

    let version = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(version.trim(), env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_program_of_the_readme_sets_a_cookie() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).expect("a README");
    let code = readme.split_once("```c\n").expect("C").1.split_once("```").expect("its end").0;
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hello.c");
    fs::write(&source, code).expect("a writable directory");
    let program = link(Language::C, "c99", &source, &Installed::get().flags("rudder_session"));

    let mut hello = Command::new(program);
    Installed::get().set_paths(&mut hello);
    let output = hello.output().expect("a program");

    expect_success("hello", &output);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with("Set-Cookie: rudderjs_session="), "{said}");
}

/// The shared libraries that a program asks for.
fn needed(program: &PathBuf) -> String {
    let output = Command::new("readelf").arg("-d").arg(program).output().expect("readelf");
    expect_success("readelf", &output);
    let listing = String::from_utf8_lossy(&output.stdout).into_owned();
    listing.lines().filter(|line| line.contains("(NEEDED)")).collect()
}

/// The names of the functions that a header declares.
fn declared(header: &str) -> BTreeSet<&str> {
    let code = header.lines().filter(|line| !line.starts_with([' ', '/', '#', '}']));
    code.filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next()).collect()
}

const CMAKE_PROJECT: &str = "\
cmake_minimum_required(VERSION 3.13)
project(example C)
find_package(RudderSession 0.1 REQUIRED)
foreach(kind shared static)
  add_executable(with_${kind} ${EXAMPLE})
  target_link_libraries(with_${kind} PRIVATE RudderSession::${kind})
endforeach()
";
