//! `gpol search`: who sets this?

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use ::admx::{Catalog, State};
use clap::{Args, ValueEnum};
use gpo::effective::InDirectory;
use gpo::scan::{self, Progress};
use gpo::search::{
    Case, Filter, GpoMatches, Manner, Match, NotSearched, Places, Query, QueryError, Search, Setting, Unreadable,
    search,
};
use gpo::show::TargetModel;
use gpo::target::Kind;
use polfile::ValueType;
use serde::Serialize;

use crate::args::{ScopeArgs, TemplateArgs};
use crate::commands::pol::count;
use crate::commands::show::{state, templates};
use crate::commands::values;
use crate::context::{failed, load_templates_of, no_such_policy};
use crate::directory::{AdArgs, in_words, links};
use crate::error::{Code, CommandError, Stop};
use crate::exit::Exit;
use crate::overlooked::by_role;
use crate::progress::while_reading;
use crate::ui::{Line, Page, Style, Ui, in_quotes};

/// Search many GPOs: who sets this value, this policy, this text?
///
/// Looks at every record of every policy file, and at the registry values of Group Policy Preferences
/// and security templates; what is not searched is listed. Names match in any case, with or without
/// hive and **del.; those of policies in any language of the templates. PATTERN is a regex, or:
///
///   HKLM\key!value   that value, and what deletes it; also HKLM:\ and HKEY_LOCAL_MACHINE\
///   HKLM\key         that key and all below it; reg:key without a hive
///   id:X  name:X     the policy with this id or display name
///   A > B > C        that policy, or those of that category, as a KB prints it; also A\B\C
///
/// Exit code 0 if something was found, 1 if not, 7 if a GPO could not be read or a link leads out.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    override_usage = "gpol search [OPTIONS] <PATTERN> <TARGETS>...\n       gpol search [OPTIONS] -e <PATTERN>... <TARGETS>..."
)]
pub struct SearchArgs {
    /// What to look for
    pattern: OsString,
    /// Where: SYSVOL, GPOs, folders of GPO backups, policy files, mounted Windows volumes
    #[arg(required_unless_present = "patterns")]
    targets: Vec<PathBuf>,
    /// What to look for, if it is several things or begins with a hyphen; can be repeated
    #[arg(short = 'e', long = "regexp", id = "patterns", value_name = "PATTERN", allow_hyphen_values = true)]
    patterns: Vec<String>,
    /// Take PATTERN as text, not as a regular expression
    #[arg(short = 'F', long)]
    fixed_strings: bool,
    /// Only where PATTERN stands between word boundaries
    #[arg(short, long)]
    word_regexp: bool,
    /// Compare data in any case, too, even if PATTERN has a capital
    #[arg(short, long, conflicts_with = "case_sensitive")]
    ignore_case: bool,
    /// Compare everything as written, names too
    #[arg(long)]
    case_sensitive: bool,
    /// Print only the paths of GPOs with a match
    #[arg(short = 'l', long, conflicts_with_all = ["count", "format"])]
    files_with_matches: bool,
    /// Print only how many matches each GPO has
    #[arg(short, long, conflicts_with = "format")]
    count: bool,
    /// Look in keys; these four can be combined, without any of them everything is looked at
    #[arg(long)]
    key: bool,
    /// Look in names of values
    #[arg(long)]
    value: bool,
    /// Look in data: text, items of lists, numbers (decimal or 0x…), bytes in hexadecimal
    #[arg(long)]
    data: bool,
    /// Look in names, ids and categories of policies
    #[arg(long)]
    name: bool,
    /// Only records of policies in this state: enabled, disabled or mixed
    #[arg(long, value_name = "STATE", hide_possible_values = true)]
    state: Option<StateArg>,
    /// Only records of this type, such as dword, sz, multi-sz
    #[arg(long = "type", value_name = "TYPE", value_parser = value_type)]
    value_type: Option<ValueType>,
    /// Only what makes Windows delete values or keys: **del., **delvals. and the like
    #[arg(long)]
    deleted: bool,
    /// Use no templates at all: no policy is found by its name
    #[arg(long, conflicts_with_all = ["admx", "lang"])]
    no_admx: bool,
    #[command(flatten)]
    ad: AdArgs,
    #[command(flatten)]
    templates: TemplateArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    /// How to print the result: human (the default), json or jsonl (one GPO a line, a summary last)
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        default_value = "human",
        hide_possible_values = true,
        hide_default_value = true
    )]
    format: FormatArg,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum FormatArg {
    Human,
    Json,
    Jsonl,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum StateArg {
    Enabled,
    Disabled,
    Mixed,
}

impl From<StateArg> for State {
    fn from(state: StateArg) -> Self {
        match state {
            StateArg::Enabled => Self::Enabled,
            StateArg::Disabled => Self::Disabled,
            StateArg::Mixed => Self::Mixed,
        }
    }
}

/// `dword`, `multi-sz`, `REG_DWORD`, or a number.
fn value_type(text: &str) -> Result<ValueType, String> {
    let plain = text.to_ascii_uppercase().replace('-', "_");
    let name = if plain.starts_with("REG_") { plain } else { format!("REG_{plain}") };
    let number = || text.strip_prefix("0x").map_or_else(|| text.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok());
    let known = || ValueType::NAMED.iter().filter_map(|t| t.name()).map(|name| name.trim_start_matches("REG_"));
    ValueType::from_name(&name).or_else(|| number().map(ValueType)).ok_or_else(|| {
        let known: Vec<String> = known().map(|name| name.to_ascii_lowercase().replace('_', "-")).collect();
        format!("no type of that name; there are {}", known.join(", "))
    })
}

pub fn run(args: &SearchArgs, ui: &Ui) -> Result<Exit, Stop> {
    let start = Instant::now();
    let (patterns, targets) = args.words();
    let catalogs = args.catalogs(&targets)?;
    let catalog = catalogs.first().copied();
    let refused = |pattern: &str, error: QueryError| match (&error, catalog) {
        (QueryError::NoPolicy(reason), Some(catalog)) => no_such_policy(catalog, pattern, reason),
        (QueryError::Regex(reason), _) => not_a_regex(pattern, reason),
        _ => CommandError::new(Code::TEMPLATES, error.to_string()).help("leave --no-admx out"),
    };
    let (first, others) = patterns.split_first().expect("one is required");
    let query = |own: Option<&'static Catalog>| {
        let elsewhere = catalogs.iter().copied().filter(|other| own.is_none_or(|own| !std::ptr::eq(own, *other)));
        let elsewhere: Vec<&'static Catalog> = elsewhere.chain(own.map(|_| &*BUILTIN)).collect();
        let mut query =
            Query::new(first, args.manner(), args.filter(), own, &elsewhere).map_err(|error| refused(first, error))?;
        for pattern in others {
            query = query.or(pattern, args.manner()).map_err(|error| refused(pattern, error))?;
        }
        Ok::<_, Stop>(query)
    };
    let queries = match &*catalogs {
        [] => targets.iter().map(|_| query(None)).collect::<Result<Vec<_>, _>>()?,
        own => own.iter().map(|own| query(Some(own))).collect::<Result<Vec<_>, _>>()?,
    };
    if queries.iter().any(Query::is_taken_as_it_stands) {
        ui.warning("the pattern is no regular expression and was taken as it stands, as with -F");
    }
    let snapshot = args.ad.snapshot()?;
    let linked = snapshot.as_ref().map(|snapshot| links(snapshot, &args.ad)).transpose()?;
    let progress = Progress::default();
    let found = while_reading(&progress, || search(&queries, &targets, linked.as_ref(), &progress));
    let found = found.map_err(|error| failed(error.into()))?;
    for unreadable in &found.unreadable {
        ui.warning(format!("{}: {}", unreadable.path, unreadable.message));
    }
    args.print(&found, start.elapsed(), ui)?;
    Ok(match (found.unreadable.is_empty(), found.gpos.is_empty()) {
        (false, _) => Exit::Partial,
        (true, true) => Exit::No,
        (true, false) => Exit::Yes,
    })
}

