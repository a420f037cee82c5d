//! Gives the shared library its soname: the name under which programs look for it.
//!
//! ```text
//!   librudder_session.so.1   1 is the number of the ABI, see src/version.rs
//! ```

use std::path::Path;
use std::{env, fs, io};

fn main() {
    println!("cargo::rerun-if-changed=src/version.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    let source = fs::read_to_string("src/version.rs").expect("the source of this package");
    let abi = source.split_once("ABI_VERSION: c_int = ").expect("a constant").1;
    let abi = abi.split_once(';').expect("its end").0;
    let soname = format!("librudder_session.so.{abi}");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{soname}");

    // So that a program that is linked with target/<profile> finds it there, too.
    let out_dir = env::var_os("OUT_DIR").expect("cargo sets it");
    let profile_dir = Path::new(&out_dir).ancestors().nth(3).expect("target/<profile>/build/*/out");
    if let Err(error) = link(&profile_dir.join(soname))
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        println!("cargo::warning=no link beside the library: {error}");
    }
}

#[cfg(unix)]
fn link(link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink("librudder_session.so", link)
}

#[cfg(not(unix))]
fn link(_: &Path) -> io::Result<()> {
    Ok(())
}
