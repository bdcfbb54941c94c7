//! The rules of SQS, each in memory and in a file where the file can matter.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use perennial_runtime::Clock;

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[derive(Debug, Default)]
struct MovableClock(AtomicI64);

impl MovableClock {
    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for MovableClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + self.0.load(Ordering::Relaxed), 0)
            .unwrap_or_default()
    }
}

struct Bench {
    clock: Arc<MovableClock>,
    queues: Queues,
    directory: Option<tempfile::TempDir>,
}

const URL: &str = "http://127.0.0.1:3000";

impl Bench {
    fn new(in_file: bool) -> Result<Self, Box<dyn std::error::Error>> {
        let directory = if in_file { Some(tempfile::tempdir()?) } else { None };
        let clock = Arc::new(MovableClock::default());
        let queues = open(directory.as_ref().map(tempfile::TempDir::path), &clock)?;
        queues.create_queue(QueueSpec::new("dead"))?;
        let redrive = Redrive { dead_letter_queue: "dead".to_owned(), max_receive_count: 2 };
        queues.create_queue(QueueSpec { redrive: Some(redrive), ..QueueSpec::new("work") })?;
        Ok(Self { clock, queues, directory })
    }

    /// What a `kill -9` leaves: the first process never closes anything.
    fn killed_and_restarted(self) -> Result<Self, Box<dyn std::error::Error>> {
        let Self { clock, queues, directory } = self;
        std::mem::forget(queues);
        let queues = open(directory.as_ref().map(tempfile::TempDir::path), &clock)?;
        Ok(Self { clock, queues, directory })
    }
}

fn open(directory: Option<&Path>, clock: &Arc<MovableClock>) -> Result<Queues, SqsError> {
    let clock: Arc<dyn Clock> = clock.clone();
    Queues::open(directory, clock, URL)
}

fn in_both(test: impl Fn(Bench) -> Outcome) -> Outcome {
    test(Bench::new(false)?)?;
    test(Bench::new(true)?)
}

fn bodies(received: &[Received]) -> Vec<&str> {
    received.iter().map(Received::body).collect()
}

fn only(mut received: Vec<Received>) -> Result<Received, String> {
    let count = received.len();
    received.pop().filter(|_| count == 1).ok_or_else(|| format!("{count} messages, not one"))
}

#[test]
fn a_received_message_is_hidden_until_its_visibility_timeout() -> Outcome {
    in_both(|bench| {
        let queues = &bench.queues;
        queues.send("work", Outgoing::text("a"))?;
        let first = only(queues.receive("work", 10, None)?)?;
        assert_eq!((first.body(), first.receive_count), ("a", 1));
        assert!(queues.receive("work", 10, None)?.is_empty());
        bench.clock.advance(29);
        assert!(queues.receive("work", 10, None)?.is_empty());
        let pending = queues.pending("work")?;
        assert_eq!((pending.visible, pending.in_flight), (0, 1));
        assert_eq!(pending.next_visible, queues.idle_until());
        bench.clock.advance(1);
        let second = only(queues.receive("work", 10, None)?)?;
        assert_eq!(second.receive_count, 2);
        assert_eq!(second.first_received_at, first.first_received_at);
        // The first handle is stale now: it deletes nothing, and is no error.
        queues.delete("work", &first.receipt_handle)?;
        assert_eq!(queues.pending("work")?.in_flight, 1);
        queues.delete("work", &second.receipt_handle)?;
        assert!(queues.pending("work")?.is_empty());
        Ok(())
    })
}

#[test]
fn a_message_received_too_often_becomes_a_dead_letter() -> Outcome {
    in_both(|bench| {
        let queues = &bench.queues;
        queues.send("work", Outgoing::text("poison"))?;
        for _ in 0..2 {
            assert_eq!(bodies(&queues.receive("work", 1, None)?), ["poison"]);
            bench.clock.advance(30);
        }
        queues.send("work", Outgoing::text("good"))?;
        assert_eq!(bodies(&queues.receive("work", 1, None)?), ["good"]);
        let dead = only(queues.receive("dead", 1, None)?)?;
        assert_eq!(dead.body(), "poison");
        let attributes = dead.system_attributes();
        assert_eq!(attributes.get("ApproximateReceiveCount").map(String::as_str), Some("3"));
        assert_eq!(attributes.get("DeadLetterQueueSourceArn"), Some(&queue_arn("work")));
        Ok(())
    })
}

