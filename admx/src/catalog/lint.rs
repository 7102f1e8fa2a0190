//! A closer look at policies: what loads, but hardly does what its author meant.

use std::collections::HashSet;

use polfile::Folded;

use super::Catalog;
use crate::claims::values;
use crate::finding::{Code, Finding};
use crate::model::{ControlKind, Detail, Element, Literal, Policy, Side};
use crate::place::Places;

/// Keys below which Windows removes what policy does not set any more.
const POLICY_ROOTS: &[&str] = &[r"Software\Policies", r"Software\Microsoft\Windows\CurrentVersion\Policies"];

impl Catalog {
    /// What a closer look at the policies finds, in their order: `ADMX011`, `ADMX012` and `ADMX015` to `ADMX019`.
    ///
    /// [`Catalog::findings`] has what was noticed while loading.
    pub fn lint(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut seen = HashSet::new();
        let mut places = Places::new(self.is_builtin());
        for (index, policy) in self.policies().iter().enumerate() {
            let mut say = |code, message: String| {
                let message = format!("policy \"{}\": {message}", policy.name);
                let place = places.of(&policy.file, policy.offset);
                findings.push(Finding::new(code, &policy.file, message).place(place));
            };
            effect(policy, &mut say);
            controls(policy, &mut say);
            for element in &policy.elements {
                items(element, &mut say);
                limits(policy, element, &mut say);
            }
            roots(policy, &mut say);
            self.overlaps(index, policy, &mut seen, &mut say);
        }
        findings
    }

    /// Values that another policy of the same side writes, too; each is reported with the first of them.
    fn overlaps(
        &self,
        index: usize,
        policy: &Policy,
        seen: &mut HashSet<(Folded, Folded)>,
        say: &mut impl FnMut(Code, String),
    ) {
        values(policy, |key, name| {
            let slot = (Folded::from(key), Folded::from(name));
            if seen.contains(&slot) {
                return;
            }
            let Some(claims) = self.claims().key(&slot.0) else { return };
            let both = |other: &Policy| {
                [Side::Computer, Side::User].iter().any(|&s| policy.class.has(s) && other.class.has(s))
            };
            let named = claims.by_name(&slot.1).iter().filter(|other| **other > index);
            let others: Vec<&Policy> =
                named.filter_map(|other| self.policies().get(*other)).filter(|other| both(other)).collect();
            if !others.is_empty() && seen.insert(slot) {
                let ids: Vec<String> = others.iter().map(|other| other.id()).collect();
                let message = format!("{key}!{name} is also written by {}", ids.join(", "));
                say(Code::SHARED_VALUE, message);
            }
        });
    }
}

fn effect(policy: &Policy, say: &mut impl FnMut(Code, String)) {
    if !policy.has_own_level() {
        if policy.elements.is_empty() {
            let message = "has no value, list or element, so no state of it can be stored".to_owned();
            say(Code::NO_EFFECT, message);
        }
        return;
    }
    let implied = (Literal::Decimal(1), Literal::Delete);
    let on = policy.enabled_value.as_ref().unwrap_or(&implied.0);
    let off = policy.disabled_value.as_ref().unwrap_or(&implied.1);
    if (policy.value_name.is_none() || on == off) && policy.enabled_list == policy.disabled_list {
        let message = "Enabled and Disabled write the same; the state can't be read back".to_owned();
        say(Code::SAME_STATES, message);
    }
}

fn controls(policy: &Policy, say: &mut impl FnMut(Code, String)) {
    if !policy.shows_controls {
        return;
    }
    for element in &policy.elements {
        let shows = |id: &String| id.eq_ignore_ascii_case(&element.id);
        if !policy.controls.iter().any(|c| c.element.as_ref().is_some_and(shows)) {
            let message = format!("element \"{}\" has no control, so nothing can be entered for it", element.id);
            say(Code::CONTROL, message);
        }
    }
    let mut seen = HashSet::new();
    for id in policy.controls.iter().filter_map(|c| c.element.as_ref()) {
        if !seen.insert(id.to_ascii_lowercase()) {
            let message = format!("two controls refer to \"{id}\"; only the first one is shown here");
            say(Code::CONTROL, message);
        }
        if policy.element(id).is_none() {
            let message = format!("a control refers to \"{id}\", which is no element of the policy");
            say(Code::CONTROL, message);
        }
    }
}

fn items(element: &Element, say: &mut impl FnMut(Code, String)) {
    let items = element.items();
    for (i, item) in items.iter().enumerate() {
        let before = &items[..i];
        if let Some(same) = before.iter().find(|b| b.value == item.value && b.value_list == item.value_list) {
            let message = format!(
                "items \"{}\" and \"{}\" of \"{}\" write the same; which one was chosen can't be read back",
                same.display_name, item.display_name, element.id
            );
            say(Code::ITEMS, message);
        }
        if before.iter().any(|b| b.display_name == item.display_name) {
            let message = format!("two items of \"{}\" have the text \"{}\"", element.id, item.display_name);
            say(Code::ITEMS, message);
        }
    }
}

