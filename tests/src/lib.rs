//! The harness: what the suites, the guest runner, the bench and the facts recorder share.
//!
//! Knows the two commands `btc` and `btrun` only from outside, as a user does.

pub mod facts;
