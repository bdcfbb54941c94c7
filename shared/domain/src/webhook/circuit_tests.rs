#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A circuit after so many failures in a row, all at `now`.
fn failed(times: u32, now: DateTime<Utc>) -> Circuit {
    (0..times).fold(Circuit::default(), |circuit, _| circuit.failed(now))
}

#[test]
fn a_circuit_opens_at_the_thirtieth_failure_in_a_row() {
    let now = at("2027-01-31T12:00:00Z");
    let before = failed(29, now);
    assert_eq!((before.state, before.gate(now)), (CircuitState::Closed, Gate::Pass));
    assert_eq!(before.succeeded().failure_count, 0);
    let after = before.failed(now);
    assert_eq!((after.state, after.failure_count), (CircuitState::Open, 30));
    assert_eq!(after.gate(now), Gate::Wait(at("2027-01-31T12:01:00Z")));
}

#[test]
fn one_message_probes_and_the_others_wait_for_its_outcome() {
    let opened = failed(30, at("2027-01-31T12:00:00Z"));
    let now = at("2027-01-31T12:01:00Z");
    let Gate::Probe(probing) = opened.gate(now) else { panic!("no probe at {now}") };
    assert_eq!(probing.state, CircuitState::HalfOpen);
    assert_eq!(probing.gate(now), Gate::Wait(at("2027-01-31T12:03:00Z")));
    assert_eq!(probing.succeeded(), Circuit::default());
    let again = probing.failed(at("2027-01-31T12:01:15Z"));
    assert_eq!(again.gate(now), Gate::Wait(at("2027-01-31T12:03:15Z")));
    assert_eq!((again.state, again.failed_probes), (CircuitState::Open, 1));
}

#[test]
fn a_probe_whose_outcome_never_came_gives_way_to_another() {
    let opened = failed(30, at("2027-01-31T12:00:00Z"));
    let Gate::Probe(probing) = opened.gate(at("2027-01-31T12:01:00Z")) else { panic!("no probe") };
    let later = at("2027-01-31T12:03:00Z");
    assert!(matches!(probing.gate(later), Gate::Probe(_)));
}

#[test]
fn rests_double_up_to_an_hour() {
    let minutes: Vec<i64> = (0..9).map(|failed| rest(failed).num_minutes()).collect();
    assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(rest(u32::MAX), TimeDelta::hours(1));
}

#[test]
fn a_late_failure_neither_opens_again_nor_moves_the_probe() {
    let opened = failed(30, at("2027-01-31T12:00:00Z"));
    let late = opened.failed(at("2027-01-31T12:00:59Z"));
    assert_eq!(late, Circuit { failure_count: 31, ..opened });
}

#[test]
fn states_are_named_as_they_are_stored() {
    for (state, name) in [
        (CircuitState::Closed, "closed"),
        (CircuitState::Open, "open"),
        (CircuitState::HalfOpen, "half_open"),
    ] {
        assert_eq!(state.as_str(), name);
        assert_eq!(serde_json::to_value(state).unwrap(), serde_json::json!(name));
    }
}

proptest! {
    /// Whatever happens, something is sent again within an hour, and a success closes the circuit.
    #[test]
    fn no_circuit_stays_open_for_ever(steps in prop::collection::vec((0..7_200_i64, any::<bool>()), 0..200)) {
        let mut now = at("2027-01-31T12:00:00Z");
        let mut circuit = Circuit::default();
        for (seconds, works) in steps {
            now += TimeDelta::seconds(seconds);
            match circuit.gate(now) {
                Gate::Pass => prop_assert!(circuit.failure_count < OPENS_AFTER),
                Gate::Probe(probing) => {
                    prop_assert!(matches!(probing.gate(now), Gate::Wait(_)));
                    circuit = probing;
                }
                Gate::Wait(until) => {
                    prop_assert!(until > now && until - now <= TimeDelta::hours(1));
                    continue;
                }
            }
            circuit = if works { circuit.succeeded() } else { circuit.failed(now) };
            prop_assert_eq!(circuit == Circuit::default(), works);
        }
    }
}
