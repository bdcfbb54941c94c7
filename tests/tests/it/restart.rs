//! A stack that is started again on the same data directory goes on as if it had never stopped:
//! data, queued messages, the clock, tokens, and what was due meanwhile.

use perennial_domain::run::RunStatus;
use perennial_local::{
    identity::Role,
    stack::{DataError, Stack, StackOptions, StartError},
};
use perennial_tests::{
    Api, Plan, Shop, TestResult,
    documents::line,
    gate::{Gate, Mode},
    shop::{BEANS, ORGANIZATION},
};

#[tokio::test]
async fn everything_is_still_there_and_renewals_go_on() -> TestResult {
    let data = tempfile::tempdir()?;
    let plan = Plan::at("2027-01-31T10:00:00Z")?.kept_in(data.path());
    let shop = plan.open().await?;
    let subscription = shop.subscribe("monthly").await?;
    shop.advance_to("2027-03-01T00:00:00Z").await?;
    let orders = shop.api.all("orders").await?;
    let jobs = shop.api.all("job_runs").await?;
    let goods = shop.close().await;

    let shop = Shop::reopen(data.path(), goods).await?;
    let before: chrono::DateTime<chrono::Utc> = "2027-03-01T00:00:00Z".parse()?;
    assert!(shop.stack.clock().now() >= before);
    assert_eq!(shop.api.all("orders").await?, orders);
    assert_eq!(shop.api.all("job_runs").await?, jobs);
    shop.advance_to("2027-04-01T00:00:00Z").await?;
    let runs = shop.runs(&subscription).await?;
    let dates: Vec<String> = runs.iter().map(|run| run.due_at.date_naive().to_string()).collect();
    assert_eq!(dates, ["2027-02-28", "2027-03-31"]);
    assert!(runs.iter().all(|run| run.status == RunStatus::Successful));
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn a_token_signed_before_the_restart_is_good_after_it() -> TestResult {
    let data = tempfile::tempdir()?;
    let options = StackOptions { data: Some(data.path().to_owned()), ..StackOptions::in_memory() };
    let stack = Stack::start(options.clone()).await?;
    let token = stack.token(ORGANIZATION, Role::Integration)?;
    let port = stack.url().rsplit(':').next().unwrap_or_default().parse()?;
    stack.shutdown().await;
    let stack = Stack::start(StackOptions { port, ..options }).await?;
    Api::new(stack.url(), token).get("orders").await?;
    Ok(())
}

#[tokio::test]
async fn messages_that_waited_in_queues_are_handled_after_the_restart() -> TestResult {
    let data = tempfile::tempdir()?;
    let gate = Gate::before("order-copy");
    let plan = Plan {
        functions: gate.functions(),
        ..Plan::at("2027-01-31T10:00:00Z")?.kept_in(data.path())
    };
    let shop = plan.open().await?;
    let subscription = shop.subscribe("monthly").await?;
    gate.set(Mode::Losing);
    shop.advance_to("2027-02-28T10:02:00Z").await?;
    let bodies = gate.bodies();
    assert_eq!(bodies.len(), 1);
    shop.send("ORDER_COPY", &bodies, 60).await?;
    assert!(shop.runs(&subscription).await?.is_empty());
    let goods = shop.close().await;

    let shop = Shop::reopen(data.path(), goods).await?;
    // Long before the lease ends, so that it is the message that makes the run.
    shop.advance("PT2M").await?;
    assert_eq!(shop.runs(&subscription).await?.len(), 1);
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn an_order_sent_just_before_the_end_is_placed_after_the_restart() -> TestResult {
    let data = tempfile::tempdir()?;
    let gate = Gate::before("validation");
    let plan = Plan { functions: gate.functions(), ..Plan::now().kept_in(data.path()) };
    let shop = plan.open().await?;
    gate.set(Mode::Losing);
    let order = shop.order(&[line(BEANS, 1, "monthly")]).await?;
    assert_eq!(shop.order_status(&order).await?, "placing");
    let goods = shop.close().await;

    let shop = Shop::reopen(data.path(), goods).await?;
    shop.advance("PT20M").await?;
    assert_eq!(shop.order_status(&order).await?, "placed");
    assert_eq!(shop.charges().await?.len(), 1);
    shop.prove_books().await?;
    Ok(())
}

#[tokio::test]
async fn two_processes_never_share_a_data_directory() -> TestResult {
    let data = tempfile::tempdir()?;
    let options = StackOptions { data: Some(data.path().to_owned()), ..StackOptions::in_memory() };
    let _first = Stack::start(options.clone()).await?;
    let second = Stack::start(options).await;
    assert!(matches!(second, Err(StartError::Data(DataError::InUse(_)))), "{second:?}");
    Ok(())
}
