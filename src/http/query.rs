//! What stands after the `?` of an address.

use super::problem::Failure;
use crate::wire::Problem;

/// Which of `choices` the parameter `name` says; the first where it is left out.
pub(super) fn chosen(
    query: &[(String, String)],
    name: &'static str,
    choices: [&'static str; 2],
) -> Result<&'static str, Failure> {
    let given = query.iter().find(|(given, _)| given == name).map(|(_, value)| &**value);
    let Some(given) = given else { return Ok(choices[0]) };
    let chosen = choices.into_iter().find(|choice| *choice == given);
    let [first, second] = choices;
    let unknown = || Problem::unreadable(format!("{name} must be {first} or {second}.")).about_field(name);
    Ok(chosen.ok_or_else(unknown)?)
}
