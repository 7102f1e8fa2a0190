//! ADML: the texts of a template in one language, and the controls that show its elements.
//!
//! Source: [MS-GPREG] 2.2.2.2.2 and 7.3. In practice, texts begin with blanks that count; ids that differ only in case
//! exist; `defaultValue` occurs as an attribute of `textBox`.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use crate::by_name::ByName;
use crate::cursor::{Attr, Cursor, boolean, number, owned};
use crate::finding::{Code, Draft};
use crate::likeness::{Likeness, nearest};
use crate::model::{Control, ControlKind};
use crate::xml::{Stop, Text};

/// The contents of an ADML file.
#[derive(Debug, Default)]
pub(crate) struct Resources<'t> {
    strings: Table<'t, Text<'t>>,
    presentations: Table<'t, Arc<[Control]>>,
    /// `revision` of the file.
    pub revision: Option<String>,
    /// Where it comes from, as `en-US/Name.adml`; `None` if there is no such file.
    pub name: Option<String>,
}

/// Entries by their ids.
type Table<'t, T> = ByName<Cow<'t, str>, T>;

/// What looking up a reference gave.
pub(crate) enum Lookup<'r, T: ?Sized> {
    Found(&'r T),
    /// Under an id that differs in case.
    OtherCase(&'r T, &'r str),
    Missing,
}

impl<'t> Resources<'t> {
    /// Reads an ADML file whose declaration ends at `body`, and what there is to say about it.
    pub(crate) fn parse(text: &'t str, body: usize) -> Result<(Self, Vec<Draft>), Stop> {
        let mut cursor = Cursor::new(text, body)?;
        let root = cursor.root()?;
        let mut resources = Resources::default();
        if root.eq_ignore_ascii_case("policyDefinitionResources") {
            let [revision, _] = cursor.attributes(["revision", "schemaVersion"]);
            resources.revision = cursor.revision(revision);
            resources.body(&mut cursor)?;
        } else {
            let message = format!("the root element is `{root}`, not `policyDefinitionResources`");
            cursor.drafts.push(Draft::new(Code::UNREADABLE, cursor.offset(), message));
            cursor.skip()?;
        }
        Ok((resources, cursor.finish()?))
    }

    fn body(&mut self, cursor: &mut Cursor<'t>) -> Result<(), Stop> {
        const PARTS: &[&str] = &["resources", "displayName", "description", "annotation"];
        while let Some(part) = cursor.child("policyDefinitionResources", PARTS)? {
            if part != "resources" {
                cursor.skip()?;
                continue;
            }
            while let Some(table) = cursor.child("resources", &["stringTable", "presentationTable"])? {
                match table {
                    "stringTable" => self.strings(cursor)?,
                    _ => self.presentations(cursor)?,
                }
            }
        }
        Ok(())
    }

    fn strings(&mut self, cursor: &mut Cursor<'t>) -> Result<(), Stop> {
        while cursor.child("stringTable", &["string"])?.is_some() {
            let [id] = cursor.attributes(["id"]);
            let offset = cursor.offset();
            let text = cursor.lazy_text()?;
            if let Some(id) = id {
                keep(&mut self.strings, id, text, ("string", offset), &mut cursor.drafts);
            }
        }
        Ok(())
    }

    fn presentations(&mut self, cursor: &mut Cursor<'t>) -> Result<(), Stop> {
        while cursor.child("presentationTable", &["presentation"])?.is_some() {
            let [id] = cursor.attributes(["id"]);
            let offset = cursor.offset();
            let controls = controls(cursor)?.into();
            if let Some(id) = id {
                keep(&mut self.presentations, id, controls, ("presentation", offset), &mut cursor.drafts);
            }
        }
        Ok(())
    }

    pub(crate) fn string(&self, id: &str) -> Lookup<'_, Text<'t>> {
        look_up(&self.strings, id)
    }

    pub(crate) fn presentation(&self, id: &str) -> Lookup<'_, Arc<[Control]>> {
        look_up(&self.presentations, id)
    }

    /// How many strings there are.
    pub(crate) fn len(&self) -> usize {
        self.strings.len()
    }

    /// The string id most like one that is missing. Nothing once the search has used up what `left` allows: a file may
    /// miss as many strings as another has.
    pub(crate) fn nearest(&self, id: &str, left: &mut Likeness) -> Option<&str> {
        nearest(self.strings.names(), id, left)
    }
}