fn not_a_regex(pattern: &str, error: &impl std::fmt::Display) -> CommandError {
    let message = error.to_string();
    // The last line says what is wrong, those before it point at the place.
    let reason = message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    CommandError::new(Code::PATTERN, format!("\"{pattern}\" is no regular expression: {reason}"))
        .help("to look for the text as it stands, add -F")
}

/// What names a policy of which no store knows.
static BUILTIN: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

impl SearchArgs {
    /// The templates of each target: its own store, else that of the first target that has one. None without templates.
    fn catalogs(&self, targets: &[PathBuf]) -> Result<Vec<&'static Catalog>, CommandError> {
        let mut loaded: Vec<(Option<PathBuf>, &'static Catalog)> = Vec::new();
        let first = scan::store_of(targets);
        let mut of = |target: &PathBuf| {
            let store = scan::store_of([target]).or_else(|| first.clone());
            let store = store.filter(|_| self.templates.admx.is_empty());
            if let Some((_, catalog)) = loaded.iter().find(|(known, _)| *known == store) {
                return Ok(*catalog);
            }
            let catalog = load_templates_of(&self.templates.templates(), store.clone())?;
            loaded.push((store, catalog));
            Ok(catalog)
        };
        if self.no_admx { Ok(Vec::new()) } else { targets.iter().map(&mut of).collect() }
    }

