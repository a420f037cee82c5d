//! Loads the session of a request, and reads and changes it.
//!
//! ```text
//!   Cookie header --load--> rsess_session --get, put, forget, flash..--> --commit--> Set-Cookie
//!
//!   load     finds it
//!   object   what it says of itself, and who has its state
//!   values   its data, and what is flashed
//!   ending   another id, or its end
//! ```
//!
//! What it takes to save a session is `commit`'s.

mod ending;
mod load;
mod object;
mod values;

pub use ending::*;
pub use load::*;
pub use object::*;
pub use values::*;
