//! Says on what it was measured, and with which versions.

use std::fs;
use std::process::Command;

use serde_json::Value;

/// Lines of Markdown.
pub(crate) fn describe() -> String {
    let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu_info.lines().find(|it| it.starts_with(name));
        line.and_then(|it| it.split(": ").nth(1)).unwrap_or("unknown").to_owned()
    };
    let flags = field("flags");
    let shown = ["avx2", "avx512f", "sha_ni"];
    let flags: Vec<_> = shown.into_iter().filter(|it| flags.split(' ').any(|f| f == *it)).collect();
    let cores = cpu_info.matches("processor\t").count();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.split_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok()).unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "- {cores} x {} ({}), {} GiB; Linux {}; a virtual machine\n\
         - {}; Node {}; {}\n\
         - Rust peers: {}\n\
         - Node peers: {}\n\
         - written on {}\n",
        field("model name"),
        flags.join(", "),
        kib >> 20,
        kernel.trim(),
        first_line("rustc", &["--version"]),
        first_line("node", &["--version"]),
        first_line("redis-server", &["--version"]).split(" sha").next().unwrap_or_default(),
        rust_peers(),
        node_peers(),
        first_line("date", &["-u", "+%d %B %Y"]),
    )
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
    text.ok().and_then(|it| it.lines().next().map(str::to_owned)).unwrap_or_default()
}

fn rust_peers() -> String {
    const PEERS: [&str; 13] = [
        "actix-session",
        "aws-lc-rs",
        "base64-simd",
        "cookie",
        "fred",
        "hmac",
        "r2d2",
        "redis",
        "ring",
        "serde_json",
        "sha2",
        "sonic-rs",
        "tower-sessions-redis-store",
    ];
    let lock = include_str!("../../../Cargo.lock");
    let version = |name: &&str| {
        let versions: Vec<_> = lock
            .split("[[package]]")
            .filter(|it| it.contains(&format!("name = \"{name}\"\n")))
            .filter_map(|it| it.split("version = \"").nth(1)?.split('"').next())
            .collect();
        // Where a peer brings an older one of its own, the newest is what is compared.
        format!("{name} {}", versions.last().unwrap_or(&"?"))
    };
    PEERS.iter().map(version).collect::<Vec<_>>().join(", ")
}

fn node_peers() -> String {
    let package: Value =
        serde_json::from_str(include_str!("../../../../node/package.json")).expect("JSON");
    let all = package["dependencies"].as_object().expect("it has some");
    let shown =
        all.iter().map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("?")));
    shown.collect::<Vec<_>>().join(", ")
}
