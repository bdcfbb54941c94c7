//! What can't be emulated is named, and nothing starts.

use super::{
    TestResult,
    fakes::{Fakes, TEMPLATE},
};

async fn refusal(template: &str) -> String {
    match Fakes::default().start_at(0, None, template).await {
        Ok(_) => "it started".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn an_unsupported_template_names_the_resource_and_the_property() {
    let fifo = TEMPLATE.replace("VisibilityTimeout: 60", "FifoQueue: true");
    let text = refusal(&fifo).await;
    assert!(text.contains("WorkQueue FifoQueue: is not emulated"), "{text}");
    let tumbling = TEMPLATE.replace("BatchSize: 100", "TumblingWindowInSeconds: 30");
    let text = refusal(&tumbling).await;
    let property = "RelayFunction Events.Table.Properties.TumblingWindowInSeconds";
    assert!(text.contains(&format!("{property}: is not emulated")), "{text}");
    let cron = TEMPLATE.replace("rate(1 hour)", "cron(0 * * * ? *)");
    let text = refusal(&cron).await;
    assert!(text.contains("HourlyFunction Events.Hour.Properties.Schedule"), "{text}");
}

#[tokio::test]
async fn a_function_that_can_not_be_built_is_named() {
    let text = refusal(&TEMPLATE.replace("Binary: work", "Binary: missing")).await;
    assert!(text.contains("WorkFunction can't be built"), "{text}");
}

#[tokio::test]
async fn a_table_that_differs_from_the_template_is_not_touched() -> TestResult {
    let directory = tempfile::tempdir()?;
    let fakes = Fakes::default();
    fakes.start(Some(directory.path())).await?.shutdown().await;
    let other = TEMPLATE.replace("IndexName: due", "IndexName: later");
    let refused = fakes.start_at(0, Some(directory.path()), &other).await.err();
    let text = refused.map(|error| error.to_string()).unwrap_or_default();
    assert!(text.contains("the table Table") && text.contains("later is missing"), "{text}");
    Ok(())
}
