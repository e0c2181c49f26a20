//! Sentences with views in them, made from a template of the texts.

use leptos::either::Either;
use leptos::prelude::*;

use crate::app::texts;

/// Renders `template`, with each placeholder, such as `{name}`, replaced by its view. A view whose placeholder is not
/// in the template is left out.
pub(crate) fn sentence<const N: usize>(template: &str, views: [(&str, AnyView); N]) -> Vec<AnyView> {
    let render = |piece| match piece {
        Either::Left(text) => String::from(text).into_any(),
        Either::Right(view) => view,
    };
    split(template, views.into()).into_iter().map(render).collect()
}

/// A name in a sentence: the direction of its script does not affect the words around it.
pub(crate) fn bdi(name: String) -> AnyView {
    view! { <bdi>{name}</bdi> }.into_any()
}

/// Names in a sentence, with separators between them.
pub(crate) fn bdi_list(names: Vec<String>) -> AnyView {
    let names = names.into_iter().enumerate().map(|(at, name)| {
        let gap = if at > 0 { texts::LIST_SEPARATOR } else { "" };
        view! { {gap}<bdi>{name}</bdi> }
    });
    names.collect_view().into_any()
}

/// Splits `template` at its placeholders. Returns the texts between them and the values in their places, in order.
fn split<'a, T>(template: &'a str, mut values: Vec<(&str, T)>) -> Vec<Either<&'a str, T>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    loop {
        let found = values.iter().enumerate().filter_map(|(index, (name, _))| Some((rest.find(name)?, index))).min();
        let (text, value) = match found {
            Some((at, index)) => {
                let (name, value) = values.swap_remove(index);
                let text = &rest[..at];
                rest = &rest[at + name.len()..];
                (text, Some(value))
            }
            None => (rest, None),
        };
        if !text.is_empty() {
            pieces.push(Either::Left(text));
        }
        match value {
            Some(value) => pieces.push(Either::Right(value)),
            None => return pieces,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of `template` for two values, each value in brackets.
    fn pieces(template: &str) -> Vec<String> {
        let bracket = |piece| match piece {
            Either::Left(text) => String::from(text),
            Either::Right(value) => format!("[{value}]"),
        };
        split(template, vec![("{name}", "Ann"), ("{other}", "Bob")]).into_iter().map(bracket).collect()
    }

    #[test]
    fn values_replace_their_placeholders_in_the_order_of_the_template() {
        assert_eq!(pieces("{name} and {other} are typing"), ["[Ann]", " and ", "[Bob]", " are typing"]);
        assert_eq!(pieces("with {other}, {name}"), ["with ", "[Bob]", ", ", "[Ann]"]);
        assert_eq!(pieces("only {name}"), ["only ", "[Ann]"]);
        assert_eq!(pieces("nobody"), ["nobody"]);
    }
}