    /// Patterns and targets. With -e, all words are targets.
    fn words(&self) -> (Vec<String>, Vec<PathBuf>) {
        match self.patterns.is_empty() {
            true => (vec![self.pattern.to_string_lossy().into_owned()], self.targets.clone()),
            false => {
                let first = PathBuf::from(&self.pattern);
                (self.patterns.clone(), std::iter::once(first).chain(self.targets.iter().cloned()).collect())
            }
        }
    }

    fn manner(&self) -> Manner {
        let case = match (self.ignore_case, self.case_sensitive) {
            (_, true) => Case::Sensitive,
            (true, false) => Case::Ignore,
            (false, false) => Case::Smart,
        };
        Manner { case, fixed: self.fixed_strings, word: self.word_regexp }
    }

    fn filter(&self) -> Filter {
        Filter {
            places: Places { key: self.key, value: self.value, data: self.data, policy: self.name },
            state: self.state.map(State::from),
            value_type: self.value_type,
            deleted: self.deleted,
            scope: self.scope.scope.clone(),
        }
    }

    fn print(&self, found: &Search, took: Duration, ui: &Ui) -> io::Result<()> {
        if self.files_with_matches || self.count {
            let mut page = Page::new();
            for gpo in &found.gpos {
                let path = &gpo.gpo.path;
                let line = if self.count { format!("{path}:{}", gpo.matches.len()) } else { path.clone() };
                page.line(Line::from(&*line).whole());
            }
            // For scripts, which do not look for what else there is: what nothing at all was searched of.
            not_searched(found).into_iter().filter(|_| found.searched.files_not > 0).for_each(|text| ui.warning(text));
            return ui.page(&page);
        }
        match self.format {
            FormatArg::Human => {
                let took = io::stdout().is_terminal().then_some(took);
                ui.page(&page(found, self.ad.ad.is_some(), took))
            }
            FormatArg::Json => ui.json(found),
            FormatArg::Jsonl => lines(found, ui),
        }
    }
}

/// One line of `jsonl`.
#[derive(Serialize)]
struct OfGpo<'a> {
    schema: &'static str,
    #[serde(flatten)]
    matches: &'a GpoMatches,
}

