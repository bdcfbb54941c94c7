//! What holds whatever is cut: no cent is created or lost, and no credit exceeds its charge.

use std::num::NonZeroU32;

use chrono::{DateTime, Days, NaiveDate, TimeDelta};
use proptest::{prelude::*, test_runner::TestCaseError};

use super::{ledger::Totals, *};
use crate::{
    money::{Currency, MinorUnits, Rounding},
    time::{Zone, iana},
};

/// How many changes a period has at most.
const CHANGES: usize = 12;

fn policies() -> impl Strategy<Value = Policy> {
    let zones = prop::sample::select(vec![
        Zone::utc(),
        iana("Europe/Berlin"),
        iana("America/New_York"),
        iana("Australia/Lord_Howe"),
        iana("Asia/Kathmandu"),
    ]);
    let counts = prop::sample::select(vec![
        (Unit::Day, Denominator::Actual),
        (Unit::Day, Denominator::Fixed30),
        (Unit::Second, Denominator::Actual),
    ]);
    let roundings = prop::sample::select(vec![Rounding::HalfUp, Rounding::HalfEven]);
    let bases = prop::sample::select(vec![CreditBase::Charged, CreditBase::List]);
    let days = prop::sample::select(vec![TerminationDay::Free, TerminationDay::Billed]);
    (zones, counts, roundings, bases, days).prop_map(
        |(time_zone, (unit, denominator), rounding, credit_base, termination_day)| Policy {
            time_zone,
            unit,
            denominator,
            rounding,
            credit_base,
            termination_day,
        },
    )
}

fn periods() -> impl Strategy<Value = Period> {
    (policies(), 0_u64..7300, 2_u64..400).prop_filter_map(
        "30E/360 counts nothing there",
        |(policy, start, days)| {
            let first = NaiveDate::from_ymd_opt(2020, 1, 1)?.checked_add_days(Days::new(start))?;
            let last = first.checked_add_days(Days::new(days))?;
            Period::new(Moment::Date(first), Moment::Date(last), policy).ok()
        },
    )
}

/// A moment so many thousandths into a period, on a local day or to the second.
fn moment(period: &Period, thousandths: i64) -> Moment {
    let along = |span: TimeDelta| TimeDelta::seconds(span.num_seconds() * thousandths / 1000);
    match (period.start().at, period.end().at) {
        (Moment::Date(first), Moment::Date(last)) => Moment::Date(first + along(last - first)),
        (Moment::Instant(first), Moment::Instant(last)) => {
            Moment::Instant(first + along(last - first))
        }
        (start, _) => start,
    }
}

/// Moments in a period, in order.
fn moments(period: &Period, mut thousandths: Vec<i64>) -> Vec<Moment> {
    thousandths.sort_unstable();
    thousandths.into_iter().map(|part| moment(period, part)).collect()
}

fn terms(price: i64, charged: i64, quantity: u32) -> Terms {
    Terms {
        list_price: MinorUnits::new(price),
        charged_price: MinorUnits::new(charged),
        quantity: NonZeroU32::MIN.saturating_add(quantity),
    }
}

fn sound(ledger: &Ledger) -> Result<(), TestCaseError> {
    prop_assert_eq!(ledger.verify(), vec![]);
    Ok(())
}

/// A change of terms, of quantity, or an end.
#[derive(Clone, Debug)]
enum Step {
    Terms(Terms),
    Quantity(u32),
    End,
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0_i64..1_000_000, 0_i64..1_000_000, 0_u32..20)
            .prop_map(|(list, charged, quantity)| Step::Terms(terms(list, charged, quantity))),
        3 => (0_u32..20).prop_map(Step::Quantity),
        1 => Just(Step::End),
    ]
}

