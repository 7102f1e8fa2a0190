//! `gpol pol set`, `delete` and `forget`: one record, changed as `gpol apply` changes what a state file names.

use std::path::PathBuf;

use admx::{RegistryAddress, Side};
use clap::Args;
use gpo::desired::{Desired, DesiredScope, Forgotten, Origin, What};
use gpo::edit::{file_of, read};
use gpo::exchange::state::typed;
use gpo::scope::Scope;
use gpo::secret::is_secret;
use gpo::source::{Place, Spot};
use polfile::{Action, PolicyFile, Record, ValueType};

use crate::args::WriteArgs;
use crate::commands::apply::{Case, Way, bring};
use crate::context::{failed, load_templates, open_gpo};
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::paste::hide_words;
use crate::registry_value::{RegistryValue, scope_of};
use crate::ui::Ui;

/// Make policy set a value of the registry, whether a template knows it or not
///
/// Writes one record, and does with it all that gpol policy set does: the GPO's version counts up, its extension list names
/// what Windows must run, the change is recorded and can be undone. A value that is right already changes nothing.
#[derive(Args, Debug)]
#[command(after_help = "\
Types and data, as in state files:
  dword 0, dword 0x10, qword 1, dword-be 1
  sz \"a text\", expand-sz \"%ProgramFiles%\", multi-sz FIRST SECOND
  binary hex:0aff, none hex:

Examples:
  gpol pol set /mnt/gold 'HKLM\\SOFTWARE\\Policies\\Acme!Level' dword 3 --dry-run
  gpol pol set user.pol 'HKCU\\Software\\Policies\\Acme!Server' sz proxy.corp.test")]
pub struct SetArgs {
    #[command(flatten)]
    what: WhatArgs,
    /// Type: dword, sz, expand-sz, multi-sz, qword, binary, none or dword-be
    #[arg(value_name = "TYPE")]
    value_type: String,
    /// Data, in the words of state files
    data: Vec<String>,
    #[command(flatten)]
    write: WriteArgs,
}

/// Make policy delete a value of the registry
///
/// Writes the record **del.VALUE: Windows deletes the value whenever it applies policy. To take back what policy sets is
/// another thing: gpol pol forget.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  gpol pol delete /mnt/gold 'HKLM\\SOFTWARE\\Policies\\Acme!Level' --dry-run")]
pub struct DeleteArgs {
    #[command(flatten)]
    what: WhatArgs,
    #[command(flatten)]
    write: WriteArgs,
}

/// Take out the records of a value of the registry, so that policy says nothing of it
///
/// Windows takes back what policy had set when it next applies policy. To have a value deleted that policy did not set:
/// gpol pol delete.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  gpol pol forget /mnt/gold 'HKLM\\SOFTWARE\\Policies\\Acme!Level' --dry-run")]
pub struct ForgetArgs {
    #[command(flatten)]
    what: WhatArgs,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Debug)]
struct WhatArgs {
    /// Policy file, GPO folder, GPO backup, or root of a mounted Windows volume; `local:` on Windows
    target: PathBuf,
    /// Value, in any form in which people have one: HKLM\key!value, HKEY_CURRENT_USER\key\value; a key's default value
    /// is key!(Default)
    #[arg(value_name = "KEY!VALUE")]
    value: String,
}

/// What becomes of the value.
enum Wanted<'a> {
    Set(&'a str, &'a [String]),
    Deleted,
    Forgotten,
}

pub fn set(args: &SetArgs, ui: &Ui) -> Result<Exit, Stop> {
    change(&args.what, &Wanted::Set(&args.value_type, &args.data), &args.write, ui)
}

pub fn delete(args: &DeleteArgs, ui: &Ui) -> Result<Exit, Stop> {
    change(&args.what, &Wanted::Deleted, &args.write, ui)
}

pub fn forget(args: &ForgetArgs, ui: &Ui) -> Result<Exit, Stop> {
    change(&args.what, &Wanted::Forgotten, &args.write, ui)
}

