//! Secrets that a conversion carries along: formats that are applied again keep them, and say so.

use gpo::exchange::state::StateFile;
use gpo::model::RecordModel;
use gpo::secret::{are_shown, is_secret_name, is_secret_record, may_hold_secrets};

use super::input::Policy;
use crate::commands::pol::count;
use crate::commands::values;
use crate::ui::Ui;

/// Places that a warning names.
const MOST: usize = 5;

/// Says how many secrets the output holds, and where; not to who wants them shown.
pub fn warn(policy: &[Policy], ui: &Ui) {
    if are_shown() {
        return;
    }
    let mut places = Vec::new();
    for Policy { scope, file } in policy {
        let side = crate::commands::sides::side_word(scope.as_ref());
        for (index, record) in file.records().enumerate() {
            let named = || is_secret_name(&record.key.to_text_lossy(), &record.value_name.to_text_lossy());
            if is_secret_record(&record) || named() {
                places.push(values::full_name(side, &RecordModel::new(index, &record)));
            }
        }
    }
    let Some(more) = places.len().checked_sub(MOST) else { return say(&places, 0, ui) };
    say(&places[..MOST], more, ui);
}

fn say(places: &[String], more: usize, ui: &Ui) {
    if places.is_empty() {
        return;
    }
    let others = if more > 0 { format!(" and {more} more") } else { String::new() };
    let all = count(places.len() + more, "secret");
    ui.warning(format!("the output holds {all} in the clear: {}{others}", places.join(", ")));
}

/// Says that a state file may hold secrets, which is rewritten as it stands: only templates tell where its policies write.
pub fn warn_of_state(state: &StateFile, ui: &Ui) {
    if !are_shown() && may_hold_secrets(format!("{state:?}").as_bytes()) {
        ui.warning("the output may hold secrets in the clear");
    }
}
