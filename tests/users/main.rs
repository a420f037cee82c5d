//! The sessions of a user are what `tests/vectors/users.json` says: a program in Python that
//! shares no code with the engine has made it. And a few rules that take more than one record.
//!
//! ```text
//!   vectors   what the program says of each record
//!   marks     no save and no cookie gets around the mark of a session
//!   ends      what ends a session, and what does not
//!   limits    how many there are
//!   hostile   whatever the record of an index is
//!   alice     the user of all these, and her index
//! ```

mod alice;
mod ends;
mod hostile;
mod limits;
mod marks;
mod vectors;
