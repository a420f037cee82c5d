//! Builds the C library and compiles C and C++ against it, with warnings as errors.
//!
//! Tests of this package cannot link the library as a crate, since it is none; so cargo is asked
//! to build it, into the same directory and with the same profile, and says where it put it.

// Each test file uses its own part of this.
#![allow(dead_code)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use rudder_session_trace as _;

const WARNINGS: [&str; 5] = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-Wstrict-prototypes"];

/// What a source is written in.
#[derive(Clone, Copy)]
pub(crate) enum Language {
    C,
    Cpp,
}

impl Language {
    /// Both compilers that we promise, the one that links first.
    pub(crate) fn compilers(self) -> [&'static str; 2] {
        match self {
            Self::C => ["gcc", "clang"],
            Self::Cpp => ["g++", "clang++"],
        }
    }

    fn compiler(self, program: &str, standard: &str) -> Command {
        let name = match self {
            Self::C => "c",
            Self::Cpp => "c++",
        };
        let mut compiler = Command::new(program);
        compiler.arg(format!("-std={standard}")).args(["-x", name]).arg("-I").arg(include_dir());
        // C++ has no other prototypes, and warns about the question.
        compiler
            .args(WARNINGS.iter().filter(|it| matches!(self, Self::C) || !it.contains("proto")));
        compiler
    }
}

/// The committed header.
pub(crate) fn header_path() -> PathBuf {
    include_dir().join("rudder_session.h")
}

/// Compiles `source`, and throws the result away.
pub(crate) fn check(language: Language, standard: &str, source: &str) {
    for program in language.compilers() {
        let mut compiler = language.compiler(program, standard);
        compiler.args(["-fsyntax-only", "-"]).stdin(Stdio::piped());
        let mut running = compiler.stderr(Stdio::piped()).spawn().expect("gcc and clang");
        running.stdin.take().expect("piped").write_all(source.as_bytes()).expect("a reader");
        let output = running.wait_with_output().expect("an end");
        expect_success(&format!("compiling as {standard} with {program}"), &output);
    }
}

/// Compiles the file `source` and links it with the library, given as linker arguments.
pub(crate) fn link(
    language: Language,
    standard: &str,
    source: &Path,
    library: &[String],
) -> PathBuf {
    let name = source.file_name().expect("a file").to_string_lossy().replace('.', "_");
    let unique = std::thread::current().name().unwrap_or("main").to_owned();
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{unique}"));
    let mut compiler = language.compiler(language.compilers()[0], standard);
    compiler.arg(source).args(["-x", "none", "-o"]).arg(&program).args(library);
    let output = compiler.output().expect("gcc and g++ on the PATH");
    expect_success(&format!("linking {}", source.display()), &output);
    program
}

/// The library as cargo built it.
pub(crate) struct Library {
    pub(crate) shared: PathBuf,
    pub(crate) archive: PathBuf,
}

/// The library, which the first call builds.
pub(crate) fn library() -> &'static Library {
    static LIBRARY: LazyLock<Library> = LazyLock::new(Library::build);
    &LIBRARY
}

impl Library {
    fn build() -> Self {
        let tmp_dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let target_dir = tmp_dir.parent().expect("tmp is inside the target directory");
        let mut cargo = cargo();
        // Frozen: what the library needs is here, since this test was built with it.
        cargo.args(["build", "--frozen", "--package", env!("CARGO_PKG_NAME"), "--lib"]);
        cargo.arg("--message-format=json-render-diagnostics");
        cargo.arg("--target-dir").arg(target_dir).args(["--profile", &profile()]);
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit());
        let output = cargo.output().expect("cargo");
        assert!(output.status.success(), "cargo could not build the library");