#[test]
fn a_delayed_message_waits_for_the_clock() -> Outcome {
    in_both(|bench| {
        let queues = &bench.queues;
        let delay = Some(Duration::from_secs(60));
        queues.send("work", Outgoing { delay, ..Outgoing::text("later") })?;
        assert!(queues.receive("work", 1, None)?.is_empty());
        assert_eq!(queues.pending("work")?.delayed, 1);
        assert_eq!(queues.idle_until(), Some(bench.clock.now() + Duration::from_secs(60)));
        bench.clock.advance(60);
        assert_eq!(bodies(&queues.receive("work", 1, None)?), ["later"]);
        Ok(())
    })
}

#[test]
fn a_message_is_forgotten_after_its_retention() -> Outcome {
    in_both(|bench| {
        bench.queues.send("work", Outgoing::text("old"))?;
        bench.clock.advance(4 * 24 * 3600 - 1);
        bench.queues.send("work", Outgoing::text("new"))?;
        bench.clock.advance(1);
        assert_eq!(bodies(&bench.queues.receive("work", 10, None)?), ["new"]);
        Ok(())
    })
}

#[test]
fn visibility_can_be_changed_while_a_message_is_in_flight_and_only_then() -> Outcome {
    in_both(|bench| {
        let queues = &bench.queues;
        queues.send("work", Outgoing::text("a"))?;
        let message = only(queues.receive("work", 1, None)?)?;
        queues.change_visibility("work", &message.receipt_handle, Duration::from_secs(600))?;
        bench.clock.advance(599);
        assert!(queues.receive("work", 1, None)?.is_empty());
        queues.change_visibility("work", &message.receipt_handle, Duration::ZERO)?;
        assert_eq!(queues.pending("work")?.visible, 1);
        let late = queues.change_visibility("work", &message.receipt_handle, Duration::ZERO);
        assert!(matches!(late, Err(SqsError::MessageNotInflight)), "{late:?}");
        let none = queues.change_visibility("work", "nonsense", Duration::ZERO);
        assert!(matches!(none, Err(SqsError::ReceiptHandleIsInvalid(_))), "{none:?}");
        Ok(())
    })
}

#[test]
fn an_answered_send_survives_a_kill_and_what_was_in_flight_is_visible_again() -> Outcome {
    let bench = Bench::new(true)?;
    let delay = Some(Duration::from_secs(60));
    let attribute = MessageAttribute {
        data_type: "String".to_owned(),
        string_value: Some("intake".to_owned()),
        binary_value: None,
    };
    let attributes = MessageAttributes::from([("origin".to_owned(), attribute)]);
    bench.queues.send("work", Outgoing { attributes, ..Outgoing::text("held") })?;
    bench.queues.send("work", Outgoing::text("done"))?;
    bench.queues.send("work", Outgoing { delay, ..Outgoing::text("later") })?;
    let received = bench.queues.receive("work", 10, None)?;
    assert_eq!(bodies(&received), ["held", "done"]);
    let [held, done] = received.as_slice() else { return Err("two".into()) };
    bench.queues.delete("work", &done.receipt_handle)?;

    let bench = bench.killed_and_restarted()?;
    assert_eq!(bench.queues.list_queues(""), ["dead", "work"]);
    let again = only(bench.queues.receive("work", 10, None)?)?;
    assert_eq!((again.body(), again.receive_count), ("held", 2));
    assert_eq!(again.message_attributes(), held.message_attributes());
    assert_eq!(again.message_id(), held.message_id());
    // A handle from before the kill deletes nothing.
    bench.queues.delete("work", &held.receipt_handle)?;
    let pending = bench.queues.pending("work")?;
    assert_eq!((pending.in_flight, pending.delayed), (1, 1));
    bench.clock.advance(60);
    assert_eq!(bodies(&bench.queues.receive("work", 10, None)?), ["later"]);
    Ok(())
}

