//! How pages begin: which GPO this is about, and where it is.

use gpo::show::TargetModel;

use crate::ui::{Line, Page, Style};

/// The GPO's name where it is known, and the target.
pub fn target(page: &mut Page, target: &TargetModel) {
    gpo(page, target);
    page.field("Target", Line::new().text(&target.path).text(format!("  ({})", target.kind.name())));
}

/// The GPO's name, if it is known, with its GUID unless the path below says that.
pub fn gpo(page: &mut Page, target: &TargetModel) {
    if let Some(name) = &target.name {
        page.field("GPO", Line::new().span(Style::Strong, name).append(&guid_beside(target)));
    }
}

/// The GUID of a GPO behind two blanks, unless its path has it: a backup lies in a folder of another one.
fn guid_beside(target: &TargetModel) -> Line {
    match &target.guid {
        Some(guid) if !target.path.to_ascii_uppercase().contains(&guid.to_ascii_uppercase()) => {
            Line::new().span(Style::Faint, format!("  {guid}"))
        }
        _ => Line::new(),
    }
}