fn limits(policy: &Policy, element: &Element, say: &mut impl FnMut(Code, String)) {
    let control = policy.controls.iter().find(|c| c.element.as_deref() == Some(&*element.id)).map(|c| &c.kind);
    let mut number = |min: u64, max: u64| {
        if min > max {
            let message =
                format!("element \"{}\" takes no number: its minimum is {min}, its maximum {max}", element.id);
            say(Code::LIMITS, message);
        } else if let Some(ControlKind::NumberBox { default, .. }) = control
            // 1 is what a control has that gives no default.
            && *default != 1
            && !(min..=max).contains(default)
        {
            let message = format!("the default {default} of \"{}\" is not from {min} to {max}", element.id);
            say(Code::LIMITS, message);
        }
    };
    match &element.detail {
        Detail::Decimal { min, max, .. } => number(u64::from(*min), u64::from(*max)),
        Detail::LongDecimal { min, max, .. } => number(*min, *max),
        Detail::Text { max_length: 0, .. } | Detail::MultiText { max_length: 0, .. } => {
            let message = format!("element \"{}\" takes no text: its maxLength is 0", element.id);
            say(Code::LIMITS, message);
        }
        Detail::Enum { items } => {
            if let Some(ControlKind::DropDownList { default_item: Some(item), .. }) = control
                && *item >= items.len()
            {
                let message =
                    format!("the default item {item} of \"{}\" does not exist; items count from 0", element.id);
                say(Code::LIMITS, message);
            }
        }
        _ => {}
    }
}

fn roots(policy: &Policy, say: &mut impl FnMut(Code, String)) {
    let roots: Vec<Folded> = POLICY_ROOTS.iter().map(|root| Folded::from(*root)).collect();
    let outside = |key: &str| !key.is_empty() && !roots.iter().any(|root| Folded::from(key).is_at_or_below(root));
    let mut found = None;
    values(policy, |key, _| {
        if found.is_none() && outside(key) {
            found = Some(key.to_owned());
        }
    });
    let list = policy.elements.iter().find(|e| matches!(e.detail, Detail::List { .. }) && outside(&e.key));
    if let Some(key) = found.or_else(|| list.map(|e| e.key.to_string())) {
        let message = format!("writes to {key}, outside the policy keys: what it sets stays when the policy goes");
        say(Code::TATTOO, message);
    }
}

#[cfg(test)]
mod tests {
    use crate::Catalog;
    use crate::sample::{catalog, named, presentation};

    fn lint(policies: &str, presentations: &str) -> Vec<String> {
        let found = catalog(policies, presentations).lint();
        found.iter().map(|f| format!("{} {}", f.code, f.message)).filter(|f| !f.starts_with("ADMX019")).collect()
    }

    #[test]
    fn what_cannot_work_is_found() {
        let same =
            "<enabledValue><decimal value='1'/></enabledValue><disabledValue><decimal value='1'/></disabledValue>";
        let elements = "<elements><decimal id='d' valueName='D' minValue='9' maxValue='3'/><text id='t' valueName='T' maxLength='0'/>\
            <decimal id='n' valueName='N' maxValue='5'/><enum id='e' valueName='E'>\
            <item displayName='x'><value><decimal value='1'/></value></item><item displayName='x'><value><decimal value='1'/></value></item></enum></elements>";
        let controls = "<textBox refId='t'><label/></textBox><decimalTextBox refId='n' defaultValue='7'/><dropdownList refId='e' defaultItem='2'/><checkBox refId='gone'/>";
        let policies = named("A", "", "") + &named("B", "valueName='V'", same) + &named("P", "", elements);
        assert_eq!(
            lint(&policies, &presentation("P", controls)),
            [
                "ADMX011 policy \"A\": has no value, list or element, so no state of it can be stored",
                "ADMX017 policy \"B\": Enabled and Disabled write the same; the state can't be read back",
                "ADMX012 policy \"P\": element \"d\" has no control, so nothing can be entered for it",
                "ADMX012 policy \"P\": a control refers to \"gone\", which is no element of the policy",
                "ADMX016 policy \"P\": element \"t\" takes no text: its maxLength is 0",
                "ADMX016 policy \"P\": the default 7 of \"n\" is not from 0 to 5",
                "ADMX015 policy \"P\": items \"x\" and \"x\" of \"e\" write the same; which one was chosen can't be read back",
                "ADMX015 policy \"P\": two items of \"e\" have the text \"x\"",
                "ADMX016 policy \"P\": the default item 2 of \"e\" does not exist; items count from 0",
                "ADMX016 policy \"P\": element \"d\" takes no number: its minimum is 9, its maximum 3",
            ]
        );
    }

    #[test]
    fn values_of_several_policies_are_told_once_and_only_on_a_common_side() {
        let user = named("U", "valueName='V'", "").replace("Machine", "User");
        let policies = named("A", "valueName='V'", "") + &user + &named("B", "valueName='v'", "");
        assert_eq!(lint(&policies, ""), ["ADMX018 policy \"A\": K!V is also written by Test.Test:B"]);
    }

    #[test]
    fn keys_outside_the_policy_roots_are_told() {
        let inside = named("A", "valueName='V'", "").replace("key='K'", "key='SOFTWARE\\Policies\\X'");
        let c = catalog(&(inside + &named("B", "valueName='V'", "")), "");
        let found: Vec<String> = c.lint().iter().map(|f| f.message.clone()).collect();
        assert_eq!(
            found,
            ["policy \"B\": writes to K, outside the policy keys: what it sets stays when the policy goes"]
        );
    }

    #[test]
    fn there_is_nothing_to_say_about_the_built_in_catalogue() {
        let c = Catalog::builtin();
        assert_eq!((c.findings(), c.lint().as_slice()), (&[][..], &[][..]));
        assert!(c.is_builtin() && c.stores().is_empty());
        assert_eq!((c.files(), c.policies().len(), c.language()), (2, 10, "en-US"));
    }
}
