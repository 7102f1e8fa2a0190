//! Which of the GPOs of a plan clients pass over, and what has to be taken for granted to say so.

use admx::Side;

use super::layer::{Layer, PassedOver};
use super::plan::{LeftOutModel, Plan, title};
use crate::ad::GpoObject;
use crate::doctor::Answer;
use crate::filter::{self, Check, Details, VersionFile};
use crate::search::Unreadable;
use crate::target::Kind;

const SIDES: [Side; 2] = [Side::Computer, Side::User];

/// What is to be done about a domain GPO without a `gpt.ini`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WithoutFile {
    /// A client that finds the GPO linked finds the file missing.
    Ends,
    /// Nobody said that it is linked: what is here may be a part of a GPO.
    Assumed,
}

/// What clients stop at, and the side whose application of policy ends there.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    side: Side,
    /// What people know the GPO by.
    gpo: String,
    why: String,
}

impl Plan {
    /// Asks of a layer whether clients pass over it; layers that are of no domain are not asked.
    pub(super) fn judge(&mut self, layer: &mut Layer, object: Option<&GpoObject<'_>>, without: WithoutFile) {
        if !matches!(layer.gpo.kind, Kind::GpoSysvol | Kind::GpoCached) {
            return;
        }
        if let Some(object) = object {
            layer.switch_off(object.off());
        }
        let name = title(&layer.gpo);
        let sides = SIDES.map(|side| (side, filter::side(object, &layer.ini, side)));
        match (&layer.ini, without) {
            (VersionFile::Missing, WithoutFile::Assumed) => {
                self.take_for_granted("GPT.INI, which is not here, has a version", &name)
            }
            _ => self.ends(layer, &sides),
        }
        let whole = object.map(filter::gpo);
        if let Some(check) = whole.as_ref().filter(|check| check.answer == Answer::No) {
            return layer.passed_over.push(PassedOver::new(None, check));
        }
        for (side, checks) in &sides {
            if !layer.has_policy(*side) {
                continue;
            }
            match checks.iter().find(|check| check.answer == Answer::No) {
                Some(check) => layer.passed_over.push(PassedOver::new(Some(*side), check)),
                None => {
                    let unsure = checks.iter().chain(&whole).filter(|check| check.answer == Answer::Uncertain);
                    unsure.for_each(|check| self.take_for_granted(&check.assume, &name));
                }
            }
        }
        if let Some(object) = object.filter(|_| !layer.is_nothing()) {
            match object.entry().text("gPCWQLFilter") {
                Some(filter) if !filter.trim().is_empty() => {
                    self.assumed.push(format!("the WMI filter of {name} is true"));
                }
                None if !object.is_whole() => {
                    self.take_for_granted("no WMI filter denies it: gPCWQLFilter (not in the export)", &name)
                }
                _ => {}
            }
        }
    }

    /// A `gpt.ini` that clients cannot read ends the application of the sides for which they ask for the GPO.
    fn ends(&mut self, layer: &mut Layer, sides: &[(Side, Vec<Check>)]) {
        let check = filter::version_file(&layer.ini);
        if check.answer != Answer::No {
            return;
        }
        // The search may leave out GPOs whose side is switched off, or has no extension at all ([MS-GPOL] 2.2.4).
        let is_asked_for = |checks: &[Check]| {
            !checks.iter().any(|check| {
                check.why == "side-disabled"
                    || check.why == "extension-not-listed" && check.details.get("value").is_none_or(String::is_empty)
            })
        };
        let ended: Vec<Side> = sides.iter().filter(|(_, checks)| is_asked_for(checks)).map(|(side, _)| *side).collect();
        let gpo = title(&layer.gpo);
        let why = check.details.get("problem").cloned().unwrap_or_default();
        self.ended.extend(ended.iter().map(|&side| Ended { side, gpo: gpo.clone(), why: why.clone() }));
        match *ended {
            [] => self.take_for_granted("clients do not search for it, and so do not stop at its GPT.INI", &gpo),
            [side] => layer.passed_over.push(PassedOver::new(Some(side), &check)),
            _ => layer.passed_over.push(PassedOver::new(None, &check)),
        }
        // What could not be read at all is among the problems already.
        if !ended.is_empty() && !matches!(layer.ini, VersionFile::Unreadable(_)) {
            self.unreadable.push(Unreadable {
                gpo: (&layer.gpo).into(),
                path: layer.gpo.path.join("GPT.INI").display().to_string(),
                message: check.found,
            });
        }
    }

    /// Something that must hold of a GPO, and that nothing here tells.
    pub(super) fn take_for_granted(&mut self, what: &str, gpo: &str) {
        match self.granted.iter_mut().find(|(known, _)| known == what) {
            Some((_, gpos)) if gpos.iter().any(|known| known == gpo) => {}
            Some((_, gpos)) => gpos.push(gpo.to_owned()),
            None => self.granted.push((what.to_owned(), vec![gpo.to_owned()])),
        }
    }

    /// Takes out what counts for nothing, once all is judged.
    pub(super) fn settle(&mut self) {
        for layer in &mut self.layers {
            for ended in &self.ended {
                let is_culprit = layer.passed_over.iter().any(|reason| reason.why == "gpt-ini");
                if layer.has_policy(ended.side) && !is_culprit {
                    let Ended { side, gpo, why } = ended;
                    layer.passed_over.push(PassedOver {
                        side: Some(*side),
                        why: "application-ended",
                        reason: format!("clients end their application of {side} policy at {gpo}: {why}"),
                        details: Details::from([("gpo", gpo.clone())]),
                    });
                }
            }
        }
        for layer in &self.layers {
            self.left_out.extend(layer.passed_over.iter().map(|reason| LeftOutModel::new(layer, reason)));
        }
        self.layers.retain(|layer| !layer.is_nothing());
        const MOST: usize = 5;
        for (what, gpos) in std::mem::take(&mut self.granted) {
            let more = gpos.len().checked_sub(MOST + 1).map(|more| format!(" and {} more", more + 1));
            let names = gpos.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
            self.assumed.push(format!("{what}: {names}{}", more.unwrap_or_default()));
        }
        if self.layers.iter().any(|layer| layer.link.is_some() || layer.gpo.kind == Kind::GpoSysvol) {
            self.assumed.push("clients apply these GPOs anew, changed or not, over a slow link as well".to_owned());
        }
    }
}

impl PassedOver {
    fn new(side: Option<Side>, check: &Check) -> Self {
        Self { side, why: check.why, reason: check.found.clone(), details: check.details.clone() }
    }
}

impl LeftOutModel {
    fn new(layer: &Layer, passed_over: &PassedOver) -> Self {
        let PassedOver { side, why, reason, details } = passed_over.clone();
        Self {
            gpo: Some((&layer.gpo).into()),
            name: title(&layer.gpo),
            side: side.map(Side::as_str),
            why,
            reason,
            details,
        }
    }
}
