//! A journal, entry by entry.

use serde_json::json;

use super::{Code, Discrepancy};
use crate::journal::{Entry, Head};

/// Follows a journal from its first entry to its last.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    head: Head,
    broken: Option<Discrepancy>,
}

impl Chain {
    /// Follows the next entry. After the first break nothing can be proven any more.
    pub fn follow(&mut self, entry: &Entry) {
        if self.broken.is_some() {
            return;
        }
        match self.head.follow(entry) {
            Ok(head) => self.head = head,
            Err(error) => {
                let numbers =
                    json!({"sequence": entry.sequence, "expected": self.head.sequence + 1});
                self.broken = Some(Discrepancy::new(
                    Code::JournalBroken,
                    entry.subject.clone(),
                    error.to_string(),
                    numbers,
                ));
            }
        }
    }

    /// Holds the end of the journal against where its subject says that it ends.
    #[must_use]
    pub fn check(self, subject: &str, head: &Head) -> Option<Discrepancy> {
        let Self { head: found, broken } = self;
        broken.or_else(|| {
            (found != *head).then(|| {
                let detail = format!(
                    "the journal ends with entry {} and the subject names entry {} as its last",
                    found.sequence, head.sequence
                );
                let numbers = json!({"found": found.sequence, "expected": head.sequence});
                Discrepancy::new(Code::JournalCut, subject, detail, numbers)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use serde_json::Value;

    use super::*;
    use crate::{
        ids::OrganizationId,
        journal::{Cause, Change, append},
    };

    type Tested = Result<(), Box<dyn std::error::Error>>;

    fn journal(length: u32) -> Result<(Vec<Entry>, Head), Box<dyn std::error::Error>> {
        let organization: OrganizationId = "acme".parse()?;
        let mut head = Head::default();
        let mut entries = Vec::new();
        for number in 1..=length {
            let cause = Cause { actor: "system:test".into(), reason: format!("step {number}") };
            let change = Change {
                event: "order_subscriptions.update",
                before: Value::Null,
                after: json!(number),
            };
            let at: DateTime<Utc> = "2027-01-31T10:00:00Z".parse()?;
            entries.push(append(&mut head, &organization, "sub_1", at, cause, change));
        }
        Ok((entries, head))
    }

    fn found(entries: &[Entry], head: &Head) -> Option<Code> {
        let mut chain = Chain::default();
        entries.iter().for_each(|entry| chain.follow(entry));
        chain.check("sub_1", head).map(|found| found.code)
    }

    #[test]
    fn a_whole_journal_is_sound_and_every_break_is_found() -> Tested {
        let (entries, head) = journal(4)?;
        assert_eq!(found(&entries, &head), None);
        assert_eq!(found(&[], &Head::default()), None);
        for index in 0..4 {
            let mut dropped = entries.clone();
            dropped.remove(index);
            // The last one leaves a sound but shorter chain.
            let code = if index == 3 { Code::JournalCut } else { Code::JournalBroken };
            assert_eq!(found(&dropped, &head), Some(code), "without entry {}", index + 1);
            let mut altered = entries.clone();
            if let Some(entry) = altered.get_mut(index) {
                entry.after = json!("altered");
            }
            assert_eq!(found(&altered, &head), Some(Code::JournalBroken), "altered {}", index + 1);
            let mut repeated = entries.clone();
            repeated.extend(entries.get(index).cloned());
            assert_eq!(found(&repeated, &head), Some(Code::JournalBroken), "twice {}", index + 1);
        }
        Ok(())
    }
}