        let messages = String::from_utf8(output.stdout).expect("UTF-8");
        let files: Vec<PathBuf> = messages
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
            .filter(|message| {
                message["reason"] == "compiler-artifact"
                    && message["target"]["name"] == "rudder_session"
                    && message["target"]["kind"][0] == "cdylib"
            })
            .flat_map(|message| message["filenames"].as_array().expect("a list").clone())
            .map(|file| PathBuf::from(file.as_str().expect("a path")))
            .collect();
        let with = |extension: &str| {
            let found =
                files.iter().find(|file| file.extension().is_some_and(|it| it == extension));
            found.unwrap_or_else(|| panic!("no .{extension} among {files:?}")).clone()
        };
        Self { shared: with("so"), archive: with("a") }
    }

    /// What the README says to link with.
    pub(crate) fn shared_link_line(&self) -> Vec<String> {
        let dir = self.shared.parent().expect("a directory").display();
        vec![format!("-L{dir}"), format!("-Wl,-rpath,{dir}"), "-lrudder_session".to_owned()]
    }

    /// What the README says to link with, without a shared library.
    pub(crate) fn static_link_line(&self) -> Vec<String> {
        let mut line = vec![self.archive.display().to_string()];
        line.extend(["-lgcc_s", "-lpthread", "-lm", "-ldl"].map(str::to_owned));
        line
    }
}

pub(crate) fn cargo() -> Command {
    as_from_a_shell(env!("CARGO"))
}

/// A command without what cargo tells a test about its package: some build scripts watch that, and
/// their crates would be built anew each time.
fn as_from_a_shell(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let about_package = ["CARGO_PKG_", "CARGO_MANIFEST_"];
        if about_package.iter().any(|it| name.to_string_lossy().starts_with(it)) {
            command.env_remove(name);
        }
    }
    command
}

/// The C library as `make install` puts it, and then moved: nothing in it may know where it was.
pub(crate) struct Installed {
    pub(crate) prefix: PathBuf,
}

impl Installed {
    /// The first call of a test program installs it.
    pub(crate) fn get() -> &'static Self {
        static INSTALLED: LazyLock<Installed> = LazyLock::new(Installed::install);
        &INSTALLED
    }

    fn install() -> Self {
        let tmp_dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (first, prefix) = (tmp_dir.join("installed"), tmp_dir.join("moved"));
        for dir in [&first, &prefix] {
            let _ = std::fs::remove_dir_all(dir);
        }
        let mut install = as_from_a_shell("sh");
        install.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("install/install.sh"));
        install.env("PREFIX", &first).env("PROFILE", profile()).env("CARGO", env!("CARGO"));
        install.env("CARGO_TARGET_DIR", tmp_dir.parent().expect("the target directory"));
        expect_success("install.sh", &install.output().expect("sh"));
        std::fs::rename(&first, &prefix).expect("one file system");
        Self { prefix }
    }

    pub(crate) fn library(&self) -> PathBuf {
        self.prefix.join("lib/librudder_session.so.1")
    }

    /// Has a command find the package, and the program that it makes the library.
    pub(crate) fn set_paths(&self, command: &mut Command) {
        let lib = self.prefix.join("lib");
        command.env("PKG_CONFIG_PATH", lib.join("pkgconfig")).env("LD_LIBRARY_PATH", lib);
    }

    /// What pkg-config says that it takes to compile and link.
    pub(crate) fn flags(&self, package: &str) -> Vec<String> {
        let mut pkg_config = Command::new("pkg-config");
        pkg_config.args(["--cflags", "--libs", package]);
        self.set_paths(&mut pkg_config);
        let output = pkg_config.output().expect("pkg-config on the PATH");
        expect_success("pkg-config", &output);
        let flags = String::from_utf8(output.stdout).expect("UTF-8");
        flags.split_whitespace().map(str::to_owned).collect()
    }
}

/// The profile of this test, by the name of the directory that it was built in.
fn profile() -> String {
    let test = std::env::current_exe().expect("a path");
    let dir = test.parent().and_then(Path::parent).expect("target/<profile>/deps");
    match dir.file_name().expect("a name").to_str().expect("UTF-8") {
        "debug" => "dev".to_owned(),
        name => name.to_owned(),
    }
}

fn include_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../include")
}

/// Stops the test with all that a failed command has printed; what it had to tell of itself, on its
/// standard error, is printed anyway, and so searched with what the tests print.
pub(crate) fn expect_success(what: &str, output: &Output) {
    let print = |bytes| String::from_utf8_lossy(bytes).into_owned();
    eprint!("{}", print(&output.stderr));
    assert!(
        output.status.success(),
        "{what}: {}\n{}{}",
        output.status,
        print(&output.stdout),
        print(&output.stderr)
    );
}
