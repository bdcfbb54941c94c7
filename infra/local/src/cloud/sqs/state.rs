//! What the lock of the queues guards, and the steps that keep memory and file alike.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{
    MoveTask, QueueSpec, SqsError,
    file::{Change, QueueFile},
    queue::{Queue, Sequence, millis},
    receipt::Receipt,
};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) queues: BTreeMap<String, Queue>,
    pub(super) last_sequence: Sequence,
    pub(super) moves: VecDeque<MoveTask>,
    pub(super) file: Option<QueueFile>,
}

impl State {
    pub(super) fn queue(&self, name: &str) -> Result<&Queue, SqsError> {
        self.queues.get(name).ok_or(SqsError::QueueDoesNotExist)
    }

    pub(super) fn queue_mut(&mut self, name: &str) -> Result<&mut Queue, SqsError> {
        self.queues.get_mut(name).ok_or(SqsError::QueueDoesNotExist)
    }

    pub(super) fn next_sequence(&mut self) -> Sequence {
        self.last_sequence += 1;
        self.last_sequence
    }

    /// Writes the changes to the file, if there is one, before memory takes them over.
    pub(super) fn write(&mut self, changes: &[Change<'_>]) -> Result<(), SqsError> {
        self.file.as_mut().map_or(Ok(()), |file| file.write(changes))
    }

    /// Makes the queue, or gives an existing one these settings.
    pub(super) fn put_queue(&mut self, spec: QueueSpec, now: i64) -> Result<(), SqsError> {
        if let Some(redrive) = &spec.redrive
            && !self.queues.contains_key(&redrive.dead_letter_queue)
        {
            return Err(SqsError::InvalidParameterValue(format!(
                "Value for parameter RedrivePolicy is invalid. Reason: Dead letter target does \
                 not exist: {}.",
                redrive.dead_letter_queue
            )));
        }
        let created_at = self.queues.get(&spec.name).map_or(now, |queue| queue.created_at);
        if let Some(file) = &self.file {
            file.put_queue(&spec, created_at)?;
        }
        let mut remade = Queue::new(spec, created_at);
        if let Some(mut existing) = self.queues.remove(&remade.spec.name) {
            remade.arrivals = existing.arrivals.clone();
            for sequence in existing.sequences() {
                if let Some(held) = existing.remove(sequence) {
                    remade.insert(sequence, held, now);
                }
            }
        }
        self.queues.insert(remade.spec.name.clone(), remade);
        Ok(())
    }

    /// Forgets the messages of a queue whose retention has run out.
    pub(super) fn drop_expired(&mut self, queue: &str, now: i64) -> Result<(), SqsError> {
        let expired = self.queue(queue)?.expired(now);
        self.remove(queue, &expired)
    }

    /// Deletes the messages whose receipts are current.
    pub(super) fn delete(
        &mut self,
        queue: &str,
        receipts: &[Receipt],
        incarnation: u32,
    ) -> Result<(), SqsError> {
        let held = self.queue(queue)?;
        let current: Vec<_> = receipts
            .iter()
            .filter(|receipt| is_current(held, **receipt, incarnation))
            .map(|receipt| receipt.sequence)
            .collect();
        self.remove(queue, &current)
    }

    fn remove(&mut self, queue: &str, sequences: &[Sequence]) -> Result<(), SqsError> {
        let changes: Vec<_> =
            sequences.iter().map(|&sequence| Change::Remove { sequence }).collect();
        self.write(&changes)?;
        let queue = self.queue_mut(queue)?;
        for &sequence in sequences {
            queue.remove(sequence);
        }
        Ok(())
    }

    /// Hides a message in flight for `timeout` from `now`.
    pub(super) fn change_visibility(
        &mut self,
        name: &str,
        receipt: Receipt,
        incarnation: u32,
        timeout: Duration,
        now: i64,
    ) -> Result<(), SqsError> {
        let Self { queues, file, .. } = self;
        let queue = queues.get_mut(name).ok_or(SqsError::QueueDoesNotExist)?;
        let sequence = receipt.sequence;
        let in_flight = is_current(queue, receipt, incarnation)
            && queue.get(sequence).is_some_and(|held| held.visible_at > now);
        if !in_flight {
            return Err(SqsError::MessageNotInflight);
        }
        queue.hide_until(sequence, now.saturating_add(millis(timeout)), now);
        if let (Some(file), Some(held)) = (file, queue.get(sequence)) {
            file.write(&[Change::Touch { sequence, held }])?;
        }
        Ok(())
    }
}

fn is_current(queue: &Queue, receipt: Receipt, incarnation: u32) -> bool {
    receipt.incarnation == incarnation
        && queue.get(receipt.sequence).is_some_and(|held| {
            held.receive_count == receipt.receive_count && receipt.receive_count > 0
        })
}