/// Keeps an entry under its id; the first of several with one id counts. Windows' editor stops at the second, be it the same,
/// and at an id with other signs than the schema's type has, and hyphens, which Microsoft's own files have.
fn keep<'t, T>(table: &mut Table<'t, T>, id: Attr<'t>, value: T, (kind, offset): (&str, u32), drafts: &mut Vec<Draft>) {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if id.text.is_empty() || !id.text.chars().all(fits) {
        let message = format!("{kind} id \"{}\" has signs that the schema does not allow", id.text);
        let draft = Draft::new(Code::MALFORMED, id.offset, message);
        drafts.push(draft.help("use letters, digits and _ only; Windows' editor loads nothing of the file"));
    }
    if let Err(id) = table.keep(id.text, value) {
        let message = format!("{kind} \"{id}\" is there twice; the first one counts");
        drafts.push(Draft::new(Code::TWICE, offset, message));
    }
}

fn look_up<'r, T>(table: &'r Table<'_, T>, id: &str) -> Lookup<'r, T> {
    if let Some(found) = table.get(id) {
        return Lookup::Found(found);
    }
    match table.in_any_case(id, |a, b| a.0.cmp(b.0)) {
        Some((have, found)) => Lookup::OtherCase(found, have),
        None => Lookup::Missing,
    }
}

fn controls(cursor: &mut Cursor<'_>) -> Result<Vec<Control>, Stop> {
    const KINDS: &[&str] = &[
        "text",
        "checkBox",
        "decimalTextBox",
        "longDecimalTextBox",
        "textBox",
        "comboBox",
        "dropdownList",
        "listBox",
        "multiTextBox",
    ];
    let mut controls = Vec::new();
    while let Some(kind) = cursor.child("presentation", KINDS)? {
        controls.push(control(cursor, kind)?);
    }
    Ok(controls)
}

fn control(cursor: &mut Cursor<'_>, kind: &str) -> Result<Control, Stop> {
    let (ref_id, kind) = match kind {
        "textBox" | "comboBox" => return text_control(cursor, kind),
        "text" => (None, ControlKind::Text),
        "checkBox" => {
            let [ref_id, checked, _] = cursor.attributes(["refId", "defaultChecked", "defaultValue"]);
            let checked = boolean(&checked);
            (ref_id, ControlKind::CheckBox { checked })
        }
        "decimalTextBox" | "longDecimalTextBox" => {
            let [ref_id, default, spin, step] = cursor.attributes(["refId", "defaultValue", "spin", "spinStep"]);
            let spin_step = if spin.is_none() || boolean(&spin) { number(&step).unwrap_or(1) } else { 0 };
            let default = number(&default).unwrap_or(1);
            (ref_id, ControlKind::NumberBox { default, spin_step })
        }
        "dropdownList" => {
            let [ref_id, no_sort, item, _] = cursor.attributes(["refId", "noSort", "defaultItem", "defaultValue"]);
            let sorted = !boolean(&no_sort);
            let default_item = number(&item);
            (ref_id, ControlKind::DropDownList { default_item, sorted })
        }
        "listBox" => {
            let [ref_id] = cursor.attributes(["refId"]);
            (ref_id, ControlKind::ListBox)
        }
        _ => {
            let [ref_id, dialog, height] = cursor.attributes(["refId", "showAsDialog", "defaultHeight"]);
            let height = number(&height).unwrap_or(3);
            let dialog = boolean(&dialog);
            (ref_id, ControlKind::MultiTextBox { height, dialog })
        }
    };
    Ok(Control { element: owned(ref_id), label: cursor.text()?.trim().to_owned(), kind })
}

fn text_control(cursor: &mut Cursor<'_>, kind: &str) -> Result<Control, Stop> {
    let [ref_id, no_sort, default] = cursor.attributes(["refId", "noSort", "defaultValue"]);
    let mut default = owned(default);
    let mut label = String::new();
    let mut suggestions = Vec::new();
    while let Some(part) = cursor.child(kind, &["label", "defaultValue", "default", "suggestion"])? {
        let text = cursor.text()?;
        match part {
            "label" => label = text.trim().to_owned(),
            "suggestion" => suggestions.push(text.into_owned()),
            _ => default = Some(text.into_owned()),
        }
    }
    let kind = match kind {
        "textBox" => ControlKind::TextBox { default },
        _ => ControlKind::ComboBox { default, suggestions, sorted: !boolean(&no_sort) },
    };
    Ok(Control { element: owned(ref_id), label, kind })
}

