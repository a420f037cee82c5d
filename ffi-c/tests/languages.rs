//! One session in one Redis, through seven programs in six languages, each from the installed
//! library.
//!
//! ```text
//!   Node -> C -> C with epoll -> C++ -> Python -> Go -> PHP -> Node: the same cookie all the way
//! ```

mod redis_server;
mod toolchain;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis_server::RedisServer;
use toolchain::{Installed, Language, expect_success, link};

#[test]
fn one_session_goes_through_every_language_and_back() {
    let redis = RedisServer::start();
    let language = |name, program| (name, Program::new(&redis, program));
    let programs = [
        language("node", cgi("node", &["visits.mjs"])),
        language("c", compiled(Language::C, "c99", "visits.c")),
        language("epoll", server(compiled(Language::C, "c11", "visits_epoll.c"))),
        language("cpp", compiled(Language::Cpp, "c++17", "visits.cpp")),
        language("python", server(cgi("python3", &["visits.py"]))),
        language("go", server(go())),
        language("php", cgi("php", &["visits.php"])),
    ];
    let mut cookie = String::new();
    let mut expected = serde_json::Map::new();

    for round in 1..=2 {
        for (name, program) in &programs {
            let response = program.request(&cookie);

            expected.insert((*name).to_owned(), round.into());
            assert_eq!(response.data, serde_json::Value::from(expected.clone()), "{name}");
            let (sent, attributes) = response.set_cookie.split_once(';').expect("attributes");
            let of_others = "Path=/; Max-Age=7200; SameSite=lax; HttpOnly; Secure";
            assert_eq!(attributes.trim(), of_others, "{name}");
            assert!(cookie.is_empty() || cookie == sent, "{name} sent another cookie");
            cookie = sent.to_owned();
        }
    }
    assert_eq!(redis.ask("DBSIZE"), ":1\r\n+OK\r\n");
}

#[test]
fn a_store_out_of_reach_is_answered_503_and_no_cookie_in_every_language_with_a_server() {
    let redis = RedisServer::start();
    let cookie =
        Program::new(&redis, compiled(Language::C, "c99", "visits.c")).request("").cookie();
    let programs =
        [("epoll", server(compiled(Language::C, "c11", "visits_epoll.c"))), ("go", server(go()))]
            .map(|(name, kind)| (name, Program::new(&redis, kind)));
    drop(redis);

    for (name, program) in programs {
        let answer = program.exchange(&cookie);
        assert!(answer.starts_with("HTTP/1.") && answer.contains(" 503 "), "{name}: {answer}");
        assert!(!answer.contains("Set-Cookie"), "{name}: {answer}");
    }
}

#[test]
fn the_sessions_of_a_user_are_listed_and_ended_from_c_and_from_node_alike() {
    let redis = RedisServer::start();
    let python = Program::new(&redis, server(cgi("python3", &["visits.py"])));
    let node = Program::new(&redis, server(cgi("node", &["devices.mjs"])));
    let sign_in = |program: &Program, device: &str| {
        let answer = program.ask("POST", "/sign-in", "", device);
        let cookie = answer.set_cookie.expect("a cookie");
        cookie.split(';').next().expect("a cookie").to_owned()
    };
    let laptop = sign_in(&python, "laptop");
    let phone = sign_in(&node, "phone");

    for (cookie, current) in [(&laptop, "laptop"), (&phone, "phone")] {
        let [by_c, by_node] = [&python, &node].map(|it| it.devices(cookie));
        let mut labels: Vec<_> = by_c.iter().map(|(_, label, _)| label.as_str()).collect();
        labels.sort_unstable();
        assert_eq!(labels, ["laptop", "phone"]);
        assert_eq!(by_c, by_node, "{current}");
        let own: Vec<_> = by_c.iter().filter(|it| it.2).map(|it| it.1.as_str()).collect();
        assert_eq!(own, [current]);
    }

    assert_eq!(node.ask("POST", "/log-out-others", &phone, "").body["ended"], 1);
    assert!(python.devices(&laptop).is_empty());
    assert_eq!(python.devices(&phone).len(), 1);

    let laptop = sign_in(&python, "laptop, again");
    assert_eq!(python.ask("POST", "/log-out-others", &laptop, "").body["ended"], 1);
    assert!(node.devices(&phone).is_empty());
    assert_eq!(node.devices(&laptop).len(), 1);
}

