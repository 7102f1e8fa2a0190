//! The built program, end to end: what people and scripts see of it.
//!
//! Everything here runs `gpol` in a folder of its own, with an environment that says nothing. Expected
//! values come from the contracts in `docs/`, from files that `fixtures` made without gpol's own code, or
//! from what Microsoft's tools said; snapshots hold wording and layout.

mod bench;
mod store;

mod apply;
mod apply_sources;
mod beside_policy;
mod bump;
mod check;
mod check_gpos;
mod check_state;
mod comments;
#[cfg(target_os = "linux")]
mod confirm;
mod convert;
mod corpus;
mod detect;
mod diagnose;
mod diff;
mod doctor;
mod documents;
mod domain;
mod effective;
mod effective_links;
#[cfg(target_os = "linux")]
mod enclosure;
mod errors;
mod explain;
mod git;
mod help;
mod hive;
mod hostile;
#[cfg(target_os = "linux")]
mod identity;
mod interrupted;
mod journey;
#[cfg(target_os = "linux")]
mod kill;
mod manners;
mod order;
mod passed_over;
mod pasted;
mod pol_change;
mod policy_change;
mod policy_describe;
mod readme;
mod records;
mod recover;
mod registry_values;
mod scopes;
mod search;
mod secrets;
mod show;
mod state_file;
mod templates;
mod transactions;
mod words;
