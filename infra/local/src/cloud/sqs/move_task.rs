//! Message move tasks: what became a dead letter goes back to where it came from.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Queues, SqsError, file::Change, message::Content, queue::Held, queue_arn};

/// How many tasks are remembered for one source. They are forgotten when the process ends.
const REMEMBERED: usize = 10;

/// A move of all visible messages of a dead-letter queue. It is done when it is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveTask {
    /// Names the task.
    pub handle: String,
    /// The name of the dead-letter queue.
    pub source: String,
    /// The name of the queue that all messages went to, or `None`: each to where it came from.
    pub destination: Option<String>,
    /// How it ended.
    pub status: MoveStatus,
    /// Messages moved.
    pub moved: usize,
    /// Messages that were there to be moved.
    pub found: usize,
    /// When it was started.
    pub started_at: DateTime<Utc>,
}

/// How a move task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveStatus {
    /// All messages were moved.
    Completed,
    /// Messages remain that came from no other queue, so where they belong is unknown.
    SourceUnknown,
}

impl Queues {
    /// Moves all visible messages of a dead-letter queue to `destination`, or each to the queue
    /// that it came from. They arrive as new messages: with new ids, never received.
    ///
    /// # Errors
    /// When a queue doesn't exist, or `source` is no queue's dead-letter queue.
    pub fn start_message_move_task(
        &self,
        source: &str,
        destination: Option<&str>,
    ) -> Result<MoveTask, SqsError> {
        self.usage_mut().count(source, "StartMessageMoveTask", 0, 0);
        let started_at = self.clock.now();
        let now = started_at.timestamp_millis();
        let mut state = self.state();
        let is_source = state.queues.values().any(|queue| {
            queue.spec.redrive.as_ref().is_some_and(|redrive| redrive.dead_letter_queue == source)
        });
        let missing =
            |arn| SqsError::ResourceNotFound(format!("The resource {arn} does not exist."));
        state.queue_mut(source).map_err(|_| missing(queue_arn(source)))?.wake(now);
        if !is_source {
            return Err(SqsError::InvalidParameterValue(
                "Source queue must be configured as a Dead Letter Queue.".to_owned(),
            ));
        }
        if let Some(destination) = destination {
            state.queue(destination).map_err(|_| missing(queue_arn(destination)))?;
        }
        let visible: Vec<_> = state.queue(source)?.visible_in_order().collect();
        let found = visible.len();
        let mut moved = Vec::new();
        for sequence in visible {
            let Some(old) = state.queue(source)?.get(sequence) else { continue };
            let home = destination.or(old.dead_letter_source.as_deref()).map(str::to_owned);
            let Some(home) = home.filter(|home| state.queues.contains_key(home)) else { continue };
            let Content { body, attributes, .. } = &*old.content;
            let id = Uuid::now_v7().to_string();
            let fresh = Content::new(id, body.clone(), attributes.clone(), now);
            let new_sequence = state.next_sequence();
            moved.push((sequence, new_sequence, home, Held::fresh(fresh, now)));
        }
        let changes: Vec<_> = moved
            .iter()
            .flat_map(|(old, new, home, held)| {
                [
                    Change::Remove { sequence: *old },
                    Change::Add { queue: home, sequence: *new, held },
                ]
            })
            .collect();
        state.write(&changes)?;
        let task = MoveTask {
            handle: Uuid::now_v7().to_string(),
            source: source.to_owned(),
            destination: destination.map(str::to_owned),
            status: if moved.len() == found {
                MoveStatus::Completed
            } else {
                MoveStatus::SourceUnknown
            },
            moved: moved.len(),
            found,
            started_at,
        };
        for (old, new, home, held) in moved {
            state.queue_mut(source)?.remove(old);
            state.queue_mut(&home)?.insert(new, held, now);
        }
        state.moves.push_front(task.clone());
        let mut of_source = 0;
        state.moves.retain(|task| {
            of_source += usize::from(task.source == source);
            task.source != source || of_source <= REMEMBERED
        });
        Ok(task)
    }

    /// The latest move tasks of a dead-letter queue, the latest first.
    ///
    /// # Errors
    /// When the queue doesn't exist.
    pub fn list_message_move_tasks(
        &self,
        source: &str,
        most: usize,
    ) -> Result<Vec<MoveTask>, SqsError> {
        let state = self.state();
        state.queue(source).map_err(|_| {
            SqsError::ResourceNotFound(format!(
                "The resource {} does not exist.",
                queue_arn(source)
            ))
        })?;
        Ok(state.moves.iter().filter(|task| task.source == source).take(most).cloned().collect())
    }
}
