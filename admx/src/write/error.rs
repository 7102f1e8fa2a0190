//! Why a state can't be written as wanted.

use polfile::RecordError;

use super::Needed;
use crate::model::Side;
use crate::read::State;

/// Why a state can't be written as wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The text has none of the forms of an input.
    #[error("\"{given}\" is not ELEMENT=VALUE, ELEMENT[]=ENTRY or ELEMENT[NAME]=DATA")]
    NotAnInput {
        /// As given.
        given: String,
    },
    /// The policy's class does not have the side.
    #[error("{policy} does not exist on the {side} side")]
    WrongSide {
        /// Id of the policy.
        policy: String,
        /// The side.
        side: Side,
    },
    /// The policy has no such element.
    #[error("the policy has no element \"{given}\"")]
    UnknownElement {
        /// As given.
        given: String,
        /// The elements it has.
        elements: Vec<Needed>,
    },
    /// Several inputs for an element that takes one.
    #[error("{element} is given more than once")]
    Twice {
        /// Id of the element.
        element: String,
    },
    /// The element does not take this.
    #[error("\"{given}\" is not possible for {needed}{}", reason.map(|reason| format!(" ({reason})")).unwrap_or_default())]
    Rejected {
        /// As given.
        given: String,
        /// What it takes.
        needed: Box<Needed>,
        /// Why, where that is not plain from what it takes.
        reason: Option<&'static str>,
    },
    /// Elements without input that have no default.
    #[error("a value is needed for {}", needed.iter().map(Needed::to_string).collect::<Vec<_>>().join("; "))]
    Missing {
        /// All of them.
        needed: Vec<Needed>,
    },
    /// No record would be written, so the policy would stay Not Configured.
    #[error("{policy} has nothing to write for {state}")]
    NothingToWrite {
        /// Id of the policy.
        policy: String,
        /// The state.
        state: State,
    },
    /// The template names no key for a value, so there is no place to write to.
    #[error("{policy} has no key in its template, so there is no place to write to")]
    NoKey {
        /// Id of the policy.
        policy: String,
    },
    /// The template or an input has what no record can hold.
    #[error(transparent)]
    Unstorable(RecordError),
}
