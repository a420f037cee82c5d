//! Counts the instructions of the hot paths, and fails if one takes more than it did.
//!
//! ```text
//!   guard            guard cases                       benches/guard/<architecture>.txt
//!     |  under callgrind |                                        |
//!     +----------------->+-- a dump for each case --> counts --+--+--> table, verdict
//!                                                    UPDATE=1 +-----> written anew
//! ```
//!
//! Other programs on the machine make no difference to an instruction count, so a limit of three
//! per cent holds where clocks would need twenty. What a count depends on besides the code is the
//! compiler, the C library, and the instructions that the processor offers *to programs under
//! valgrind*: the baseline has all three, and where they differ nothing is compared, which the
//! last line says.
//!
//! Valgrind hides the SHA instructions of a processor: what is counted there is sha2's portable
//! code, some eight times as much as really runs. It would hide what happens around it, so the
//! instructions besides hashing are held to the limit as well.

mod baseline;
mod callgrind;
mod cases;

use std::process::ExitCode;

use baseline::{Baseline, Verdict};

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("cases") {
        cases::run_all();
        return ExitCode::SUCCESS;
    }
    let counted = match callgrind::count() {
        Ok(counted) => counted,
        Err(why) => {
            eprintln!("nothing was counted: {why}");
            return ExitCode::from(2);
        }
    };
    if std::env::var_os("UPDATE").is_some_and(|it| it == "1") {
        let path = Baseline::write(&counted);
        println!("written: {}", path.display());
        return ExitCode::SUCCESS;
    }
    match Baseline::read().compare(&counted) {
        Verdict::Holds => ExitCode::SUCCESS,
        Verdict::Exceeded => ExitCode::FAILURE,
        // Another machine is no regression, and no reason to stop whoever works on one.
        Verdict::NotComparable => ExitCode::SUCCESS,
    }
}
