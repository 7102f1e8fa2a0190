//! `gpol convert`: from any format that says registry policy to another, and nothing lost silently.

mod format;
mod input;
mod loss;
mod output;
mod secrets;

use std::path::{Path, PathBuf};

use clap::Args;
use gpo::exchange::lgpo::Scope;
use gpo::exchange::state;
use gpo::source::Options;

use crate::args::TemplateArgs;
use crate::context::{load_templates, warn_of_gpo, write_output};
use crate::directory::AdArgs;
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::ui::Ui;
use format::FileFormat;
use input::Inputs;
use output::Output;

/// Convert policy from one format to another
///
/// Inputs are recognised by their content: policy files, GPO folders, backups, Windows images, LGPO text, .PolicyRules,
/// .reg, samba-tool's JSON, gpol's JSON, state files, Registry.xml of preferences. What the format cannot carry is
/// listed, nothing is written, and the exit code is 5; --lossy goes on without it.
#[derive(Args, Debug)]
#[command(after_long_help = format::LOSS_TABLE)]
pub struct ConvertArgs {
    /// Files or folders, one behind the other, or `-` for standard input
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Write here; the format is that of the ending: .pol .txt .json .PolicyRules .reg .yaml .toml .csv .gpol.json.
    /// For a backup, the folder to make
    #[arg(short, long, value_name = "FILE", required_unless_present = "format")]
    output: Option<PathBuf>,
    /// Format to write: pol, lgpo, json, policyrules, reg, samba-json, yaml, toml, state-json, csv or backup
    #[arg(short, long, value_name = "FORMAT", hide_possible_values = true)]
    format: Option<FileFormat>,
    /// Take this scope alone; for a policy file, what it is where its folder does not tell: computer, user,
    /// user:administrators, user:non-administrators or user:SID
    #[arg(short, long, value_name = "SCOPE")]
    scope: Option<gpo::scope::Scope>,
    /// Go on without what the format cannot carry, and list it
    #[arg(long)]
    lossy: bool,
    /// List all that is lost or odd, not only the first 20 of each kind
    #[arg(long)]
    all_losses: bool,
    /// Begin CSV with the byte order mark that Excel needs
    #[arg(long)]
    bom: bool,
    /// Display name of the GPO in a backup
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    ad: AdArgs,
    #[command(flatten)]
    templates: TemplateArgs,
}

pub fn run(args: &ConvertArgs, ui: &Ui) -> Result<Exit, Stop> {
    let format = FileFormat::of(args.format, args.output.as_deref())?;
    let files = input::open(&args.inputs)?;
    if let (Some(notation), Some(state)) = (format.notation(), input::only_state(&files)?) {
        // From one notation to another: what the file says of policies stays as it is.
        secrets::warn_of_state(&state, ui);
        let text = state::render(&state, notation, &[]);
        return write(args, ui, text.as_bytes());
    }
    // A backup lists the extensions that its policies name.
    let names = matches!(format, FileFormat::Csv | FileFormat::Backup) || format.notation().is_some();
    let named = names || files.iter().any(input::File::is_state);
    let catalog = match named {
        true => Some(load_templates(&args.templates.templates(), input::only_target(&args.inputs).as_ref())?),
        false => None,
    };
    let asked = args.scope.as_ref().map(Scope::from);
    let snapshot = args.ad.snapshot()?;
    let inputs = Inputs::read(files, Options { catalog, snapshot: snapshot.as_ref() }, asked.as_ref(), ui)?;
    loss::warn_of_notes(inputs.notes(), args.all_losses, ui);
    let policy = inputs.policy(format, args)?;
    for scope in policy.iter().filter_map(|policy| policy.scope.as_ref()) {
        if format == FileFormat::Lgpo && matches!(scope, Scope::UserOf(account) if account.starts_with("S-1-")) {
            let why = "LGPO.exe wants the name of the user's account there, which a policy file does not tell";
            ui.warning(format!("{scope}: {why}"));
        }
    }
    let output = output::make(format, &inputs, &policy, catalog, args)?;
    let lost = loss::Lost::new(&inputs, format, output.losses(), args.all_losses);
    if !lost.is_empty() {
        if !args.lossy {
            return Err(lost.refused(&policy).into());
        }
        lost.warn(ui);
    }
    if format != FileFormat::Csv {
        secrets::warn(&policy, ui);
    }
    match output {
        Output::File { bytes, .. } => write(args, ui, &bytes),
        Output::Text(text) if args.output.is_some() => write(args, ui, &text.bytes()),
        Output::Text(text) => {
            ui.stream(|out| text.print(out))?;
            Ok(Exit::Yes)
        }
        Output::Folder { files, .. } => {
            let folder = args.output.as_ref().ok_or_else(folder_needed)?;
            output::write_folder(folder, files)?;
            Ok(Exit::Yes)
        }
    }
}

fn folder_needed() -> CommandError {
    CommandError::new(Code::FORMAT_NEEDED, "a backup is a folder; nothing says which one to make")
        .help("name a folder that does not exist yet:  -o FOLDER")
}

fn write(args: &ConvertArgs, ui: &Ui, bytes: &[u8]) -> Result<Exit, Stop> {
    match &args.output {
        Some(path) => {
            let inputs: Vec<&Path> = args.inputs.iter().map(PathBuf::as_path).collect();
            write_output(path, bytes, &inputs)?;
            warn_of_gpo(path, ui);
        }
        None => ui.raw(bytes)?,
    }
    Ok(Exit::Yes)
}
