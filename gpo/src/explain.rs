//! One policy, layer by layer: who decides it now, and at the next boot.

use admx::{Catalog, Policy, Side, State};
use serde::Serialize;

use crate::edit::{comments_of, file_of, read};
use crate::error::Error;
use crate::model::{PolicyModel, RecordModel, ValueModel};
use crate::scope::Scope;
use crate::show::{AdmxModel, TargetModel};
use crate::target::{Kind, Target};

/// A policy through all layers: `gpol.explain/1`.
#[derive(Clone, Debug, Serialize)]
pub struct Explain {
    /// Name of the shape.
    pub schema: &'static str,
    /// The target.
    pub target: TargetModel,
    /// The templates that gave the names.
    pub admx: AdmxModel,
    /// `computer` or `user`.
    pub side: &'static str,
    /// Whose policy it is.
    pub scope: Scope,
    /// The policy, as the policy file has it.
    pub policy: PolicyModel,
    /// What decides, the strongest first.
    pub layers: Vec<Layer>,
    /// What comes of it.
    pub verdict: Verdict,
    /// What could decide as well and was not looked at.
    pub not_seen: Vec<String>,
}

/// One layer that says something about the policy.
#[derive(Clone, Debug, Serialize)]
pub struct Layer {
    /// The highest wins.
    pub rank: u8,
    /// `pending-policy`.
    pub layer: &'static str,
    /// `enabled`, `disabled` or `mixed`.
    pub state: &'static str,
    /// The value that tells the state; `null` where several do, or it is deleted.
    pub value: Option<ValueModel>,
    /// Where the first record stands.
    #[serde(rename = "where")]
    pub place: Place,
    /// All records of the policy.
    pub records: Vec<RecordModel>,
}

/// A place in a policy file.
#[derive(Clone, Debug, Serialize)]
pub struct Place {
    /// The file.
    pub file: String,
    /// Record, counted from 0.
    pub record: usize,
    /// In bytes.
    pub offset: usize,
}

/// Who decides.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// On the machine as it is.
    pub now: Decision,
    /// Once Windows has applied what is pending.
    pub next_boot: Decision,
}

/// What is decided, and by which layer.
#[derive(Clone, Debug, Serialize)]
pub struct Decision {
    /// `null` if no layer that was looked at decides.
    pub layer: Option<&'static str>,
    /// The value, where one tells the state.
    pub value: Option<ValueModel>,
    /// In words.
    pub meaning: String,
}

/// Explains a policy.
///
/// Looks at the policy files of the target. The registry hives of an installation are not read.
///
/// # Errors
///
/// If the policy file cannot be read, is malformed, or is that of the other side.
pub fn explain(target: &Target, catalog: &Catalog, policy: &Policy, scope: &Scope) -> Result<Explain, Error> {
    let (side, place) = (scope.side(), &file_of(target, scope)?);
    let file = read(place)?;
    let reading = catalog.read_policy(policy, side, &file);
    let records: Vec<RecordModel> =
        reading.records.iter().filter_map(|&i| Some(RecordModel::new(i, &file.record(i)?))).collect();
    let value = match &*records {
        [one] if one.action == "set" => one.value.clone(),
        _ => None,
    };
    let state = reading.state;
    let layer = records.first().filter(|_| state != State::NotConfigured).map(|first| Layer {
        rank: 3,
        layer: "pending-policy",
        state: state.as_str(),
        value: value.clone(),
        place: Place { file: place.file.path.display().to_string(), record: first.index, offset: first.offset },
        records: records.clone(),
    });
    let next_boot = match &layer {
        Some(layer) => Decision { layer: Some(layer.layer), value, meaning: in_words(state).to_owned() },
        None => {
            Decision { layer: None, value: None, meaning: "not decided here: this policy is not configured".to_owned() }
        }
    };
    let now = Decision { layer: None, value: None, meaning: "not known: the registry hives were not read".to_owned() };
    Ok(Explain {
        schema: "gpol.explain/1",
        target: TargetModel::new(target),
        admx: AdmxModel::new(catalog),
        side: side.as_str(),
        scope: place.scope.clone().unwrap_or_else(|| scope.clone()),
        policy: PolicyModel {
            // A comment that cannot be read decides nothing; `show` says why.
            comment: comments_of(place).ok().and_then(|comments| comments.get(&policy.namespace, &policy.name)),
            ..PolicyModel::new(catalog, &reading)
        },
        layers: layer.into_iter().collect(),
        verdict: Verdict { now, next_boot },
        not_seen: not_seen(target, scope),
    })
}

fn in_words(state: State) -> &'static str {
    match state {
        State::Enabled => "Enabled, once Windows has applied this policy file",
        State::Disabled => "Disabled, once Windows has applied this policy file",
        State::Mixed => "Mixed: its records fit no state that the editor can make",
        State::NotConfigured => "Not configured",
    }
}

fn not_seen(target: &Target, scope: &Scope) -> Vec<String> {
    let mut unseen = Vec::new();
    // Of per-user local GPOs the last one that says something wins.
    let others: Vec<String> = target
        .sides
        .iter()
        .filter_map(|file| file.scope.as_ref().filter(|s| s.side() == Side::User && scope.side() == Side::User))
        .filter(|other| *other != scope)
        .map(|other| format!("--scope {other}"))
        .collect();
    if !others.is_empty() && target.kind != Kind::Pol {
        unseen.push(format!("the other local GPOs for users here: {}", others.join(", ")));
    }
    if target.kind == Kind::Windows {
        unseen.push("the registry of this installation: what policy has applied before, and local settings".to_owned());
    }
    let others = match target.kind {
        Kind::GpoSysvol | Kind::GpoCached | Kind::GpoBackup => "other GPOs, and where this one is linked",
        _ => "domain GPOs, which win over local policy once the machine has joined, and MDM",
    };
    unseen.push(others.to_owned());
    unseen
}
