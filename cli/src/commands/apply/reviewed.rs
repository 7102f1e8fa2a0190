//! `--plan`: what is carried out is what was reviewed.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use gpo::plan::Plan;

use crate::context::read_input;
use crate::error::{Code, CommandError};

/// A plan that somebody has looked at.
#[derive(Clone, Debug)]
pub enum Reviewed {
    /// [`Plan::hash`] of it.
    Hash(String),
    /// What `gpol plan -f json` printed.
    File(PathBuf),
}

impl FromStr for Reviewed {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match is_hash(text) {
            true => Self::Hash(text.to_ascii_lowercase()),
            false => Self::File(text.into()),
        })
    }
}

/// The digits of a SHA-256.
fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The one plan that may be carried out.
pub struct Agreed {
    hash: String,
    /// The command that prints the plan of now.
    again: String,
}

impl Reviewed {
    /// The hash that the plan of now must have; `again` is the command that prints that plan.
    pub fn agreed(&self, again: String) -> Result<Agreed, CommandError> {
        let path = match self {
            Self::Hash(hash) => return Ok(Agreed { hash: hash.clone(), again }),
            Self::File(path) => path,
        };
        let bytes = read_input(path)?;
        let document: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
        let hash = document.as_ref().and_then(|document| document.get("plan")?.as_str()).filter(|hash| is_hash(hash));
        match hash {
            Some(hash) => Ok(Agreed { hash: hash.to_owned(), again }),
            None => {
                let what = format!("{} is not what gpol plan -f json prints: it has no hash of a plan", path.display());
                Err(CommandError::new(Code::OTHER_PLAN, what)
                    .detail("Nothing was written.")
                    .help(format!("make it:  {again}")))
            }
        }
    }
}

impl Agreed {
    /// Refuses a plan that is not the one that was reviewed. One that writes nothing does nothing that was not reviewed: a
    /// step that runs once more is no error.
    pub fn allows(&self, plan: &Plan) -> Result<(), CommandError> {
        let now = plan.hash();
        if plan.is_empty() || now == self.hash {
            return Ok(());
        }
        Err(CommandError::new(Code::OTHER_PLAN, "the plan is another one than the one that was reviewed")
            .detail(format!("reviewed  {}", self.hash))
            .detail(format!("now       {now}"))
            .detail("Nothing was written. The target, EXPECT or the templates have changed since, or the target was named, or the options were given, in another way.")
            .help(format!("review the plan of now:  {}", self.again)))
    }
}
