//! Inputs of an enabled policy as typed, and what to say of those that do not fit.

use std::path::Path;

use admx::{Allowed, EnumValue, Input, InputError, InputValue, Needed, Policy, State};
use gpo::target::Target;

use crate::context::read_input;
use crate::error::{Code, CommandError};
use crate::onward;
use crate::paste::{assignment, quoted, shown, takes_secrets};

/// The inputs as typed; `ID=@FILE` takes the lines of a file.
pub fn inputs(elements: &[String]) -> Result<Result<Vec<Input>, InputError>, CommandError> {
    let mut inputs = Vec::new();
    for text in elements {
        let input: Input = match text.parse() {
            Ok(input) => input,
            Err(error) => return Ok(Err(error)),
        };
        match &input.value {
            InputValue::Text(text) if text.starts_with('@') => {
                let lines = gpo::exchange::lgpo::decode(&read_input(Path::new(&text[1..]))?);
                inputs.push(Input {
                    value: InputValue::Text(lines.trim_end_matches(['\r', '\n']).replace('\r', "")),
                    ..input
                });
            }
            _ => inputs.push(input),
        }
    }
    Ok(Ok(inputs))
}

/// What is wrong with an input, what is possible, and the whole command to type.
pub fn input_error(error: &InputError, target: &Target, policy: &Policy, given: &[String]) -> CommandError {
    let code = match error {
        InputError::UnknownElement { .. } => Code::ELEMENT,
        InputError::WrongSide { .. } => Code::NOT_ON_THIS_SIDE,
        InputError::NothingToWrite { .. } | InputError::NoKey { .. } => Code::NO_EFFECT,
        _ => Code::ELEMENT_VALUE,
    };
    let name = policy.display_name.trim();
    let all: Vec<Needed> = policy.elements.iter().map(Needed::of).collect();
    let (what, needed): (String, &[Needed]) = match error {
        // Enabled without inputs, the policy would leave nothing.
        InputError::NothingToWrite { state: State::Enabled, .. } if !all.is_empty() => {
            (format!("\"{name}\" needs a value of one of its elements"), &all)
        }
        InputError::Missing { needed } => {
            (format!("\"{name}\" needs {}", if needed.len() == 1 { "a value" } else { "values" }), needed)
        }
        InputError::UnknownElement { given, elements } => (format!("\"{name}\" has no element \"{given}\""), elements),
        InputError::Rejected { given, needed, reason } => {
            let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            (format!("\"{given}\" does not fit{why}"), std::slice::from_ref(&**needed))
        }
        InputError::NotAnInput { .. } if takes_secrets() => {
            ("an input is not ELEMENT=VALUE, ELEMENT[]=ENTRY or ELEMENT[NAME]=DATA".to_owned(), &all)
        }
        InputError::NotAnInput { .. } => (error.to_string(), &all),
        other => (other.to_string(), &[]),
    };
    let mut refused = CommandError::new(code, what);
    for needed in needed {
        refused = refused.detail(format!("{}   {}", needed.element, needed.label.trim().trim_end_matches(':')));
        match &needed.allowed {
            Allowed::Items(items) => {
                for (value, text) in items {
                    refused = refused.detail(format!("    {:<8} \"{text}\"", item_value(value)));
                }
            }
            other => refused = refused.detail(format!("    {other}")),
        }
    }
    refused = refused.detail("Nothing was written.");
    if let (InputError::NothingToWrite { .. }, []) = (error, needed) {
        let unset = onward::on_path(&target.path, "policy unset", &quoted(&policy.name));
        return refused.help(format!("to make it not configured:  {unset}"));
    }
    if needed.is_empty() {
        return refused;
    }
    let names_one = |argument: &&String| {
        needed.iter().any(|n| argument.split(['=', '[']).next().is_some_and(|id| id.eq_ignore_ascii_case(&n.element)))
    };
    let unknown = matches!(error, InputError::UnknownElement { .. } | InputError::NotAnInput { .. });
    let is_input = |argument: &&String| argument.contains('=');
    let kept = given
        .iter()
        .filter(is_input)
        .filter(|argument| unknown == names_one(argument))
        .map(|argument| assignment(&shown(argument)));
    let is_given = |needed: &&Needed| {
        let id = |argument: &String| {
            argument.split_once(['=', '[']).is_some_and(|(id, _)| id.eq_ignore_ascii_case(&needed.element))
        };
        unknown && given.iter().any(id)
    };
    let wanted = needed.iter().filter(|needed| !is_given(needed)).map(|needed| assignment(&example(needed)));
    let arguments: Vec<String> = kept.chain(wanted).collect();
    let rest = format!("{} enabled {}", quoted(&policy.name), arguments.join(" "));
    refused.help(onward::on_path(&target.path, "policy set", &rest))
}

fn item_value(value: &EnumValue) -> String {
    match value {
        EnumValue::Number(n) => n.to_string(),
        EnumValue::Text(text) => text.clone(),
        EnumValue::Delete => "-".to_owned(),
    }
}

/// An input that fits.
fn example(needed: &Needed) -> String {
    let id = &needed.element;
    match &needed.allowed {
        Allowed::Boolean => format!("{id}=true"),
        Allowed::Number { min, .. } => format!("{id}={min}"),
        Allowed::Items(items) => format!("{id}={}", items.first().map_or("", |(_, text)| text)),
        Allowed::Entries { named: true } => format!("{id}[NAME]=DATA"),
        Allowed::Entries { named: false } => format!("{id}[]=ENTRY"),
        Allowed::Lines { .. } => format!("{id}=@FILE"),
        Allowed::Text { .. } => format!("{id}=TEXT"),
    }
}
