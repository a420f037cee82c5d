//! The engine as a C program calls it.
//!
//! ```text
//!   this process --line--> tests/c/vector_driver.c --include/rudder_session.h--> librudder_session
//!                <--line--
//! ```
//!
//! The program is compiled here, against the committed header and the shared library of package
//! `rudder-session-ffi`, with every warning an error.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::engine::{Answer, CookieSettings, Engine, Redis};
use crate::redis_server::TempDir;

/// A C program that runs until this is dropped.
pub struct CEngine {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    _dir: TempDir,
}

impl CEngine {
    /// Builds the library and the program, and starts it.
    pub fn start() -> Self {
        let dir = TempDir::new();
        // One that is linked with an installed library, say.
        let program = match std::env::var_os("RSESS_VECTOR_DRIVER") {
            Some(program) => PathBuf::from(program),
            None => compile("vector_driver", dir.path()),
        };
        let mut process = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("what was compiled runs");
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        Self { process, input, output, _dir: dir }
    }

    fn ask(&mut self, words: &[String]) -> Answer {
        let input = self.input.as_mut().expect("it runs");
        let mut line = String::new();
        writeln!(input, "{}", words.join(" ")).expect("the driver reads");
        self.output.read_line(&mut line).expect("the driver answers");
        match line.trim_end_matches('\n').split_once(' ') {
            Some(("ok", hex)) => Answer::Text(from_hex(hex)),
            Some(("refused", status)) => Answer::Refused(status.to_owned()),
            None if line == "none\n" => Answer::None,
            _ => panic!("the driver said {line:?} to {}", words[..2].join(" ")),
        }
    }

    fn codec(&mut self, operation: &str, secret: &[u8], value: &[u8], rest: &[String]) -> Answer {
        let words = ["codec".to_owned(), operation.to_owned(), to_hex(secret), to_hex(value)];
        self.ask(&[&words, rest].concat())
    }

    fn store(&mut self, operation: &str, redis: &Redis<'_>, rest: &[String]) -> Answer {
        let (url, prefix) = (to_hex(redis.url.as_bytes()), to_hex(redis.prefix.as_bytes()));
        let words = ["store".to_owned(), operation.to_owned(), url, prefix];
        self.ask(&[&words, rest].concat())
    }
}

impl Drop for CEngine {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.input.take());
        let _ = self.process.wait();
    }
}

impl Engine for CEngine {
    fn name(&self) -> &'static str {
        "c"
    }

    fn sign(&mut self, secret: &[u8], value: &[u8]) -> Answer {
        self.codec("sign", secret, value, &[])
    }

    fn verify(&mut self, secret: &[u8], signed: &[u8]) -> Answer {
        self.codec("verify", secret, signed, &[])
    }

    fn encode(&mut self, secret: &[u8], payload: &[u8], expires_at_ms: f64) -> Answer {
        self.codec("encode", secret, payload, &[millis(expires_at_ms)])
    }

    fn decode(&mut self, secret: &[u8], value: &[u8], now_ms: f64, reject_legacy: bool) -> Answer {
        self.codec("decode", secret, value, &[millis(now_ms), reject_legacy.to_string()])
    }

    fn decode_id(&mut self, secret: &[u8], value: &[u8]) -> Answer {
        self.codec("decode_id", secret, value, &[])
    }

    fn find_cookie(&mut self, header: &[u8], name: &[u8]) -> Answer {
        self.ask(&["cookie_find".to_owned(), to_hex(header), to_hex(name)])
    }

    fn set_cookie(&mut self, settings: &CookieSettings, value: &[u8]) -> Answer {
        // The numbers of rsess_same_site; a text that is none of them is a number that is none.
        let same_site = ["lax", "none", "strict"].iter().position(|it| *it == settings.same_site);
        self.ask(&[
            "set_cookie".to_owned(),
            to_hex(&settings.name),
            to_hex(&settings.path),
            same_site.map_or(-1, |number| number as i32).to_string(),
            settings.secure.to_string(),
            settings.http_only.to_string(),
            settings.lifetime_minutes.to_string(),
            to_hex(value),
        ])
    }

    fn resolve_secret(&mut self, configured: Option<&[u8]>, app_key: Option<&[u8]>) -> Answer {
        let word = |text: Option<&[u8]>| text.map_or_else(|| "~".to_owned(), to_hex);
        self.ask(&["secret".to_owned(), word(configured), word(app_key)])
    }

    fn save(&mut self, redis: &Redis<'_>, payload: &[u8], ttl_seconds: u64) -> Answer {
        self.store("save", redis, &[to_hex(payload), ttl_seconds.to_string()])
    }

    fn load(&mut self, redis: &Redis<'_>, id: &[u8]) -> Answer {
        self.store("load", redis, &[to_hex(id)])
    }

    fn destroy(&mut self, redis: &Redis<'_>, id: &[u8]) -> Answer {
        self.store("destroy", redis, &[to_hex(id)])
    }
}

/// Builds the shared library; returns where cargo put it.
fn build_library() -> PathBuf {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Some build scripts watch what cargo tells a test about its package, and would run again.
    for (name, _) in std::env::vars_os() {
        let about_package = ["CARGO_PKG_", "CARGO_MANIFEST_"];
        if about_package.iter().any(|it| name.to_string_lossy().starts_with(it)) {
            cargo.env_remove(name);
        }
    }
    let built = cargo
        .args(["build", "--quiet", "-p", "rudder-session-ffi"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(workspace())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "the C library does not build");
    let messages = String::from_utf8(built.stdout).expect("cargo writes UTF-8");
    // Cut out rather than parsed: the file name is all that is wanted of the messages.
    let mut names = messages.split('"').filter(|text| {
        let file = Path::new(text).file_name().and_then(|name| name.to_str());
        matches!(file, Some("librudder_session.so" | "librudder_session.dylib"))
    });
    PathBuf::from(names.next_back().expect("package rudder-session-ffi makes a shared library"))
}

/// Builds the library and compiles `tests/c/<name>.c` against it; returns the program.
pub fn compile(name: &str, dir: &Path) -> PathBuf {
    let library = build_library();
    let program = dir.join(name);
    let library_dir = library.parent().expect("a file has a directory");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "gcc".into());
    let status = Command::new(&compiler)
        .args(["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"])
        .arg("-I")
        .arg(workspace().join("include"))
        .arg(workspace().join(format!("tests/c/{name}.c")))
        .arg("-o")
        .arg(&program)
        .arg(&library)
        .arg(format!("-Wl,-rpath,{}", library_dir.display()))
        .status()
        .unwrap_or_else(|err| panic!("{compiler:?} does not start ({err}): apt-get install gcc"));
    assert!(status.success(), "tests/c/{name}.c does not compile");
    program
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in a workspace")
}

/// Whole milliseconds as C takes them; what does not fit is too large for an instant.
fn millis(millis: f64) -> String {
    if millis.is_finite() { (millis as u64).to_string() } else { u64::MAX.to_string() }
}

fn to_hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return ".".to_owned();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    digits.map(|pair| byte(pair).expect("the driver writes hex")).collect()
}
