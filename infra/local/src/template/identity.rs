//! What each resource is called: physical names derived from logical ids, and what `Ref` and
//! `GetAtt` give for each type of resource.

use std::collections::BTreeMap;

/// The region that everything seems to be in.
pub const REGION: &str = "us-east-1";
/// The account that everything seems to belong to.
pub const ACCOUNT: &str = "000000000000";
/// The stack's name.
pub const STACK: &str = "perennial-local";

/// The ARN of a resource of the local stack.
#[must_use]
pub fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}")
}

/// One resource, as far as others can refer to it.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) kind: String,
    pub(super) name: String,
    /// Whether its condition holds. What refers to a resource that is not made, is wrong.
    pub(super) exists: bool,
}

/// All resources by logical id.
#[derive(Debug, Default)]
pub(super) struct Identities {
    pub(super) endpoint: String,
    pub(super) resources: BTreeMap<String, Identity>,
}

impl Identities {
    fn get(&self, logical_id: &str) -> Result<&Identity, String> {
        let identity = self
            .resources
            .get(logical_id)
            .ok_or_else(|| format!("refers to {logical_id}, which is not in the template"))?;
        if identity.exists {
            Ok(identity)
        } else {
            Err(format!("refers to {logical_id}, whose condition is false"))
        }
    }

    /// What `Ref` gives.
    pub(super) fn reference(&self, logical_id: &str) -> Result<String, String> {
        let identity = self.get(logical_id)?;
        Ok(match identity.kind.as_str() {
            "AWS::SQS::Queue" => format!("{}/{ACCOUNT}/{}", self.endpoint, identity.name),
            "AWS::Serverless::HttpApi" => "local".to_owned(),
            _ => identity.name.clone(),
        })
    }

    /// What `GetAtt` gives.
    pub(super) fn attribute(&self, logical_id: &str, attribute: &str) -> Result<String, String> {
        let identity = self.get(logical_id)?;
        let name = &identity.name;
        let value = match (identity.kind.as_str(), attribute) {
            ("AWS::SQS::Queue", "Arn") => arn("sqs", name),
            ("AWS::SQS::Queue", "QueueName") => name.clone(),
            ("AWS::SQS::Queue", "QueueUrl") => self.reference(logical_id)?,
            ("AWS::DynamoDB::Table", "Arn") => arn("dynamodb", &format!("table/{name}")),
            ("AWS::DynamoDB::Table", "StreamArn") => stream_arn(name),
            ("AWS::Events::EventBus", "Arn") => arn("events", &format!("event-bus/{name}")),
            ("AWS::Events::EventBus", "Name") => name.clone(),
            ("AWS::Serverless::Function", "Arn") => arn("lambda", &format!("function:{name}")),
            ("AWS::Logs::LogGroup", "Arn") => arn("logs", &format!("log-group:{name}:*")),
            ("AWS::IAM::Role", "Arn") => format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
            ("AWS::Serverless::HttpApi", "ApiEndpoint") => self.endpoint.clone(),
            (kind, attribute) => {
                return Err(format!(
                    "the attribute {attribute} of {logical_id} ({kind}) is not emulated"
                ));
            }
        };
        Ok(value)
    }
}

/// The ARN of a table's stream. AWS puts the moment of its creation last; here it is fixed, since a
/// table has one stream for life.
#[must_use]
pub fn stream_arn(table: &str) -> String {
    arn("dynamodb", &format!("table/{table}/stream/2026-01-01T00:00:00.000"))
}
