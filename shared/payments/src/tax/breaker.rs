//! Breakers: services that fail are left alone for a while.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use perennial_domain::ids::{ExternalTaxCalculatorId, OrganizationId};
use tokio::time::Instant;

/// How long a service is left alone after the first failure; twice as long after each further one.
const FIRST_REST: Duration = Duration::from_secs(5);
/// The longest that it is.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// Which services fail, as far as this instance knows. They are asked by many instances, each of
/// which finds out for itself: that costs one timeout each and no write.
#[derive(Debug, Default)]
pub struct Breakers(Mutex<HashMap<(OrganizationId, ExternalTaxCalculatorId), Broken>>);

#[derive(Debug, Clone, Copy)]
struct Broken {
    /// Failures in a row.
    failures: u32,
    /// When one question may find out whether it answers again.
    probe_at: Instant,
    /// Whether one is under way.
    probing: bool,
}

/// Whether a service is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// It is.
    Ask,
    /// It failed just now, and is left alone for so long.
    Rest(Duration),
}

impl Breakers {
    /// Whether a service is asked at `now`. Of many questions that wait for its rest to be over one
    /// goes through: the others are told to rest while that one is under way.
    pub fn pass(
        &self,
        organization: &OrganizationId,
        calculator: &ExternalTaxCalculatorId,
        now: Instant,
    ) -> Pass {
        let mut broken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match broken.get_mut(&(organization.clone(), calculator.clone())) {
            None => Pass::Ask,
            Some(found) if now < found.probe_at => Pass::Rest(found.probe_at - now),
            Some(found) => {
                // One whose outcome never comes gives way to another.
                found.probe_at = now + FIRST_REST;
                found.probing = true;
                Pass::Ask
            }
        }
    }

    /// Notes that a service answered: whatever it was, it works.
    pub fn answered(&self, organization: &OrganizationId, calculator: &ExternalTaxCalculatorId) {
        let mut broken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        broken.remove(&(organization.clone(), calculator.clone()));
    }

    /// Notes that it did not.
    pub fn failed(
        &self,
        organization: &OrganizationId,
        calculator: &ExternalTaxCalculatorId,
        now: Instant,
    ) {
        let mut broken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = broken.entry((organization.clone(), calculator.clone())).or_insert(Broken {
            failures: 0,
            probe_at: now,
            probing: true,
        });
        // Questions that were under way together fail together: they are one failure.
        if std::mem::take(&mut found.probing) {
            found.failures = found.failures.saturating_add(1);
            found.probe_at = now + rest(found.failures);
        }
    }
}

/// How long a service is left alone after so many failures.
fn rest(failures: u32) -> Duration {
    let times = 2_u32.saturating_pow(failures.saturating_sub(1));
    FIRST_REST.checked_mul(times).map_or(LONGEST_REST, |rest| rest.min(LONGEST_REST))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    struct Service {
        breakers: Breakers,
        organization: OrganizationId,
        calculator: ExternalTaxCalculatorId,
        begun: Instant,
    }

    impl Service {
        fn new() -> Self {
            Self {
                breakers: Breakers::default(),
                organization: "acme".parse().unwrap(),
                calculator: "etc_1".parse().unwrap(),
                begun: Instant::now(),
            }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.begun + Duration::from_secs(seconds)
        }

        fn is_asked(&self, seconds: u64) -> bool {
            self.breakers.pass(&self.organization, &self.calculator, self.at(seconds)) == Pass::Ask
        }

        fn fails(&self, seconds: u64) {
            self.breakers.failed(&self.organization, &self.calculator, self.at(seconds));
        }
    }

    /// 5 s after the first failure, then 10, 20, 40 and 60, and never longer.
    #[test]
    fn a_service_that_fails_is_asked_once_after_each_rest() {
        let service = Service::new();
        assert!(service.is_asked(0) && service.is_asked(0));
        service.fails(0);
        let mut now = 0;
        for rest in [5, 10, 20, 40, 60, 60] {
            assert!(!service.is_asked(now + rest - 1), "{rest}");
            now += rest;
            assert!(service.is_asked(now), "{rest}");
            assert!(!service.is_asked(now), "one question probes");
            service.fails(now);
        }
    }

    #[test]
    fn many_that_fail_together_are_one_failure() {
        let service = Service::new();
        for _ in 0..10 {
            service.fails(0);
        }
        assert!(!service.is_asked(4));
        assert!(service.is_asked(5));
    }

    #[test]
    fn an_answer_ends_it_and_others_are_not_concerned() {
        let service = Service::new();
        service.fails(0);
        let other = "etc_2".parse().unwrap();
        assert_eq!(service.breakers.pass(&service.organization, &other, service.at(0)), Pass::Ask);
        let elsewhere = "globex".parse().unwrap();
        let there = service.breakers.pass(&elsewhere, &service.calculator, service.at(0));
        assert_eq!(there, Pass::Ask);
        service.breakers.answered(&service.organization, &service.calculator);
        assert!(service.is_asked(0) && service.is_asked(0));
    }
}