#[derive(Serialize)]
struct OfUnreadable<'a> {
    schema: &'static str,
    #[serde(flatten)]
    unreadable: &'a Unreadable,
}

#[derive(Serialize)]
struct OfNotSearched<'a> {
    schema: &'static str,
    #[serde(flatten)]
    not_searched: &'a NotSearched,
}

#[derive(Serialize)]
struct Summary<'a> {
    schema: &'static str,
    pattern: &'a str,
    admx: &'a Option<gpo::show::AdmxModel>,
    searched: gpo::search::Searched,
    complete: bool,
}

fn lines(found: &Search, ui: &Ui) -> io::Result<()> {
    for matches in &found.gpos {
        ui.json_line(&OfGpo { schema: "gpol.search-gpo/1", matches })?;
    }
    for unreadable in &found.unreadable {
        ui.json_line(&OfUnreadable { schema: "gpol.search-unreadable/1", unreadable })?;
    }
    for not_searched in &found.not_searched {
        ui.json_line(&OfNotSearched { schema: "gpol.search-not-searched/1", not_searched })?;
    }
    ui.json_line(&Summary {
        schema: "gpol.search-summary/1",
        pattern: &found.pattern,
        admx: &found.admx,
        searched: found.searched,
        complete: found.unreadable.is_empty(),
    })
}

/// `with_directory` says that an export of Active Directory was read.
fn page(found: &Search, with_directory: bool, took: Option<Duration>) -> Page {
    let mut page = Page::new();
    for gpo in &found.gpos {
        page.line(title(&gpo.gpo));
        if with_directory && matches!(gpo.gpo.kind, Kind::GpoSysvol | Kind::GpoCached) {
            in_directory(&mut page, gpo.directory.as_ref());
        }
        let mut policies = None;
        for this in &gpo.matches {
            if policies != Some((&this.scope, &this.policies)) {
                policies = Some((&this.scope, &this.policies));
                for policy in &this.policies {
                    let line = state(scope_of(this), policy.state).column(RECORD + 10).hang();
                    page.line(line.text(&policy.display_name));
                }
            }
            page.line(what(this));
        }
        page.blank();
    }
    page.line(&*summary(found, took));
    for text in not_searched(found) {
        page.line(Line::new().span(Style::Warn, text).hang_at(2));
    }
    for (i, store) in found.stores.iter().enumerate() {
        page.field(if i == 0 { "ADMX" } else { "" }, &*templates(Some(store)));
    }
    if found.stores.is_empty() {
        page.field("ADMX", &*templates(None));
    }
    page
}

/// Column of what follows the scope.
const RECORD: usize = 12;

/// The GPO: its path, and its name where that is known.
fn title(gpo: &TargetModel) -> Line {
    let line = Line::new().span(Style::Strong, &gpo.path);
    match &gpo.name {
        Some(name) => line.text("  ").hang_at(2).text(name),
        None => line,
    }
}

/// Where Active Directory links the GPO, and which side of it is switched off.
fn in_directory(page: &mut Page, directory: Option<&InDirectory>) {
    let line = |label: &str| Line::indented(2).span(Style::Faint, label).column(RECORD).hang();
    let Some(directory) = directory else {
        page.line(
            line("linked").span(Style::Warn, "not in this export: a folder that is left over, or of another domain"),
        );
        return;
    };
    if let Some(links) = &directory.links {
        page.line(line("linked").append(&in_words(links)));
    }
    for side in &directory.off {
        page.line(line("off").span(Style::Warn, format!("the {side} side is switched off: nothing of it applies")));
    }
}

fn scope_of(this: &Match) -> Line {
    let scope = this.scope.as_ref().map_or_else(|| "either".to_owned(), ToString::to_string);
    Line::indented(2).span(Style::Faint, scope).column(RECORD)
}