#[test]
fn dead_letters_move_back_to_where_they_came_from_as_new_messages() -> Outcome {
    in_both(|bench| {
        let queues = &bench.queues;
        let id = queues.send("work", Outgoing::text("poison"))?.message_id;
        for _ in 0..3 {
            queues.receive("work", 1, None)?;
            bench.clock.advance(30);
        }
        queues.send("dead", Outgoing::text("stray"))?;
        let task = queues.start_message_move_task("dead", None)?;
        assert_eq!((task.moved, task.found, task.status), (1, 2, MoveStatus::SourceUnknown));
        let back = only(queues.receive("work", 10, None)?)?;
        assert_eq!((back.body(), back.receive_count), ("poison", 1));
        assert_ne!(back.message_id(), id);
        let task = queues.start_message_move_task("dead", Some("work"))?;
        assert_eq!((task.moved, task.status), (1, MoveStatus::Completed));
        assert!(queues.pending("dead")?.is_empty());
        let tasks = queues.list_message_move_tasks("dead", 10)?;
        assert_eq!(tasks.first(), Some(&task));
        assert_eq!(tasks.len(), 2);
        assert!(queues.start_message_move_task("work", None).is_err());
        Ok(())
    })
}

#[test]
fn a_moved_dead_letter_survives_a_kill_in_its_new_queue_only() -> Outcome {
    let bench = Bench::new(true)?;
    bench.queues.send("dead", Outgoing::text("stray"))?;
    bench.queues.start_message_move_task("dead", Some("work"))?;
    let bench = bench.killed_and_restarted()?;
    assert!(bench.queues.pending("dead")?.is_empty());
    assert_eq!(bodies(&bench.queues.receive("work", 10, None)?), ["stray"]);
    Ok(())
}

#[test]
fn a_batch_that_breaks_a_rule_of_batches_is_refused_whole() -> Outcome {
    let queues = Bench::new(false)?.queues;
    let batch = |ids: &[&str], body: &str| {
        let entries = ids.iter().map(|id| ((*id).to_owned(), Outgoing::text(body))).collect();
        queues.send_batch("work", entries).err().map(|error| error.name())
    };
    assert_eq!(batch(&[], "x"), Some("EmptyBatchRequest"));
    assert_eq!(batch(&["a", "a"], "x"), Some("BatchEntryIdsNotDistinct"));
    assert_eq!(batch(&["not an id"], "x"), Some("InvalidBatchEntryId"));
    let ids: Vec<_> = (0..11).map(|n| n.to_string()).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    assert_eq!(batch(&ids, "x"), Some("TooManyEntriesInBatchRequest"));
    let half = "x".repeat(MAX_MESSAGE_BYTES / 2);
    assert_eq!(batch(&["a", "b", "c"], &half), Some("BatchRequestTooLong"));
    assert_eq!(batch(&["a", "b"], &half), None);
    assert_eq!(queues.pending("work")?.visible, 2);
    Ok(())
}

#[test]
fn an_unacceptable_entry_fails_alone() -> Outcome {
    let queues = Bench::new(false)?.queues;
    let entries = [("good", "x"), ("empty", ""), ("control", "\u{1}")];
    let entries = entries.map(|(id, body)| (id.to_owned(), Outgoing::text(body))).into();
    let outcome = queues.send_batch("work", entries)?;
    let failed: Vec<_> =
        outcome.failed.iter().map(|(id, error)| (id.as_str(), error.name())).collect();
    assert_eq!(outcome.successful.len(), 1);
    assert_eq!(failed, [("empty", "MissingParameter"), ("control", "InvalidMessageContents")]);
    assert_eq!(bodies(&queues.receive("work", 10, None)?), ["x"]);
    Ok(())
}

