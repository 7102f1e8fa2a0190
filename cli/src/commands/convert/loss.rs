//! What does not come along, for people.

use gpo::exchange::Loss;
use gpo::exchange::state::StateFile;
use gpo::source::{Place, SetAside, Spot};

use super::format::FileFormat;
use super::input::{Inputs, Policy};
use crate::commands::pol::count;
use crate::error::{Code, CommandError};
use crate::malformed::thousands;
use crate::ui::{LISTED, Line, Style, Ui};

/// All that the output does not hold.
pub struct Lost<'a> {
    /// How many losses of a kind are listed.
    most: usize,
    format: FileFormat,
    records: &'a [Loss],
    /// What is no registry policy, and what only a state file can say.
    others: Vec<String>,
}

/// One line for what was set aside.
pub fn remark(aside: &SetAside) -> String {
    let place = match aside.place.spot {
        Spot::Line(0) | Spot::Record { .. } => aside.place.path.display().to_string(),
        Spot::Line(line) => format!("{}, line {line}", aside.place.path.display()),
    };
    let times = if aside.count > 1 { format!(" ({} of them; the first here)", aside.count) } else { String::new() };
    format!("not in it: {}{times}, {place}", aside.what)
}

/// How many of a kind are listed.
fn most(all: bool) -> usize {
    if all { usize::MAX } else { LISTED }
}

/// Warns of what is odd about the inputs.
pub fn warn_of_notes<'n>(notes: impl Iterator<Item = &'n (Place, String)>, all: bool, ui: &Ui) {
    let mut notes = notes;
    for (place, note) in notes.by_ref().take(most(all)) {
        ui.warning(format!("{place}: {note}"));
    }
    match notes.count() {
        0 => {}
        more => ui.warning(format!("and {} more; --all-losses lists them", thousands(more))),
    }
}

impl<'a> Lost<'a> {
    pub fn new(inputs: &Inputs, format: FileFormat, records: &'a [Loss], all: bool) -> Self {
        let mut others: Vec<String> = inputs.asides().iter().map(remark).collect();
        let states = || inputs.sources.iter().filter_map(|source| Some((source, source.state.as_ref()?)));
        for (source, state) in states() {
            let name = source.path.display();
            others.extend(beside_records(state).into_iter().map(|what| format!("not in it: {what}, {name}")));
        }
        for part in &inputs.parts {
            others.extend(part.absent.iter().map(|absent| {
                let what = match &absent.policy {
                    Some(id) => format!("{id} not configured"),
                    None => format!("no record for {}!{}", absent.key, absent.value_name),
                };
                format!("not in it: {what}, {}:{}", part.path.display(), absent.at.line)
            }));
        }
        Self { most: most(all), format, records, others }
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.others.is_empty()
    }

    /// What a list of so many leaves out.
    fn more(&self, all: usize) -> Option<String> {
        let left_out = all.checked_sub(self.most).filter(|more| *more > 0)?;
        Some(format!("and {} more; --all-losses lists them", thousands(left_out)))
    }

    /// The error that lists it.
    pub fn refused(&self, policy: &[Policy<'_>]) -> CommandError {
        let (lost, all) = (self.records.len(), policy.iter().map(|policy| policy.file.len()).sum::<usize>());
        let what = match lost {
            0 => format!("{} cannot hold all of the input", self.format.name()),
            _ => format!("{} cannot be expressed in {}", count(lost, "record"), self.format.name()),
        };
        let several = policy.len() > 1;
        let place = |loss: &Loss| {
            let scope = if several { format!("{} ", loss.scope.word()) } else { String::new() };
            format!("{scope}record {}", loss.record + 1)
        };
        let widest = self.records.iter().map(|loss| place(loss).len()).max().unwrap_or(0);
        let longest = self.records.iter().map(|loss| loss.name.chars().count()).max().unwrap_or(0).min(30);
        let lines = self.records.iter().take(self.most).map(|loss| {
            let offset = format!("@{:#x}", loss.offset);
            let start = format!("{:<widest$}   {offset:<8}   {:<longest$}   ", place(loss), loss.name);
            Line::indented(2).text(start).hang().span(Style::Faint, &loss.why)
        });
        let failed = CommandError::new(Code::CANNOT_CARRY, what).lines(lines);
        let failed = failed.lines(self.more(self.records.len()).map(|more| Line::indented(2).text(more)));
        let others = self.others.iter().take(self.most).map(|other| Line::indented(2).text(other));
        let failed = failed.lines(others.chain(self.more(self.others.len()).map(|more| Line::indented(2).text(more))));
        let rest = all - lost;
        let go_on = match (lost, rest) {
            (0, _) => "add --lossy to go on without it".to_owned(),
            (_, 0) => "add --lossy to go on without them; nothing else is in the input".to_owned(),
            (_, 1) => "add --lossy to write the other record and list what is left out".to_owned(),
            _ => format!("add --lossy to write the other {rest} records and list what is left out"),
        };
        let instead = match self.records.is_empty() {
            true => go_on,
            false => format!("{go_on}, or use -f yaml, which carries every record"),
        };
        failed.detail("Nothing was written.").help(instead)
    }

    /// Says on standard error what is left out.
    pub fn warn(&self, ui: &Ui) {
        for loss in self.records.iter().take(self.most) {
            let how = match (loss.written, self.format) {
                (true, _) => "is written, but",
                (false, FileFormat::Lgpo) => "stands in the text as a comment:",
                (false, _) => "is left out:",
            };
            ui.warning(format!("record {} at {:#x} {how} {}", loss.record + 1, loss.offset, loss.why));
        }
        self.more(self.records.len()).iter().for_each(|more| ui.warning(more));
        for other in self.others.iter().take(self.most) {
            ui.warning(other);
        }
        self.more(self.others.len()).iter().for_each(|more| ui.warning(more));
        if !self.records.is_empty() {
            let name = self.format.name();
            ui.warning(format!("{name} cannot carry {}; -f yaml can", count(self.records.len(), "record")));
        }
    }
}

/// What a state file says that no record can.
fn beside_records(state: &StateFile) -> Vec<String> {
    let several = |n: usize, what: &str| (n > 0).then(|| format!("{what} ({n})"));
    [
        several(state.extends.len(), "the files that it builds on"),
        several(state.facts.len() + state.verdicts.len(), "facts about an image"),
        several(state.waivers.len(), "waivers"),
    ]
    .into_iter()
    .flatten()
    .collect()
}
