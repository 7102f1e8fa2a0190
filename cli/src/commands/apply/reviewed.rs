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

impl Reviewed {
    /// The hash that the plan of now must have.
    pub fn hash(&self) -> Result<String, CommandError> {
        let path = match self {
            Self::Hash(hash) => return Ok(hash.clone()),
            Self::File(path) => path,
        };
        let bytes = read_input(path)?;
        let document: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
        let hash = document.as_ref().and_then(|document| document.get("plan")?.as_str()).filter(|hash| is_hash(hash));
        hash.map(str::to_owned).ok_or_else(|| {
            let what = format!("{} is not what gpol plan -f json prints: it has no hash of a plan", path.display());
            CommandError::new(Code::OTHER_PLAN, what)
                .detail("Nothing was written.")
                .help("make it:  gpol plan TARGET EXPECT -f json > plan.json")
        })
    }
}

/// Refuses a plan that is not the one that was reviewed. One that writes nothing does nothing that was not reviewed: a
/// step that runs once more is no error.
pub fn same(reviewed: &str, plan: &Plan) -> Result<(), CommandError> {
    let now = plan.hash();
    if plan.is_empty() || now == *reviewed {
        return Ok(());
    }
    Err(CommandError::new(Code::OTHER_PLAN, "the plan is another one than the one that was reviewed")
        .detail(format!("reviewed  {reviewed}"))
        .detail(format!("now       {now}"))
        .detail("Nothing was written. The target, EXPECT or the templates have changed since, or the target was named, or the options were given, in another way.")
        .help("review the plan of now:  gpol plan TARGET EXPECT -f json > plan.json"))
}