#[test]
fn digests_are_those_that_clients_compute() -> Outcome {
    let queues = Bench::new(false)?.queues;
    let attribute =
        |data_type: &str, string: Option<&str>, binary: Option<&str>| MessageAttribute {
            data_type: data_type.to_owned(),
            string_value: string.map(str::to_owned),
            binary_value: binary.map(str::to_owned),
        };
    let attributes = MessageAttributes::from([
        ("name".to_owned(), attribute("String", Some("perennial"), None)),
        ("count".to_owned(), attribute("Number", Some("3"), None)),
        ("raw".to_owned(), attribute("Binary", None, Some("AQID"))),
    ]);
    let sent = queues.send("work", Outgoing { attributes, ..Outgoing::text("hello") })?;
    assert_eq!(sent.md5_of_body, "5d41402abc4b2a76b9719d911017c592");
    // Computed with Python's hashlib after the algorithm in the SQS developer guide.
    assert_eq!(sent.md5_of_attributes.as_deref(), Some("1a43aee34c3bf8a948e03731d3605609"));
    Ok(())
}

#[test]
fn usage_counts_requests_as_they_are_billed() -> Outcome {
    let queues = Bench::new(false)?.queues;
    queues.send("work", Outgoing::text("x".repeat(64 * 1024 + 1)))?;
    let message = only(queues.receive("work", 10, None)?)?;
    queues.delete("work", &message.receipt_handle)?;
    queues.receive("work", 10, None)?;
    let usage = queues.take_usage();
    assert_eq!(usage.billed_requests(), 2 + 2 + 1);
    assert_eq!(usage.bytes(), 2 * (64 * 1024 + 1));
    assert_eq!(usage.actions().get("ReceiveMessage (empty)").map(|u| u.calls), Some(1));
    assert_eq!(queues.usage(), Usage::default());
    Ok(())
}

#[test]
fn a_queue_can_be_made_twice_only_if_both_are_alike() -> Outcome {
    let queues = Bench::new(false)?.queues;
    let slow = || QueueSpec { visibility_timeout: Duration::from_secs(90), ..QueueSpec::new("q") };
    queues.create_queue(slow())?;
    queues.create_queue(slow())?;
    let refused = queues.create_queue(QueueSpec::new("q"));
    assert!(matches!(refused, Err(SqsError::QueueNameExists("VisibilityTimeout"))), "{refused:?}");
    queues.send("q", Outgoing::text("kept"))?;
    queues.ensure_queue(QueueSpec::new("q"))?;
    assert_eq!(queues.spec("q")?.visibility_timeout, Duration::from_secs(30));
    assert_eq!(bodies(&queues.receive("q", 1, None)?), ["kept"]);
    let fifo = queues.create_queue(QueueSpec::new("q.fifo"));
    assert!(matches!(fifo, Err(SqsError::UnsupportedOperation(_))), "{fifo:?}");
    Ok(())
}

#[tokio::test]
async fn a_waiting_receiver_is_woken_by_a_send_and_by_the_clock() -> Outcome {
    let Bench { clock, queues, .. } = Bench::new(false)?;
    let queues = Arc::new(queues);
    let wait = |queues: &Arc<Queues>| {
        let queues = Arc::clone(queues);
        tokio::spawn(
            async move { queues.receive_wait("work", 10, None, Duration::from_secs(20)).await },
        )
    };
    let receiver = wait(&queues);
    tokio::task::yield_now().await;
    queues.send("work", Outgoing::text("now"))?;
    assert_eq!(bodies(&receiver.await??), ["now"]);

    let delay = Some(Duration::from_secs(600));
    queues.send("work", Outgoing { delay, ..Outgoing::text("later") })?;
    let receiver = wait(&queues);
    tokio::task::yield_now().await;
    clock.advance(600);
    queues.clock_moved();
    let received = receiver.await??;
    assert!(bodies(&received).contains(&"later"), "{received:?}");
    Ok(())
}