/// A book with changes at thousandths of its period, and what they came to one by one.
fn entered(period: Period, changes: Vec<(i64, Step)>) -> Result<(Book, i64), TestCaseError> {
    let mut book = Book::open(Currency::EUR, period);
    let (at, steps): (Vec<i64>, Vec<Step>) = changes.into_iter().unzip();
    let mut net = 0;
    for (at, step) in moments(&period, at).into_iter().zip(steps) {
        let change = match step {
            Step::Terms(terms) => book.change_terms(at, terms),
            Step::Quantity(more) => book.change_quantity(at, NonZeroU32::MIN.saturating_add(more)),
            Step::End => book.terminate(at),
        };
        match change {
            Ok(ledger) => {
                sound(&ledger)?;
                net += ledger.net.get();
            }
            // Nothing is held yet, or a day that was billed has not passed.
            Err(ProrationError::NothingHeld { .. } | ProrationError::OutOfOrder { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok((book, net))
}

proptest! {
    #[test]
    fn slices_add_up_whatever_is_cut(
        period in periods(),
        price in 0..=i64::MAX,
        cuts in prop::collection::vec(0_i64..=1000, 0..CHANGES),
    ) {
        let ledger = slices(Currency::EUR, &period, MinorUnits::new(price), &moments(&period, cuts))?;
        prop_assert_eq!(ledger.charge.get(), price);
        let counted: i64 = ledger.lines.iter().map(|line| line.fraction.numerator()).sum();
        prop_assert_eq!(counted, period.total());
        sound(&ledger)?;
    }

    #[test]
    fn a_change_that_is_undone_at_once_costs_nothing(
        period in periods(), at in 0_i64..=1000, old in 0_i64..=1 << 60, new in 0_i64..=1 << 60,
    ) {
        let policy = Policy { credit_base: CreditBase::Charged, ..*period.policy() };
        let period = Period::new(period.start().at, period.end().at, policy)?;
        let mut book = Book::open(Currency::EUR, period);
        book.change_terms(period.start().at, terms(old, old, 0))?;
        let at = moment(&period, at);
        let change = book.change_terms(at, terms(new, new, 0))?;
        let undone = book.change_terms(at, terms(old, old, 0))?;
        prop_assert_eq!(change.credit, undone.charge);
        prop_assert_eq!(change.charge, undone.credit);
        prop_assert_eq!(book.ledger()?.net.get(), old);
    }

    #[test]
    fn units_that_are_added_and_removed_at_once_cost_nothing(
        period in periods(), at in 0_i64..=1000, price in 0_i64..1_000_000,
        held in 0_u32..50, more in 1_u32..50,
    ) {
        let mut book = Book::open(Currency::EUR, period);
        book.change_terms(period.start().at, terms(price, price, held))?;
        let at = moment(&period, at);
        let before = NonZeroU32::MIN.saturating_add(held);
        let added = book.change_quantity(at, before.saturating_add(more))?;
        let removed = book.change_quantity(at, before)?;
        prop_assert_eq!(added.charge, removed.credit);
        sound(&book.ledger()?)?;
    }

    /// With the price unchanged, however many changes there are, the period costs its price.
    #[test]
    fn changes_neither_create_nor_lose_a_cent(
        period in periods(), price in 0_i64..=1 << 58,
        at in prop::collection::vec(0_i64..=1000, 1..CHANGES),
    ) {
        let policy = Policy { credit_base: CreditBase::Charged, ..*period.policy() };
        let period = Period::new(period.start().at, period.end().at, policy)?;
        let mut book = Book::open(Currency::EUR, period);
        book.change_terms(period.start().at, terms(price, price, 0))?;
        for at in moments(&period, at) {
            let ledger = book.change_terms(at, terms(price, price, 0))?;
            prop_assert_eq!(ledger.net.get(), 0);
        }
        prop_assert_eq!(book.ledger()?.net.get(), price);
    }

    /// Each of the terms costs the time that it was held: at most one cent off the exact value.
    #[test]
    fn each_of_many_terms_costs_its_time(
        period in periods(),
        changes in prop::collection::vec((0_i64..=1000, 0_i64..1_000_000_000), 1..CHANGES),
    ) {
        let policy = Policy { credit_base: CreditBase::Charged, ..*period.policy() };
        let period = Period::new(period.start().at, period.end().at, policy)?;
        let mut book = Book::open(Currency::EUR, period);
        let (at, prices): (Vec<i64>, Vec<i64>) = changes.into_iter().unzip();
        for (at, price) in moments(&period, at).into_iter().zip(prices) {
            book.change_terms(at, terms(price, price, 0))?;
        }
        let ledger = book.ledger()?;
        sound(&ledger)?;
        for charge in ledger.lines.iter().filter(|line| line.kind == LedgerLineKind::Charge) {
            let of_it = || ledger.lines.iter().filter(|line| line.charge == charge.charge);
            let kept: i64 = of_it().map(|line| line.amount.get()).sum();
            let held: i64 = of_it()
                .map(|line| match line.kind {
                    LedgerLineKind::Credit => -line.fraction.numerator(),
                    LedgerLineKind::Charge | LedgerLineKind::Slice => line.fraction.numerator(),
                })
                .sum();
            let total = i128::from(period.total());
            let off = i128::from(kept) * total - i128::from(charge.basis.get()) * i128::from(held);
            prop_assert!(kept >= 0 && off.abs() <= total, "{} off {} units", off, total);
        }
    }

    #[test]
    fn credits_never_exceed_their_charge(
        period in periods(),
        changes in prop::collection::vec((0_i64..=1000, steps()), 1..CHANGES),
    ) {
        let (book, net) = entered(period, changes)?;
        let ledger = book.ledger()?;
        sound(&ledger)?;
        prop_assert_eq!(ledger.net.get(), net);
        prop_assert!(net >= 0);
        for charge in ledger.lines.iter().filter(|line| line.kind == LedgerLineKind::Charge) {
            let of_it = ledger.lines.iter().filter(|line| line.charge == charge.charge);
            let kept: i64 = of_it.map(|line| line.amount.get()).sum();
            prop_assert!(kept >= 0);
        }
    }

    #[test]
    fn an_altered_amount_is_found_though_the_sums_are_made_to_fit(
        period in periods(),
        changes in prop::collection::vec((0_i64..=1000, steps()), 1..CHANGES),
        which: prop::sample::Index,
        by in prop_oneof![-1000_i64..=-1, 1_i64..=1000],
    ) {
        let beginning = (0, Step::Terms(terms(3100, 3000, 1)));
        let changes = [beginning].into_iter().chain(changes).collect();
        let mut ledger = entered(period, changes)?.0.ledger()?;
        let line = which.get_mut(&mut ledger.lines);
        line.amount = line.amount.checked_add(MinorUnits::new(by))?;
        let Totals { credit, charge, net } = Totals::of(&ledger.lines)?;
        (ledger.credit, ledger.charge, ledger.net) = (credit, charge, net);
        prop_assert_ne!(ledger.verify(), vec![]);
    }

    #[test]
    fn one_change_costs_the_same_in_a_book_and_on_its_own(
        period in periods(), at in 0_i64..=1000, old in 0_i64..=1 << 60, new in 0_i64..=1 << 60,
    ) {
        let (start, end, at) = (period.start().at, period.end().at, moment(&period, at));
        let mut book = Book::open(Currency::EUR, period);
        book.change_terms(start, terms(old, old, 0))?;
        let entered = book.change_terms(at, terms(new, new, 0))?;
        let alone = prorate(&Request {
            currency: Currency::EUR,
            period_start: start,
            period_end: end,
            change_at: at,
            old_amount: Some(MinorUnits::new(old)),
            new_amount: Some(MinorUnits::new(new)),
            charged_amount: None,
            already_credited: MinorUnits::ZERO,
            policy: *period.policy(),
        })?;
        prop_assert_eq!(entered, alone);
    }

    #[test]
    fn no_request_panics_and_every_answer_is_sound(
        policy in policies(),
        seconds in prop::array::uniform3(-70_000_000_000_i64..260_000_000_000),
        dates: [bool; 3],
        amounts in prop::array::uniform3(prop::option::of(any::<i64>())),
        already_credited: i64,
    ) {
        let moment = |seconds: i64, date: bool| {
            let at = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
            if date { Moment::Date(at.date_naive()) } else { Moment::Instant(at) }
        };
        let [start, end, change] = seconds;
        let [start_is_date, end_is_date, change_is_date] = dates;
        let [old_amount, new_amount, charged_amount] = amounts;
        let request = Request {
            currency: Currency::EUR,
            period_start: moment(start, start_is_date),
            period_end: moment(end, end_is_date),
            change_at: moment(change, change_is_date),
            old_amount: old_amount.map(MinorUnits::new),
            new_amount: new_amount.map(MinorUnits::new),
            charged_amount: charged_amount.map(MinorUnits::new),
            already_credited: MinorUnits::new(already_credited),
            policy,
        };
        let gentler = Request {
            old_amount: old_amount.map(|amount| MinorUnits::new(amount & i64::MAX)),
            new_amount: new_amount.map(|amount| MinorUnits::new(amount & i64::MAX)),
            charged_amount: None,
            already_credited: MinorUnits::ZERO,
            ..request
        };
        for request in [request, gentler] {
            match prorate(&request) {
                Ok(ledger) => sound(&ledger)?,
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}