#[test]
fn a_server_exchanges_its_keys_when_it_is_told_to_and_loses_no_session() {
    const OLD: &str = "a-secret-that-all-languages-share";
    const NEW: &str = "new-secret-of-32-random-bytes!!!";
    let redis = RedisServer::start();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique());
    let write = |secrets: &str| fs::write(&file, secrets).expect("it is writable");
    write(OLD);
    let Kind::Cgi(mut command) = compiled(Language::C, "c11", "visits_epoll.c") else { return };
    command.env("SESSION_SECRET_FILE", &file).env("SESSION_SECRET", "of another");
    let program = Program::new(&redis, Kind::Server(command));
    let visits = |response: &Response| response.data["epoll"].clone();
    let old = program.request("").cookie();

    write(&format!("{NEW}\n{OLD}\n"));
    program.hang_up();
    let (mut count, mut new) = (1, old.clone());
    await_that(|| {
        let response = program.request(&old);
        count += 1;
        assert_eq!(visits(&response), count);
        new = response.cookie();
        new != old
    });
    write(NEW);
    program.hang_up();
    await_that(|| {
        let response = program.request(&old);
        count += u32::from(visits(&response) != 1);
        visits(&response) == 1
    });

    assert_eq!(visits(&program.request(&new)), count + 1);
}

/// Asks again and again, which takes time enough.
fn await_that(mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < until, "it does not happen");
    }
}

/// How a program is asked.
enum Kind {
    /// A process for each request: the cookie is in its environment.
    Cgi(Command),
    /// A process that prints the port it listens on, and ends with its standard input.
    Server(Command),
}

fn cgi(program: &str, arguments: &[&str]) -> Kind {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(examples());
    Kind::Cgi(command)
}

fn compiled(language: Language, standard: &str, source: &str) -> Kind {
    let flags = Installed::get().flags("rudder_session");
    Kind::Cgi(Command::new(link(language, standard, &examples().join(source), &flags)))
}

fn go() -> Kind {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("go-{}", unique()));
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&program).arg("visits.go").current_dir(examples());
    build.env("GOFLAGS", "-mod=mod").env("GOTOOLCHAIN", "local");
    Installed::get().set_paths(&mut build);
    expect_success("go build", &build.output().expect("go on the PATH"));
    Kind::Cgi(Command::new(program))
}

fn server(kind: Kind) -> Kind {
    match kind {
        Kind::Cgi(command) | Kind::Server(command) => Kind::Server(command),
    }
}

fn unique() -> String {
    std::thread::current().name().unwrap_or("main").to_owned()
}

struct Program {
    environment: Vec<(&'static str, String)>,
    kind: Running,
}

enum Running {
    Cgi(Command),
    Server(Server),
}

struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

impl Server {
    fn exchange(&self, method: &str, path: &str, cookie: &str, device: &str) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).expect("a server");
        let headers = format!("Host: x\r\nCookie: {cookie}\r\nUser-Agent: {device}");
        let head = format!("{method} {path} HTTP/1.0\r\n{headers}\r\nContent-Length: 0\r\n\r\n");
        socket.write_all(head.as_bytes()).expect("a reader");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("UTF-8");
        answer
    }
}

struct Response {
    set_cookie: String,
    data: serde_json::Value,
}

impl Response {
    fn cookie(&self) -> String {
        self.set_cookie.split(';').next().expect("a cookie").to_owned()
    }
}

/// What a server answers.
struct Answer {
    set_cookie: Option<String>,
    body: serde_json::Value,
}

