//! Reads queues and tables.

use std::{collections::BTreeMap, time::Duration};

use super::{
    model::{IndexModel, KeyModel, QueueModel, TableModel},
    properties::Properties,
};

/// The last part of an ARN: a queue's or a function's name.
pub(super) fn name_in_arn(arn: &str) -> String {
    arn.rsplit(':').next().unwrap_or_default().to_owned()
}

fn seconds(value: i64) -> Duration {
    Duration::from_secs(u64::try_from(value).unwrap_or_default())
}

pub(super) fn queue(name: String, mut properties: Properties) -> QueueModel {
    properties.ignore(&[
        "QueueName",
        "SqsManagedSseEnabled",
        "KmsMasterKeyId",
        "KmsDataKeyReusePeriodSeconds",
        "ReceiveMessageWaitTimeSeconds",
        "Tags",
        // Who may redrive from here is a permission; permissions are not emulated.
        "RedriveAllowPolicy",
    ]);
    let mut redrive = None;
    if let Some(mut policy) = properties.object("RedrivePolicy") {
        let target = name_in_arn(&policy.required_text("deadLetterTargetArn"));
        let count = policy.number("maxReceiveCount", 1..=1000).unwrap_or(1);
        policy.finish();
        redrive = Some((target, u32::try_from(count).unwrap_or(1)));
    }
    let model = QueueModel {
        name,
        visibility: seconds(properties.number("VisibilityTimeout", 0..=43_200).unwrap_or(30)),
        retention: seconds(
            properties.number("MessageRetentionPeriod", 60..=1_209_600).unwrap_or(345_600),
        ),
        delay: seconds(properties.number("DelaySeconds", 0..=900).unwrap_or(0)),
        redrive,
    };
    properties.finish();
    model
}

pub(super) fn table(name: String, mut properties: Properties) -> TableModel {
    properties.ignore(&[
        "TableName",
        "PointInTimeRecoverySpecification",
        "SSESpecification",
        "Tags",
        "TableClass",
        "DeletionProtectionEnabled",
        "ContributorInsightsSpecification",
        "OnDemandThroughput",
        "ResourcePolicy",
    ]);
    properties.only("BillingMode", &["PAY_PER_REQUEST"]);
    let mut kinds = BTreeMap::new();
    for mut definition in properties.objects("AttributeDefinitions") {
        let attribute = definition.required_text("AttributeName");
        kinds.insert(attribute, definition.required_text("AttributeType"));
        definition.finish();
    }
    let keys = keys(&mut properties, &kinds);
    let mut indexes = Vec::new();
    for mut index in properties.objects("GlobalSecondaryIndexes") {
        let name = index.required_text("IndexName");
        let keys = self::keys(&mut index, &kinds);
        let (mut projection, mut included) = ("ALL".to_owned(), Vec::new());
        if let Some(mut object) = index.object("Projection") {
            projection = object.text("ProjectionType").unwrap_or(projection);
            included = object.texts("NonKeyAttributes").unwrap_or_default();
            object.finish();
        }
        index.ignore(&["ContributorInsightsSpecification", "OnDemandThroughput"]);
        index.finish();
        indexes.push(IndexModel { name, keys, projection, included });
    }
    let mut ttl = None;
    if let Some(mut specification) = properties.object("TimeToLiveSpecification") {
        let enabled = specification.flag("Enabled").unwrap_or(false);
        ttl = specification.text("AttributeName").filter(|_| enabled);
        specification.finish();
    }
    let mut stream = None;
    if let Some(mut specification) = properties.object("StreamSpecification") {
        stream = specification.text("StreamViewType");
        specification.finish();
    }
    properties.finish();
    TableModel { name, keys, indexes, ttl, stream }
}

fn keys(properties: &mut Properties, kinds: &BTreeMap<String, String>) -> Vec<KeyModel> {
    let mut keys: Vec<(bool, KeyModel)> = Vec::new();
    for mut element in properties.objects("KeySchema") {
        let name = element.required_text("AttributeName");
        let is_range = element.text("KeyType").as_deref() == Some("RANGE");
        let Some(kind) = kinds.get(&name).cloned() else {
            element.report("AttributeName", format!("{name} is not in AttributeDefinitions"));
            continue;
        };
        element.finish();
        keys.push((is_range, KeyModel { name, kind }));
    }
    if keys.is_empty() {
        properties.report("KeySchema", "is missing");
    }
    keys.sort_by_key(|(is_range, _)| *is_range);
    keys.into_iter().map(|(_, key)| key).collect()
}
