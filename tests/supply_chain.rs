//! What is built from others' code comes from where it should, is what it was when it was locked,
//! and runs nothing when it is installed.

use std::fs;
use std::path::{Path, PathBuf};

use rudder_session_trace as _;
use serde_json::{Map, Value};

#[test]
fn every_crate_is_from_crates_io_with_its_checksum() {
    let files = named("Cargo.lock");
    assert_eq!(files.len(), 3);
    for file in files {
        let text = read(&file);
        let packages: Vec<&str> = text.split("[[package]]").skip(1).collect();
        assert!(packages.len() > 100, "{}", file.display());
        for package in packages {
            assert_eq!(fault_of_crate(package), None, "{}: {package}", file.display());
        }
    }
}

#[test]
fn every_npm_package_is_locked_by_a_hash_and_what_runs_scripts_on_installing_is_no_part_of_ours() {
    let files = named("package-lock.json");
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        for (name, package) in packages(&read(&file)) {
            // Installed with `--ignore-scripts` for the benches, and nothing else.
            let may_run = file.ends_with("benches/node/package-lock.json");
            let fault = fault_of_package(&package, may_run);
            assert_eq!(fault, None, "{}: {name}", file.display());
        }
    }
    assert!(
        read(&top().join("Makefile")).contains("cd $(NODE_BENCHES) && npm ci --ignore-scripts")
    );
}

#[test]
fn our_packages_depend_on_nothing_and_run_nothing_on_installing() {
    let files = ["node-binding/package.json", "node-binding/rudderjs/package.json"];
    for file in files.map(|file| top().join(file)).iter().filter(|file| file.exists()) {
        let manifest: Value = serde_json::from_str(&read(file)).expect("JSON");
        assert_eq!(manifest.get("dependencies"), None, "{}", file.display());
        assert_eq!(script_on_installing(&manifest), None, "{}", file.display());
    }
}

#[test]
fn what_would_be_wrong_is_seen() {
    let registry = r#"source = "registry+https://github.com/rust-lang/crates.io-index""#;
    assert_eq!(fault_of_crate("\nname = \"rudder-session\"\nversion = \"0.1.0\"\n"), None);
    assert_eq!(fault_of_crate("\nname = \"other\"\n"), Some("a crate of unknown origin"));
    let git = "\nname = \"a\"\nsource = \"git+https://example.org/a\"\n";
    assert_eq!(fault_of_crate(git), Some("another source"));
    assert_eq!(fault_of_crate(&format!("\nname = \"a\"\n{registry}\n")), Some("no checksum"));

    let package = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let hashed = r#"{"version":"1.0.0","integrity":"sha512-AAAA","hasInstallScript":true}"#;
    assert_eq!(fault_of_package(&package(hashed), false), Some("runs a script on installing"));
    assert_eq!(fault_of_package(&package(hashed), true), None);
    assert_eq!(fault_of_package(&package(r#"{"version":"1.0.0"}"#), true), Some("no hash"));
    let git = r#"{"resolved":"git+ssh://git@example.org/a.git","integrity":"sha512-AAAA"}"#;
    assert_eq!(fault_of_package(&package(git), true), Some("another source"));
    let manifest = package(r#"{"scripts":{"postinstall":"node build.js"}}"#);
    assert_eq!(script_on_installing(&manifest).as_deref(), Some("postinstall"));
}

fn fault_of_crate(package: &str) -> Option<&'static str> {
    let is_ours = package.starts_with("\nname = \"rudder-session");
    let source = package.lines().find_map(|line| line.strip_prefix("source = "));
    match source {
        None => (!is_ours).then_some("a crate of unknown origin"),
        Some("\"registry+https://github.com/rust-lang/crates.io-index\"") => {
            (!package.contains("\nchecksum = \"")).then_some("no checksum")
        }
        Some(_) => Some("another source"),
    }
}

fn fault_of_package(package: &Value, may_run: bool) -> Option<&'static str> {
    let text = |field: &str| package.get(field).and_then(Value::as_str);
    // A folder of this repository.
    if package.get("link").is_some() {
        return None;
    }
    if text("resolved").is_some_and(|it| !it.starts_with("https://registry.npmjs.org/")) {
        return Some("another source");
    }
    if !text("integrity").is_some_and(|it| it.starts_with("sha512-")) {
        return Some("no hash");
    }
    let runs = package.get("hasInstallScript").is_some() && !may_run;
    runs.then_some("runs a script on installing")
}

/// Of a lock file, but for the packages that are folders of this repository.
fn packages(lock: &str) -> Map<String, Value> {
    let lock: Value = serde_json::from_str(lock).expect("JSON");
    let packages = lock["packages"].as_object().expect("a lock file of npm 7 or newer").clone();
    packages.into_iter().filter(|(name, _)| name.contains("node_modules/")).collect()
}

fn script_on_installing(manifest: &Value) -> Option<String> {
    let scripts = manifest.get("scripts").and_then(Value::as_object)?;
    let runs = ["preinstall", "install", "postinstall", "prepare"];
    runs.into_iter().find(|name| scripts.contains_key(*name)).map(str::to_owned)
}

/// All files of this name that belong to the repository.
fn named(name: &str) -> Vec<PathBuf> {
    let mut left = vec![top().to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_built = ["node_modules", "target", ".git", "build", "dist"]
                .iter()
                .any(|it| path.ends_with(it));
            if path.is_dir() && !is_built {
                left.push(path);
            } else if path.ends_with(name) {
                found.push(path);
            }
        }
    }
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a file of the repository")
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member of the workspace")
}
