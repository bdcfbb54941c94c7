//! A worker in the hands of a test: one function whose invocations the test begins, stops and
//! finishes itself.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use perennial_local::interrupt::{Work, pausing};
use perennial_runtime::{Environment, Function, Invocation};
use serde_json::{Value, json};

use crate::{Shop, TestResult};

/// How long an invocation may take by the machine's clock.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How often a queue delivers a message before it becomes a dead letter.
const RECEIVES: u32 = 5;

/// One function of a shop's stack, built for a test beside the stack's own.
pub struct Worker(Arc<dyn Function>);

impl Worker {
    /// The function of a binary, with the await points of [`pausing`].
    ///
    /// # Errors
    /// When the stack has no such function.
    pub fn of(shop: &Shop, binary: &str) -> TestResult<Self> {
        let functions = &shop.stack.template().functions;
        let model = functions.iter().find(|function| function.binary == binary);
        let model = model.ok_or_else(|| format!("there is no function {binary}"))?;
        let environment = Environment::from_map(model.environment.clone());
        let aws = pausing(shop.stack.aws(), shop.stack.url());
        let aws = aws.ok_or("the stack's clients have no way to the stack")?;
        let clock = shop.stack.clock();
        Ok(Self(perennial_functions::build::named(binary, &environment, &aws, &clock)?))
    }

    /// Begins an invocation with messages as a queue delivered them.
    #[must_use]
    pub fn begin(&self, records: &[Value]) -> Work {
        self.begin_for(TIMEOUT, records)
    }

    /// The same, with as much time as is given: an invocation that has little does little.
    #[must_use]
    pub fn begin_for(&self, time: Duration, records: &[Value]) -> Work {
        let invocation =
            Invocation { request_id: "in-hand".to_owned(), deadline: Instant::now() + time };
        Work::begin(&self.0, json!({ "Records": records }), invocation)
    }

    /// Delivers messages as a queue does: again and again, until they are handled or become dead
    /// letters.
    ///
    /// # Errors
    /// When the invocation as a whole fails.
    pub async fn deliver(&self, records: &[Value]) -> TestResult {
        for receive in 1..=RECEIVES {
            let answer = self.begin(&received(records, receive)).finish().await?;
            if answer.pointer("/batchItemFailures/0").is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// Messages that a queue delivers for the nth time.
fn received(records: &[Value], nth: u32) -> Vec<Value> {
    let mut records = records.to_vec();
    for record in &mut records {
        if let Some(attributes) = record.get_mut("attributes").and_then(Value::as_object_mut) {
            attributes.insert("ApproximateReceiveCount".to_owned(), json!(nth.to_string()));
        }
    }
    records
}