fn what(this: &Match) -> Line {
    let line = match this.policies.is_empty() {
        true => scope_of(this),
        false => Line::indented(RECORD),
    };
    let line = line.hang_at(RECORD + 2);
    match (&this.record, &this.setting) {
        (Some(record), _) => {
            let place = format!("{}!{}", values::key(this.side, record), values::name(record));
            line.text(place).text("  ").text(values::effect(record))
        }
        (None, Some(setting)) => setting_line(line, this, setting),
        (None, None) => line,
    }
}

fn setting_line(line: Line, this: &Match, setting: &Setting) -> Line {
    let hive = match &*setting.hive.to_ascii_uppercase() {
        "HKEY_LOCAL_MACHINE" | "MACHINE" => "HKLM",
        "HKEY_CURRENT_USER" => "HKCU",
        _ => &setting.hive,
    };
    let name = if setting.value_name.is_empty() { "(Default)" } else { &setting.value_name };
    let data = match setting.number() {
        _ if setting.hidden => setting.data.clone(),
        Some(n) => n.to_string(),
        None if setting.value_type == "REG_MULTI_SZ" => {
            setting.data.split('\n').map(in_quotes).collect::<Vec<_>>().join(", ")
        }
        None => in_quotes(&setting.data),
    };
    let value = match (&*setting.value_type, setting.action) {
        (_, "delete") => "deletes it".to_owned(),
        ("", _) => "the key".to_owned(),
        (value_type, _) => format!("{value_type}  {data}"),
    };
    let what = if this.source == "security" { "security template" } else { "preferences, not policy" };
    line.text(format!(r"{hive}\{}!{name}  {value}", setting.key)).span(Style::Faint, format!("  ({what})"))
}

/// What was not searched, and what only in part: roles, files, GPOs.
fn not_searched(found: &Search) -> Vec<String> {
    let told = |partly: bool, start: &str, end: &str| {
        let files = |of: &&NotSearched| of.files.iter().any(|file| file.registry_values == partly);
        let gpos: Vec<&NotSearched> = found.not_searched.iter().filter(files).collect();
        let all = gpos.iter().flat_map(|of| &of.files).filter(|file| file.registry_values == partly);
        let roles = by_role(all.map(|file| &file.file));
        (!gpos.is_empty()).then(|| format!("{start}: {roles}, in {}{end}", count(gpos.len(), "GPO")))
    };
    let not = told(false, "Not searched", "; --format json lists the files.");
    let partly = told(true, "Searched for registry values alone", ".");
    not.into_iter().chain(partly).collect()
}

/// A GPO in a sentence: its GUID or path, and its name where that is known.
fn called(gpo: &TargetModel) -> String {
    let place = gpo.guid.as_ref().unwrap_or(&gpo.path);
    gpo.name.as_ref().map_or_else(|| place.clone(), |name| format!("{place} {name}"))
}

/// `2 matches in 2 of 412 GPOs (38114 records, 0.3 s). 1 could not be read whole: {…}`
fn summary(found: &Search, took: Option<Duration>) -> String {
    let searched = found.searched;
    let took = took.map(|took| format!(", {:.1} s", took.as_secs_f64())).unwrap_or_default();
    let matches = match searched.matches {
        0 => "No match".to_owned(),
        1 => "1 match".to_owned(),
        n => format!("{n} matches"),
    };
    let gpos = count(searched.gpos, "GPO");
    let place = if searched.matches == 0 { format!("in {gpos}") } else { format!("in {} of {gpos}", found.gpos.len()) };
    let mut text = format!("{matches} {place} ({}{took}).", count(searched.records, "record"));
    let mut unread: Vec<String> = found.unreadable.iter().map(|unreadable| called(&unreadable.gpo)).collect();
    unread.dedup();
    if let [first, others @ ..] = &*unread {
        let others = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        text.push_str(&format!(" {} could not be read whole: {first}{others}.", count(unread.len(), "GPO")));
    }
    text
}
