//! What the Redis store says to a server is exactly what is written down, and what it makes of
//! the answers is never somebody else's session.

mod answers;
mod commands;
mod session;