impl Program {
    fn new(redis: &RedisServer, kind: Kind) -> Self {
        let installed = Installed::get();
        let path = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
        let environment = vec![
            ("REDIS_URL", redis.url()),
            ("SESSION_SECRET", "a-secret-that-all-languages-share".to_owned()),
            ("RSESS_LIBRARY", path(installed.library())),
            ("RSESS_HEADER", path(installed.prefix.join("include/rudder_session.ffi.h"))),
            ("LD_LIBRARY_PATH", path(installed.prefix.join("lib"))),
        ];
        let kind = match kind {
            Kind::Cgi(command) => Running::Cgi(command),
            Kind::Server(mut command) => {
                command.envs(environment.clone()).stdin(Stdio::piped()).stdout(Stdio::piped());
                let mut process = command.spawn().expect("a program");
                let mut line = String::new();
                let output = process.stdout.take().expect("piped");
                BufReader::new(output).read_line(&mut line).expect("a port");
                let port = line.trim().parse().expect("a port");
                Running::Server(Server { process, port })
            }
        };
        Self { environment, kind }
    }

    /// All that the program says to one request.
    fn exchange(&self, cookie: &str) -> String {
        match &self.kind {
            Running::Cgi(command) => {
                let mut again = Command::new(command.get_program());
                again.args(command.get_args()).envs(self.environment.clone());
                again.env("HTTP_COOKIE", cookie);
                if let Some(dir) = command.get_current_dir() {
                    again.current_dir(dir);
                }
                let output = again.output().expect("a program");
                expect_success(&format!("{:?}", command.get_program()), &output);
                String::from_utf8(output.stdout).expect("UTF-8")
            }
            Running::Server(server) => server.exchange("GET", "/", cookie, "tests"),
        }
    }

    /// Asks a server, as a device that calls itself so.
    fn ask(&self, method: &str, path: &str, cookie: &str, device: &str) -> Answer {
        let Running::Server(server) = &self.kind else { panic!("no server") };
        let answer = server.exchange(method, path, cookie, device).replace("\r\n", "\n");
        let (head, body) = answer.split_once("\n\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.") && head.contains(" 200 "), "{answer}");
        let mut headers = head.lines().filter_map(|line| line.split_once(": "));
        let set_cookie = headers.find(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        Answer {
            set_cookie: set_cookie.map(|(_, value)| value.to_owned()),
            body: serde_json::from_str(body).expect("JSON"),
        }
    }

    /// Handle, label, and whether it is the one that asks, of the sessions of the user.
    fn devices(&self, cookie: &str) -> Vec<(String, String, bool)> {
        let body = self.ask("GET", "/devices", cookie, "").body;
        let devices = body.as_array().expect("an array").iter();
        let text = |it: &serde_json::Value| it.as_str().expect("a text").to_owned();
        devices.map(|it| (text(&it["handle"]), text(&it["label"]), it["current"] == true)).collect()
    }

    /// Tells a server to look at its files again.
    fn hang_up(&self) {
        let Running::Server(server) = &self.kind else { panic!("no server") };
        let process = server.process.id().to_string();
        let told = Command::new("kill").args(["-HUP", &process]).output().expect("a shell's");
        expect_success("kill", &told);
    }

    fn request(&self, cookie: &str) -> Response {
        let answer = self.exchange(cookie).replace("\r\n", "\n");
        let (head, body) = answer.split_once("\n\n").expect("a head and a body");
        let header = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            lines
                .filter(|(own, _)| own.eq_ignore_ascii_case(name))
                .map(|it| it.1)
                .collect::<Vec<_>>()
        };
        let set_cookie = header("Set-Cookie");
        assert_eq!(set_cookie.len(), 1, "{head}");
        assert_eq!(header("Cache-Control"), ["no-store"], "{head}");
        let data = serde_json::from_str(body).expect("JSON");
        Response { set_cookie: set_cookie[0].to_owned(), data }
    }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}
