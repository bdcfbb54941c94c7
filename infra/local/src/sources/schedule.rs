//! When schedules fire, and the event that they send. Firings fall on whole multiples of the rate,
//! counted from 1970: every minute at its beginning, every day at midnight UTC.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use perennial_runtime::Clock;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    activity::Activity,
    clock::MovableClock,
    invoke::{FunctionFault, Host},
    template::{ACCOUNT, REGION, Schedule, arn},
};

/// One firing of one schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// When.
    pub at: DateTime<Utc>,
    /// Which schedule, by its place in the list.
    pub schedule: usize,
}

/// All schedules of a template.
#[derive(Debug)]
pub struct Schedules {
    list: Vec<(String, Schedule)>,
    host: Arc<Host>,
    activity: Arc<Activity>,
    clock: Arc<MovableClock>,
    /// Everything up to here has fired or been passed over.
    fired_until: Mutex<DateTime<Utc>>,
}

impl Schedules {
    /// Schedules with the logical ids of their functions. Disabled ones never fire.
    #[must_use]
    pub fn new(
        list: Vec<(String, Schedule)>,
        host: Arc<Host>,
        activity: Arc<Activity>,
        clock: Arc<MovableClock>,
    ) -> Self {
        let list = list.into_iter().filter(|(_, schedule)| schedule.enabled).collect();
        let fired_until = Mutex::new(clock.now());
        Self { list, host, activity, clock, fired_until }
    }

    /// The functions' logical ids and their schedules.
    #[must_use]
    pub fn list(&self) -> &[(String, Schedule)] {
        &self.list
    }

    /// Everything up to here has fired.
    pub fn fired_until(&self) -> DateTime<Utc> {
        *self.fired_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that everything up to an instant has fired, or needn't.
    pub fn pass(&self, until: DateTime<Utc>) {
        let mut fired = self.fired_until.lock().unwrap_or_else(PoisonError::into_inner);
        *fired = until.max(*fired);
    }

    /// Fires one schedule and waits for its function's answer. A failure is not tried again: the
    /// template says so, or would have been refused.
    ///
    /// # Errors
    /// What the function's failure was.
    pub async fn fire(&self, firing: &Firing) -> Result<(), FunctionFault> {
        let Some((function, schedule)) = self.list.get(firing.schedule) else { return Ok(()) };
        let _busy = self.activity.begin();
        let event = schedule.input.clone().unwrap_or_else(|| event(&schedule.name, firing.at));
        self.host.invoke(function, event).await.map(|_| ())
    }

    /// Fires by the running clock until `stop` turns true. While the clock is being moved, whoever
    /// moves it fires.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut moved = self.clock.watch();
        while !*stop.borrow() {
            let after = self.fired_until();
            let next = (0..self.list.len()).filter_map(|schedule| self.next(schedule, after)).min();
            let wait = next.map(|at| (at - self.clock.now()).to_std().unwrap_or_default());
            let sleep = async {
                match wait {
                    Some(wait) if !self.clock.is_held() => tokio::time::sleep(wait).await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => {}
                _ = moved.changed() => continue,
                _ = stop.changed() => continue,
            }
            let now = self.clock.now();
            if self.clock.is_held() || next.is_none_or(|at| at > now) {
                continue;
            }
            for (schedule, (_, Schedule { every, .. })) in self.list.iter().enumerate() {
                // After a pause of the machine only the last firing counts, as on AWS.
                let at = last_at_or_before(now, *every);
                if at > after {
                    let (schedules, firing) = (Arc::clone(&self), Firing { at, schedule });
                    let busy = self.activity.begin();
                    tokio::spawn(async move {
                        // A failure is logged and counted by the host.
                        let _ = schedules.fire(&firing).await;
                        drop(busy);
                    });
                }
            }
            self.pass(now);
        }
    }

    /// The first instant after another at which a schedule fires.
    #[must_use]
    pub fn next(&self, schedule: usize, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (_, Schedule { every, .. }) = self.list.get(schedule)?;
        last_at_or_before(after, *every).checked_add_signed(*every)
    }

    /// The first instant at or after another at which a schedule fires.
    #[must_use]
    pub fn at_or_after(&self, schedule: usize, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.next(schedule, from.checked_sub_signed(TimeDelta::milliseconds(1))?)
    }

    /// How many times all schedules fire after one instant, up to and including another.
    #[must_use]
    pub fn count(&self, after: DateTime<Utc>, until: DateTime<Utc>) -> i64 {
        self.list
            .iter()
            .map(|(_, Schedule { every, .. })| {
                let period = every.num_milliseconds().max(1);
                until.timestamp_millis().div_euclid(period)
                    - after.timestamp_millis().div_euclid(period)
            })
            .sum()
    }
}

fn last_at_or_before(instant: DateTime<Utc>, every: TimeDelta) -> DateTime<Utc> {
    let period = every.num_milliseconds().max(1);
    let millis = instant.timestamp_millis().div_euclid(period) * period;
    DateTime::from_timestamp_millis(millis).unwrap_or(instant)
}

/// The event that an EventBridge schedule sends.
fn event(rule: &str, at: DateTime<Utc>) -> Value {
    json!({
        "version": "0",
        "id": Uuid::now_v7().to_string(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": at.to_rfc3339_opts(SecondsFormat::Secs, true),
        "region": REGION,
        "resources": [arn("events", &format!("rule/{rule}"))],
        "detail": {},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firings_fall_on_whole_multiples_of_the_rate() -> Result<(), chrono::ParseError> {
        let instant: DateTime<Utc> = "2027-01-31T10:20:30.500Z".parse()?;
        let minute = last_at_or_before(instant, TimeDelta::minutes(1));
        assert_eq!(minute.to_rfc3339(), "2027-01-31T10:20:00+00:00");
        assert_eq!(last_at_or_before(minute, TimeDelta::minutes(1)), minute);
        let day = last_at_or_before(instant, TimeDelta::days(1));
        assert_eq!(day.to_rfc3339(), "2027-01-31T00:00:00+00:00");
        Ok(())
    }
}
