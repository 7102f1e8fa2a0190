//! Group Policy objects in files: recognise a target, read and explain it, plan and make a change.
//!
//! This crate knows where policy lies and what belongs together: `gpt.ini`, extension lists, the
//! policy files of both sides, the templates beside them. Bytes of policy files are the business of
//! [`polfile`], templates that of [`admx`]. Nothing here knows a terminal.
//!
//! A write is a [`plan::Plan`], which a dry run prints and a [`transaction::Transaction`] carries out.

pub mod ad;
pub mod apply;
pub mod backup;
pub mod backup_xml;
pub mod bookkeeping;
pub mod bump;
pub mod by_scope;
pub mod check;
pub mod comments;
pub mod compare;
pub mod contents;
pub mod desired;
pub mod detect;
pub mod diagnose;
pub mod doctor;
pub mod edit;
pub mod effective;
pub mod enclosure;
pub mod error;
pub mod exchange;
pub mod explain;
pub mod extensions;
pub mod facts;
pub mod filter;
mod folders;
pub mod gpt_ini;
pub mod hive_file;
pub mod image;
pub mod limits;
pub mod merge;
pub mod model;
pub mod place;
pub mod plan;
mod replace;
pub mod scan;
pub mod scope;
pub mod search;
pub mod secret;
pub mod show;
pub mod source;
pub mod target;
pub mod template_diff;
pub mod templates;
pub mod transaction;
mod xml;
