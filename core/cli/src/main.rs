//! The command `rudder-session`: looks at session cookies, and at the stores behind them.
//!
//! ```text
//!   arguments --> one module for each command --> a report --> text, or JSON with --json
//!                                                    |
//!                                                    +--> the exit code
//! ```
//!
//! Secrets come from the environment or a file, never from an argument, which other users of the
//! machine can see. Exit codes: 0 all is well, 1 refused or not well, 2 wrong use, 3 it could not
//! be found out.

mod bench;
mod doctor;
mod gc;
mod genkey;
mod input;
mod inspect;
mod place;
mod redis_facts;
mod redis_rights;
mod redis_servers;
mod report;
mod users;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
#[cfg(test)]
use rudder_session_trace as _;

use report::{CommandError, Report};

/// Looks at session cookies, and at the stores behind them
#[derive(Parser)]
#[command(name = "rudder-session", version, arg_required_else_help = true)]
struct Arguments {
    /// Print one JSON object instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say who signed a cookie value, when it ends, and what is in it
    Inspect(inspect::Options),
    /// Make a new secret
    Genkey(genkey::Options),
    /// Check a secret, and a store as a program with these settings would use it
    Doctor(doctor::Options),
    /// Measure loads and saves of a store
    Bench(bench::Options),
    /// List the sessions of a user, by handles that open nothing
    List(users::UserOptions),
    /// End sessions of a user: those are refused from their next request on
    Revoke(users::RevokeOptions),
    /// Remove what has expired from a file, and make that small; count what a Redis never removes
    Gc(gc::Options),
    /// Print the manual page
    Man,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let Arguments { json, command } = Arguments::parse();
    let outcome = match command {
        Command::Inspect(options) => inspect::run(&options).map(boxed),
        Command::Genkey(options) => genkey::run(&options).map(boxed),
        Command::Doctor(options) => doctor::run(&options).map(boxed),
        Command::Bench(options) => bench::run(&options).map(boxed),
        Command::List(options) => users::list(&options).map(boxed),
        Command::Revoke(options) => users::revoke(&options).map(boxed),
        Command::Gc(options) => gc::run(&options).map(boxed),
        Command::Man => {
            return printed(clap_mangen::Man::new(Arguments::command()).render(&mut io::stdout()));
        }
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "rudder-session", &mut io::stdout());
            return ExitCode::SUCCESS;
        }
    };
    match outcome {
        Ok(report) => {
            let code = report.exit_code();
            let text = if json { report.to_json() } else { report.to_string() };
            match printed(report::print(&text)) {
                ExitCode::SUCCESS => code,
                failed => failed,
            }
        }
        Err(error) => {
            eprintln!("rudder-session: {error}");
            error.exit_code()
        }
    }
}

fn boxed<R: Report + 'static>(report: R) -> Box<dyn Report> {
    Box::new(report)
}

/// A reader that has gone away, as `head` does, is no error.
fn printed(outcome: io::Result<()>) -> ExitCode {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("rudder-session: {}", CommandError::Output(error));
            ExitCode::from(report::UNKNOWN)
        }
        _ => ExitCode::SUCCESS,
    }
}
