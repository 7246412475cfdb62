//! The harness: what the suites, the guest runner, the bench and the facts recorder share.
//!
//! Knows the two commands `btc` and `btrun` only from outside, as a user does. A test case is a file of fixtures/
//! ([`fixture`]); [`runner`] runs its object, here or in a VM ([`kernels`]), and the fixture judges what came out.

pub mod bench;
pub mod constants;
pub mod facts;
pub mod fixture;
pub mod job;
pub mod kernels;
pub mod lock;
pub mod object_file;
pub mod report;
pub mod runner;
pub mod stage;
pub mod suites;