/// A file's name for messages: its folder and itself.
pub(crate) fn short_name(path: &Path) -> String {
    let last = |p: &Path| p.file_name().map(|n| n.to_string_lossy().into_owned());
    match (path.parent().and_then(last), last(path)) {
        (Some(folder), Some(file)) => format!("{folder}/{file}"),
        _ => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(inner: &str) -> (Resources<'static>, Vec<Draft>) {
        let text = format!(
            "<policyDefinitionResources revision='1.2'><resources>{inner}</resources></policyDefinitionResources>"
        );
        Resources::parse(text.leak(), 0).unwrap()
    }

    #[test]
    fn strings_are_literal_and_the_first_of_two_counts() {
        let (r, drafts) =
            parse("<stringTable><string id='a'> x\r\ny&amp; </string><string id='a'>2</string></stringTable>");
        assert!(matches!(r.string("a"), Lookup::Found(s) if s.clone().into_string() == " x\ny& "));
        assert!(matches!(r.string("A"), Lookup::OtherCase(_, "a")));
        assert!(matches!(r.string("b"), Lookup::Missing));
        assert_eq!(drafts.len(), 1);
        assert_eq!(r.revision.as_deref(), Some("1.2"));
    }

    #[test]
    fn ids_that_differ_in_case_are_two_strings() {
        let (r, drafts) = parse("<stringTable><string id='a'>1</string><string id='A'>2</string></stringTable>");
        assert!(matches!(r.string("A"), Lookup::Found(s) if s.clone().into_string() == "2"));
        assert!(drafts.is_empty());
    }

    #[test]
    fn controls_keep_their_order_and_defaults() {
        let (r, drafts) = parse(
            "<presentationTable><presentation id='p'><text>T</text>\
             <checkBox refId='c' defaultChecked='1' defaultValue='x'> L </checkBox>\
             <decimalTextBox refId='d'>D</decimalTextBox>\
             <decimalTextBox refId='e' defaultValue='7' spin='false'/>\
             <textBox refId='t' defaultValue='attribute'><label>TL</label></textBox>\
             <textBox refId='u'><label>UL</label><defaultValue>child</defaultValue></textBox>\
             <comboBox refId='k' noSort='true'><label>K</label><default>b</default><suggestion>a</suggestion></comboBox>\
             <dropdownList refId='l' defaultItem='2' nosort='true'>DL</dropdownList>\
             <listBox refId='b'>B</listBox><multiTextBox refId='m' defaultHeight='5'>M</multiTextBox>\
             </presentation></presentationTable>",
        );
        let Lookup::Found(controls) = r.presentation("p") else { panic!("no presentation") };
        let ids: Vec<_> = controls.iter().map(|c| c.element.as_deref().unwrap_or("-")).collect();
        assert_eq!(ids.concat(), "-cdetuklbm");
        assert_eq!(controls[1].label, "L");
        assert_eq!(controls[1].kind, ControlKind::CheckBox { checked: true });
        assert_eq!(controls[2].kind, ControlKind::NumberBox { default: 1, spin_step: 1 });
        assert_eq!(controls[3].kind, ControlKind::NumberBox { default: 7, spin_step: 0 });
        assert_eq!(controls[4].kind, ControlKind::TextBox { default: Some("attribute".into()) });
        assert_eq!(controls[5].kind, ControlKind::TextBox { default: Some("child".into()) });
        let combo = ControlKind::ComboBox { default: Some("b".into()), suggestions: vec!["a".into()], sorted: false };
        assert_eq!(controls[6].kind, combo);
        assert_eq!(controls[7].kind, ControlKind::DropDownList { default_item: Some(2), sorted: false });
        assert_eq!(controls[9].kind, ControlKind::MultiTextBox { height: 5, dialog: false });
        assert_eq!(drafts.len(), 1, "{drafts:?}");
    }
}
