//! `gpol policy describe`: a policy as the editor's dialog shows it, and what each state writes.

use std::path::PathBuf;

use admx::{
    Catalog, Class, Detail, Element, ElementValue, EnumItem, EnumValue, Literal, Policy, Side, Wanted, write_set,
};
use clap::Args;
use gpo::model::{ElementValueModel, RecordModel};
use gpo::secret::HIDDEN;
use serde::Serialize;

use crate::args::{Format, PolicyOptions};
use crate::commands::explain::capital;
use crate::commands::values;
use crate::context::{find_policy_to_read, load_templates, open_target, store_name};
use crate::error::Stop;
use crate::exit::Exit;
use crate::ui::{Line, Page, Style, Ui, in_quotes};

/// Describe a policy: help text, inputs, and what each state writes to the registry
#[derive(Args, Debug)]
pub struct DescribeArgs {
    /// Policy: its id, its display name, its path as a KB prints it, or HKLM\key!value
    policy: String,
    /// Take the templates of this target
    #[arg(long, value_name = "TARGET", conflicts_with = "admx")]
    of: Option<PathBuf>,
    #[command(flatten)]
    options: PolicyOptions,
}

/// A policy as its template has it: `gpol.policy-describe/1`.
#[derive(Serialize)]
struct Describe {
    schema: &'static str,
    id: String,
    namespace: String,
    name: String,
    class: &'static str,
    display_name: String,
    category: Vec<String>,
    supported_on: Option<String>,
    explain_text: Option<String>,
    template: String,
    builtin: bool,
    side: &'static str,
    elements: Vec<ElementInfo>,
    /// `null` where an input is needed first.
    enabled: Option<Vec<RecordModel>>,
    disabled: Option<Vec<RecordModel>>,
}

#[derive(Serialize)]
struct ElementInfo {
    id: String,
    kind: &'static str,
    label: String,
    required: bool,
    key: String,
    value_name: Option<String>,
    default: Option<ElementValueModel>,
    default_display: Option<String>,
    /// What may be entered, in words.
    accepts: String,
    items: Vec<ItemInfo>,
}

#[derive(Serialize)]
struct ItemInfo {
    display: String,
    value: Option<ElementValueModel>,
}

pub fn run(args: &DescribeArgs, ui: &Ui) -> Result<Exit, Stop> {
    let target = args.of.as_deref().map(|path| open_target(path, None, ui)).transpose()?;
    let catalog = load_templates(&args.options.templates.templates(), target.as_ref())?;
    // A policy of both sides is the same on each; without a wish, describe it as the computer's.
    let (policy, side) = match (catalog.find_on(&args.policy, args.options.scope.side()), args.options.scope.side()) {
        (Ok(found), None) if found.policy.class == Class::Both => (found.policy, found.side.unwrap_or(Side::Computer)),
        _ => {
            let scope = args.options.scope.scope.as_ref();
            let (policy, scope) = find_policy_to_read(catalog, &args.policy, scope, target.as_ref(), ui)?;
            (policy, scope.side())
        }
    };
    let describe = Describe::new(catalog, policy, side);
    match args.options.output.format {
        Format::Json => ui.json(&describe)?,
        Format::Human => ui.page(&describe.page(catalog))?,
    }
    Ok(Exit::Yes)
}

impl Describe {
    fn new(catalog: &Catalog, policy: &Policy, side: Side) -> Self {
        let written = |wanted: &Wanted| {
            let set = write_set(policy, side, wanted).ok()?;
            Some(set.records.iter().enumerate().map(|(i, record)| RecordModel::new(i, &record.as_ref())).collect())
        };
        Self {
            schema: "gpol.policy-describe/1",
            id: policy.id(),
            namespace: policy.namespace.to_string(),
            name: policy.name.clone(),
            class: policy.class.as_str(),
            display_name: policy.display_name.clone(),
            category: catalog.category_path(policy).into_iter().map(str::to_owned).collect(),
            supported_on: catalog.supported_on(policy).map(str::to_owned),
            explain_text: policy.explain_text.clone(),
            template: policy.file.display().to_string(),
            builtin: catalog.is_builtin(),
            side: side.as_str(),
            elements: policy.elements.iter().map(ElementInfo::new).collect(),
            enabled: written(&Wanted::Enabled(Vec::new())),
            disabled: written(&Wanted::Disabled),
        }
    }

    fn page(&self, catalog: &Catalog) -> Page {
        let mut page = Page::new();
        page.line(Line::new().span(Style::Strong, self.display_name.trim()));
        page.blank();
        let category: Vec<&str> = self.category.iter().map(|name| name.trim()).collect();
        let sides = if self.class == "Both" { "Computer or User" } else { capital(self.side) };
        page.field(
            "Path",
            format!("{sides} Configuration > Administrative Templates > {}", category.join(" > ")).as_str(),
        );
        page.field("Id", self.id.as_str());
        page.field("Supported", self.supported_on.as_deref().unwrap_or("(not stated)"));
        page.field("Template", if self.builtin { store_name(catalog) } else { self.template.clone() }.as_str());
        if let Some(text) = &self.explain_text {
            page.blank().line(Line::new().span(Style::Strong, "Help"));
            page.paragraphs(2, text);
        }
        if !self.elements.is_empty() {
            page.blank().line(Line::new().span(Style::Strong, "Inputs when enabled"));
            for element in &self.elements {
                element.lines(&mut page, self.side);
            }
        }
        page.blank().line(Line::new().span(Style::Strong, "What each state writes"));
        self.state_lines(&mut page, Style::Good, "Enabled", self.enabled.as_deref());
        self.state_lines(&mut page, Style::Warn, "Disabled", self.disabled.as_deref());
        page.line(
            Line::indented(2).span(Style::Faint, "Not configured").column(18).text("nothing; takes these records out"),
        );
        page
    }