fn change(what: &WhatArgs, wanted: &Wanted<'_>, args: &WriteArgs, ui: &Ui) -> Result<Exit, Stop> {
    let address = RegistryAddress::parse_in_any_hive(&what.value);
    let readings = RegistryValue::readings(&address);
    hide(&what.value, &readings, wanted);
    let Some(likeliest) = readings.first() else {
        return Err(no_value(&what.value).detail("Nothing was written.").into());
    };
    let snapshot = args.domain.ad.snapshot()?;
    let target = open_gpo(&what.target, args.file_only, snapshot.as_ref(), ui)?;
    let scope = scope_of(&address, args.options.scope.scope.as_ref(), &target)?;
    let value = match &*readings {
        [only] => only,
        several => {
            let file = read(&file_of(&target, &scope).map_err(failed)?).map_err(failed)?;
            several.iter().find(|value| speaks(&file, value)).unwrap_or(likeliest)
        }
    };
    let desired = desired(value, &scope, wanted)?;
    let catalog = load_templates(&args.options.templates.templates(), Some(&target))?;
    let case = Case { target, catalog, desired, prune: false, about_unmanaged: None };
    let way = Way {
        reviewed: None,
        schema: match wanted {
            Wanted::Set(..) => "gpol.pol-set/1",
            Wanted::Deleted => "gpol.pol-delete/1",
            Wanted::Forgotten => "gpol.pol-forget/1",
        },
        change: &args.change,
        directory: &args.domain.directory(snapshot.as_ref()),
        asks: false,
        format: args.options.output.format,
    };
    bring(&case, &way, ui)?;
    Ok(Exit::Yes)
}

/// Data and names that are secrets are repeated nowhere from now on.
fn hide(typed: &str, readings: &[RegistryValue], wanted: &Wanted<'_>) {
    let mut hidden: Vec<String> = Vec::new();
    if readings.iter().any(RegistryValue::is_hidden) {
        hidden.push(typed.to_owned());
    }
    if let Wanted::Set(_, data) = wanted {
        let secret = |text: &&String| {
            let wide: Vec<u8> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
            readings.iter().any(|value| is_secret(&value.key, &value.name, ValueType::SZ, &wide))
        };
        hidden.extend(data.iter().filter(secret).cloned());
    }
    hide_words(hidden);
}

pub fn no_value(text: &str) -> CommandError {
    CommandError::new(Code::NOT_A_VALUE, format!("\"{text}\" names no value of the registry"))
        .detail("A value has a key and a name, and ! or \\ between them.")
        .help(r"write it as HKLM\SOFTWARE\Policies\Acme!Level, in quotes")
}

/// Whether a policy file has a record of a value.
fn speaks(file: &PolicyFile, value: &RegistryValue) -> bool {
    file.records().any(|record| {
        let name = match record.action() {
            Action::Set => record.value_name,
            Action::DeleteValue(name) | Action::SetIfMissing(name) => name,
            _ => return false,
        };
        let same = |wide: polfile::WideStr<'_>, text: &str| wide.fold() == text.into();
        same(record.key, &value.key) && same(name, &value.name)
    })
}

fn desired(value: &RegistryValue, scope: &Scope, wanted: &Wanted<'_>) -> Result<Desired, CommandError> {
    let RegistryValue { key, name } = value;
    let origin =
        Origin { place: Place { path: "the command line".into(), spot: Spot::Line(0) }, gpo: None, overrides: None };
    let mut all = DesiredScope::of(scope.clone());
    let record = match wanted {
        Wanted::Set(word, data) => Some(record(value, scope.side(), word, data)?),
        Wanted::Deleted => Some(Record::delete_value(&**key, &**name).map_err(|error| refused(&error.to_string()))?),
        Wanted::Forgotten => None,
    };
    match record {
        Some(record) => {
            all.origins.insert(record.as_ref().slot(), origin);
            all.file.push(record.as_ref());
        }
        None => all.forgotten.push(Forgotten { what: What::Value(key.clone(), name.clone()), origin }),
    }
    Ok(Desired { scopes: vec![all], ..Desired::default() })
}

fn record(value: &RegistryValue, side: Side, word: &str, data: &[String]) -> Result<Record, CommandError> {
    let (value_type, data) = typed(word, data).map_err(|why| refused(&why))?;
    let made = Record::new((&*value.key).into(), (&*value.name).into(), value_type, data);
    let record = made.map_err(|error| refused(&error.to_string()))?;
    if record.as_ref().action() != Action::Set {
        let what = format!(
            "{} is no value that a record can set: in a policy file it means something else",
            value.text(Some(side))
        );
        return Err(CommandError::new(Code::NOT_A_VALUE, what)
            .detail("Nothing was written.")
            .help("to have a value deleted:  gpol pol delete"));
    }
    Ok(record)
}

fn refused(why: &str) -> CommandError {
    CommandError::new(Code::RECORD_DATA, why)
        .detail("Nothing was written.")
        .help("for example:  dword 1, sz \"a text\", multi-sz FIRST SECOND, binary hex:0aff")
}
