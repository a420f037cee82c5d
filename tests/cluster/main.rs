//! In a cluster each call finds the node that has its record, wherever that goes.
//!
//! ```text
//!   slots          three masters and their replicas, whose slots move
//!   redirects      scripted nodes, which send calls on to each other, or nowhere
//!   scripted_node  such a node
//!   sessions       what is stored, and how a store is opened
//! ```
//!
//! The long versions of what runs under load are `make test-faults`.

mod redirects;
mod scripted_node;
mod sessions;
mod slots;
