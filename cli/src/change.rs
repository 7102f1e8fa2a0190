//! What all commands that change a target share: the transaction, its flags, and what is said of it.

use std::time::Duration;

use gpo::bookkeeping::Books;
use gpo::error::Error;
use gpo::plan::Plan;
use gpo::target::Target;
use gpo::transaction::{History, Note, Recovery, Transaction, TransactionError};

use crate::args::{ChangeArgs, HistoryArgs};
use crate::context::failed;
use crate::error::{Code, CommandError};
use crate::interrupt::whole;
use crate::onward;
use crate::paste::words;
use crate::ui::Ui;

/// Locks a target for a change; `None` for a dry run, which only reads.
pub fn begin(target: &Target, args: &ChangeArgs, ui: &Ui) -> Result<Option<Transaction>, CommandError> {
    if args.dry_run {
        return Ok(None);
    }
    let history = match args.no_backup {
        true => {
            ui.warning(
                "the change is not recorded: gpol undo cannot take it back, and a crash in the middle is not mended",
            );
            history(&args.history).ok()
        }
        false => Some(history(&args.history)?),
    };
    let wait = Duration::from_secs(args.wait);
    let transaction = Transaction::begin(target, history, !args.no_backup, wait).map_err(refused)?;
    for found in transaction.recovered() {
        let id = &found.id;
        ui.warning(match &found.how {
            Recovery::Finished => format!("change {id} had been interrupted; gpol has finished it"),
            Recovery::Reverted => {
                format!("change {id} had been interrupted before it replaced anything; gpol has cleaned up")
            }
            Recovery::Left(path) => format!(
                "change {id} had been interrupted, and {} has been written since; gpol leaves it as it is:  {}",
                path.display(),
                onward::on_path(&target.path, "history", "")
            ),
            Recovery::Elsewhere(record) => format!(
                "change {id} had been interrupted, and what is in {} now is not what it was made to; gpol mends it when that is there again, and keeps {}",
                target.path.display(),
                record.display()
            ),
        });
    }
    Ok(Some(transaction))
}

/// Where changes are recorded.
pub fn history(args: &HistoryArgs) -> Result<History, CommandError> {
    let named = args.backup_dir.as_ref().map(History::new);
    named.or_else(History::of_this_user).ok_or_else(|| {
        CommandError::new(
            Code::HISTORY,
            "nothing says where changes are recorded: the environment names no home folder",
        )
        .detail("Nothing was written.")
        .help("name a folder outside the target:  --backup-dir DIR")
        .help("or go without undo:  --no-backup")
    })
}

/// Carries a plan out, whatever Ctrl-C says meanwhile. The id under which it is recorded.
pub fn commit(transaction: &Transaction, plan: &Plan, note: &Note) -> Result<Option<String>, CommandError> {
    whole(|| transaction.commit(plan, note)).map_err(refused)
}

/// What is noted with the change.
pub fn note<'b>(args: &ChangeArgs, books: impl IntoIterator<Item = &'b Books>) -> Note {
    let directory = books.into_iter().filter_map(Books::record).collect();
    Note { command: words(), reason: args.reason.clone(), undoes: None, directory }
}

/// What an error of a transaction means to people.
pub fn refused(error: TransactionError) -> CommandError {
    failed(Error::from(error))
}
