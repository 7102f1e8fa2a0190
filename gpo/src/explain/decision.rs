//! What is decided, and how certain that is.

use admx::State;
use serde::Serialize;

use crate::model::ValueModel;

/// Who decides.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// On the machine as it is.
    pub now: Decision,
    /// Once Windows has applied what is pending.
    pub next_boot: Decision,
}

/// Whether what is decided can be known from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// It can.
    Known,
    /// It hangs on what cannot be seen: there are several ways, and which one it is nobody can tell.
    Depends,
    /// Something that decides could not be read.
    Unknown,
}

/// What is decided, and by which layer. Where it is not [`Certainty::Known`] there is neither layer nor state nor value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// Whether it is known.
    pub certainty: Certainty,
    /// `null` if no layer that was looked at decides, or it is not known which one.
    pub layer: Option<&'static str>,
    /// State of the policy that decides: `enabled`, `disabled` or `mixed`; `set` of a value; `not-configured` where none does, `null` where
    /// that is not known.
    pub state: Option<&'static str>,
    /// The value, where one tells the state.
    pub value: Option<ValueModel>,
    /// In words.
    pub meaning: String,
    /// Why this layer.
    pub why: Option<String>,
    /// What it depends on, and cannot be seen from here.
    pub conditions: Vec<String>,
    /// What may come, where it depends: the ways that can be told. A GPO that nobody has seen may bring others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub possible: Vec<Possible>,
}

/// A way that things may go.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Possible {
    /// If this holds.
    #[serde(rename = "if")]
    pub condition: String,
    /// The layer that decides then.
    pub layer: Option<&'static str>,
    /// The state of the policy that decides.
    pub state: Option<&'static str>,
    /// The value.
    pub value: Option<ValueModel>,
    /// In words.
    pub meaning: String,
}

impl Decision {
    pub(super) fn unknown(why: impl AsRef<str>) -> Self {
        let certainty = Certainty::Unknown;
        Self { certainty, state: None, ..Self::none(format!("not known: {}", why.as_ref())) }
    }

    /// What comes whichever way things go, read by `of`; `None` where the ways differ, or others may be there.
    ///
    /// This is how a question is answered from a decision: each of its ways is asked, so that no answer can forget that there
    /// are several.
    pub fn read<T: PartialEq>(&self, of: impl Fn(&Self) -> Option<T>) -> Option<T> {
        match self.certainty {
            Certainty::Known => of(self),
            Certainty::Unknown => None,
            Certainty::Depends if self.is_open() => None,
            Certainty::Depends => {
                let mut all = self.possible.iter().map(|way| of(&way.clone().into()));
                let first = all.next()??;
                all.all(|other| other.as_ref() == Some(&first)).then_some(first)
            }
        }
    }

    /// Whether something may come that is not among the ways.
    fn is_open(&self) -> bool {
        self.conditions.iter().any(|condition| condition.starts_with(UNSEEN))
    }

    /// Decided by no policy.
    pub(super) fn none(meaning: impl Into<String>) -> Self {
        let state = Some(State::NotConfigured.as_str());
        Self {
            certainty: Certainty::Known,
            layer: None,
            state,
            value: None,
            meaning: meaning.into(),
            why: None,
            conditions: Vec::new(),
            possible: Vec::new(),
        }
    }

    pub(super) fn because(self, why: impl Into<String>) -> Self {
        Self { why: Some(why.into()), ..self }
    }

    /// What is decided as far as a hive says that may be old.
    pub(super) fn doubted(self, doubt: Option<String>) -> Self {
        match doubt {
            Some(doubt) => Self::unknown(format!("{doubt}; as the hive stands, {}", self.meaning)),
            None => self,
        }
    }
}

impl From<Possible> for Decision {
    fn from(way: Possible) -> Self {
        let Possible { layer, state, value, meaning, .. } = way;
        let certainty = if state.is_some() { Certainty::Known } else { Certainty::Unknown };
        Self { certainty, layer, state, value, ..Self::none(meaning) }
    }
}

/// How a condition begins that says that a GPO may decide which is not here.
pub(super) const UNSEEN: &str = "whether a GPO of the domain configures it";