    fn state_lines(&self, page: &mut Page, style: Style, state: &str, records: Option<&[RecordModel]>) {
        let head = || Line::indented(2).span(style, state).column(18).hang();
        match records {
            None => page.line(head().text("depends on the inputs")),
            Some([]) => page.line(head().text("nothing")),
            Some([first, rest @ ..]) => {
                page.line(head().text(self.written(first)));
                for record in rest {
                    page.line(Line::indented(18).text(self.written(record)));
                }
                if state == "Enabled" && !self.elements.is_empty() {
                    page.line(Line::indented(18).span(Style::Faint, "with the template's defaults for all inputs"));
                }
                page
            }
        };
    }

    fn written(&self, record: &RecordModel) -> String {
        format!("{}!{}  {}", values::key(Some(self.side), record), values::name(record), values::effect(record))
    }
}

impl ElementInfo {
    fn new(element: &Element) -> Self {
        Self {
            id: element.id.clone(),
            kind: element.kind().as_str(),
            label: element.label.clone(),
            required: element.required,
            key: element.key.to_string(),
            value_name: element.value_name.clone(),
            default: element.default.as_ref().and_then(|value| ElementValueModel::of(element, value)),
            default_display: element.default.as_ref().and_then(|value| display(element, value)),
            accepts: accepts(element),
            items: element.items().iter().map(ItemInfo::new).collect(),
        }
    }

    fn lines(&self, page: &mut Page, side: &str) {
        let label = match self.label.trim().trim_end_matches(':') {
            "" => "(no label)",
            label => label,
        };
        page.line(Line::indented(2).text(label).text("  ").span(Style::Faint, format!("({})", self.id)).hang_at(4));
        let required = if self.required { "; must not be empty" } else { "" };
        page.line(Line::indented(4).text(format!("{}{required}", self.accepts)));
        for item in &self.items {
            let value = match &item.value {
                Some(ElementValueModel::Number(n)) => n.to_string(),
                Some(ElementValueModel::Text(text)) => in_quotes(text),
                _ => "(deletes the value)".to_owned(),
            };
            let default = if Some(&item.display) == self.default_display.as_ref() { "  (default)" } else { "" };
            page.line(Line::indented(6).text(value).column(12).hang().text(&item.display).span(Style::Faint, default));
        }
        if let (Some(default), true) = (&self.default_display, self.items.is_empty()) {
            page.line(Line::indented(4).text(format!("default: {default}")));
        }
        let hive = if side == "user" { "HKCU" } else { "HKLM" };
        let name = self.value_name.as_deref().map(|name| format!("!{name}")).unwrap_or_default();
        page.line(Line::indented(4).span(Style::Faint, format!(r"written to {hive}\{}{name}", self.key)));
    }
}

impl ItemInfo {
    fn new(item: &EnumItem) -> Self {
        let value = match &item.value {
            Literal::Delete => None,
            Literal::Decimal(n) => Some(ElementValueModel::Number(u64::from(*n))),
            Literal::LongDecimal(n) => Some(ElementValueModel::Number(*n)),
            Literal::String(text) => Some(ElementValueModel::Text(text.clone())),
        };
        Self { display: item.display_name.clone(), value }
    }
}

/// What may be entered, in words.
fn accepts(element: &Element) -> String {
    match &element.detail {
        Detail::Boolean { .. } => "a check box: true or false".to_owned(),
        Detail::Decimal { min, max, .. } => format!("a number from {min} to {max}"),
        Detail::LongDecimal { min, max, .. } => format!("a number from {min} to {max}"),
        Detail::Text { max_length, .. } => format!("a text of at most {max_length} characters"),
        Detail::MultiText { max_strings: 0, .. } => "lines of text".to_owned(),
        Detail::MultiText { max_strings, .. } => format!("at most {max_strings} lines of text"),
        Detail::Enum { .. } => "one of".to_owned(),
        Detail::List { explicit: true, .. } => "entries, each with a name and data".to_owned(),
        Detail::List { .. } => "entries".to_owned(),
    }
}

/// A default as the editor shows it.
fn display(element: &Element, value: &ElementValue) -> Option<String> {
    match value {
        ElementValue::Boolean(on) => Some(if *on { "checked" } else { "not checked" }.to_owned()),
        ElementValue::Decimal(n) => Some(n.to_string()),
        ElementValue::Text(_) => match ElementValueModel::of(element, value)? {
            ElementValueModel::Text(text) if text == HIDDEN => Some(text),
            ElementValueModel::Text(text) => Some(in_quotes(&text)),
            _ => None,
        },
        ElementValue::Enum(chosen) => {
            let item = element.items().iter().find(|item| EnumValue::from(&item.value) == *chosen)?;
            Some(item.display_name.clone())
        }
        ElementValue::MultiText(_) | ElementValue::List(_) => None,
    }
}
