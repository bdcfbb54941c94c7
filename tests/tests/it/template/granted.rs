//! What a role grants, in the form in which calls can be held against it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    access::{actions, resources, statements},
    document::{Template, target},
};

/// An action on a resource: `dynamodb:Query` on `BookTable/index/list`. Resources go by their
/// logical id, which is also their name in the local stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Access {
    /// The function's binary.
    pub(crate) function: String,
    pub(crate) action: String,
    pub(crate) resource: String,
}

/// Everything that the roles of all functions allow on the stack's own resources.
pub(crate) fn granted() -> BTreeSet<Access> {
    let template = Template::shipped();
    let statements = statements(&template);
    let mut granted = BTreeSet::new();
    for function in template.functions() {
        let role = target(function.property("/Role")).unwrap_or_default();
        let binary = function.at("/Metadata/BuildProperties/Binary").as_str().unwrap_or_default();
        for (_, statement) in statements.iter().filter(|(id, _)| id == role) {
            for action in actions(statement) {
                for resource in resources(statement).into_iter().filter_map(name) {
                    granted.insert(Access {
                        function: binary.to_owned(),
                        action: action.to_owned(),
                        resource,
                    });
                }
            }
        }
    }
    granted
}

/// The resource that an ARN of the template means: its logical id, and what follows it.
fn name(arn: &Value) -> Option<String> {
    let id = target(arn)?;
    let suffix = match arn.get("Fn::Sub").and_then(Value::as_str) {
        Some(text) => text.split_once('}')?.1,
        None => "",
    };
    Some(format!("{id}{suffix}"))
}
