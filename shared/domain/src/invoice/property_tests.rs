//! Whatever is billed, lines and taxes add up, what the customer has in credit is never lost, and
//! credit notes give back what was billed: all of it, and nothing more.

use proptest::prelude::*;

use super::{
    credit_note::tests::returned_on,
    draw_up::tests::{adjustment, item, january, period, setup_item, units},
    *,
};
use crate::money::{Amount, MinorUnits, Ratio, Rounding};

fn amounts() -> impl Strategy<Value = i64> {
    prop_oneof![0_i64..200, 0_i64..10_000_000]
}

fn rates() -> impl Strategy<Value = Option<TaxRate>> {
    prop::sample::select(vec!["", "0", "7", "7.7", "8.875", "10", "19", "333.333333"])
        .prop_map(|rate| rate.parse().ok())
}

fn terms() -> impl Strategy<Value = InvoiceTerms> {
    let tax_behavior = prop::sample::select(vec![TaxBehavior::Exclusive, TaxBehavior::Inclusive]);
    let tax_rounding = prop::sample::select(vec![TaxRounding::Line, TaxRounding::Invoice]);
    let rounding = prop::sample::select(vec![Rounding::HalfUp, Rounding::HalfEven]);
    let credit_policy = prop::sample::select(vec![CreditPolicy::Apply, CreditPolicy::Refund]);
    let minimum = prop::option::of(
        (amounts(), rates())
            .prop_map(|(amount, tax_rate)| MinimumCommitment { amount: units(amount), tax_rate }),
    );
    (tax_behavior, tax_rounding, rounding, credit_policy, minimum, 0_u32..90).prop_map(
        |(tax_behavior, tax_rounding, rounding, credit_policy, minimum_commitment, net_days)| {
            InvoiceTerms {
                tax_behavior,
                tax_rounding,
                rounding,
                net_days,
                minimum_commitment,
                credit_policy,
            }
        },
    )
}

/// Anything that can be billed, credits of every size among it.
fn inputs() -> impl Strategy<Value = InvoiceInput> {
    let items = prop::collection::vec(
        (amounts(), 0_u32..5, rates()).prop_map(|(amount, quantity, tax_rate)| RecurringItem {
            tax_rate,
            ..item(amount, quantity, "")
        }),
        0..4,
    );
    let adjustments = prop::collection::vec(
        (-1_000_000_i64..1_000_000, rates())
            .prop_map(|(amount, tax_rate)| Adjustment { tax_rate, ..adjustment(amount, "") }),
        0..4,
    );
    let setup_items = || {
        let one = (amounts(), rates())
            .prop_map(|(amount, tax_rate)| SetupItem { tax_rate, ..setup_item(amount) });
        prop::collection::vec(one, 0..3)
    };
    let setup = prop::option::of(
        (setup_items(), setup_items()).prop_map(|(fees, credits)| Setup { fees, credits }),
    );
    let stubs = prop::collection::vec(0_i64..=31, 0..3);
    let account = || prop_oneof![Just(0), amounts()];
    (items, adjustments, setup, stubs, terms(), account(), account()).prop_filter_map(
        "January is a valid period",
        |(items, adjustments, setup, stubs, terms, balance, paid)| {
            let periods: Option<Vec<_>> =
                stubs.into_iter().map(|days| period(days, 31).ok()).collect();
            Some(InvoiceInput {
                periods: periods?,
                items,
                adjustments,
                setup,
                terms,
                credit_balance: units(balance),
                paid: units(paid),
                ..january().ok()?
            })
        },
    )
}

fn total(amounts: impl Iterator<Item = MinorUnits>) -> i64 {
    amounts.map(MinorUnits::get).sum()
}

proptest! {
    #[test]
    fn lines_and_taxes_add_up_and_nothing_is_lost(input in inputs()) {
        let invoice = draw_up(&input).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let lines = || invoice.lines.iter();
        for line in lines() {
            prop_assert_eq!(line.net.get() + line.tax.get(), line.gross.get());
            let signs = [line.net, line.tax, line.gross].map(|amount| amount.get().signum());
            prop_assert!(!(signs.contains(&1) && signs.contains(&-1)), "{:?}", line);
            let price = match input.terms.tax_behavior {
                TaxBehavior::Exclusive => line.net,
                TaxBehavior::Inclusive => line.gross,
            };
            let whole = line.unit_amount.checked_mul(line.quantity);
            let billed = whole.and_then(|whole| {
                let fraction = line.fraction.unwrap_or(Ratio::ONE);
                whole.checked_scale(fraction, input.terms.rounding)
            });
            prop_assert_eq!(billed, Ok(price), "{:?}", line);
        }
        prop_assert_eq!(total(lines().map(|line| line.net)), invoice.net.get());
        prop_assert_eq!(total(lines().map(|line| line.tax)), invoice.tax.get());
        prop_assert_eq!(total(lines().map(|line| line.gross)), invoice.gross.get());
        prop_assert_eq!(total(invoice.taxes.iter().map(|line| line.tax)), invoice.tax.get());
        prop_assert_eq!(invoice.net.get() + invoice.tax.get(), invoice.gross.get());
        let outside = total(lines().filter(|line| line.tax_rate.is_none()).map(|line| line.net));
        prop_assert_eq!(
            total(invoice.taxes.iter().map(|line| line.net)) + outside,
            invoice.net.get()
        );

        let InvoiceSettlement { balance_before, credited, credit_applied, refunded, amount_due, balance_after } =
            invoice.settlement;
        for amount in [balance_before, credited, credit_applied, refunded, amount_due, balance_after] {
            prop_assert!(!amount.is_negative());
        }
        prop_assert_eq!(balance_before, input.credit_balance);
        prop_assert!(refunded <= input.paid);
        prop_assert_eq!(invoice.total.get(), invoice.gross.get().max(0));
        prop_assert_eq!(invoice.total.get() - credit_applied.get(), amount_due.get());
        prop_assert_eq!(
            balance_before.get() + credited.get() - credit_applied.get() - refunded.get(),
            balance_after.get()
        );
        prop_assert_eq!(
            invoice.gross.get() + credited.get() - credit_applied.get(),
            amount_due.get()
        );
    }

    /// Each invoice is paid in full and hands its balance to the next: what was paid less what was
    /// refunded is what was billed less the credit at the start plus the credit at the end, and
    /// nobody gets more than was paid.
    #[test]
    fn over_many_invoices_only_money_that_was_paid_is_refunded(
        inputs in prop::collection::vec(inputs(), 1..6),
    ) {
        let (mut balance, mut paid, mut billed) = (MinorUnits::ZERO, 0_i64, 0_i64);
        for input in inputs {
            let input = InvoiceInput { credit_balance: balance, paid: units(paid), ..input };
            let invoice = draw_up(&input).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let settlement = invoice.settlement;
            prop_assert!(settlement.refunded.get() <= paid);
            paid += settlement.amount_due.get() - settlement.refunded.get();
            billed += invoice.gross.get();
            balance = settlement.balance_after;
            prop_assert_eq!(paid, billed + balance.get());
        }
    }

    /// What a credit note comes to goes somewhere, and no more is refunded than was paid.
    #[test]
    fn a_credit_notes_money_is_neither_lost_nor_made(
        gross in amounts(), unpaid in amounts(), paid in amounts(), refund in any::<bool>(),
    ) {
        let policy = if refund { CreditPolicy::Refund } else { CreditPolicy::Apply };
        let payment = InvoicePayment { unpaid: units(unpaid), paid: units(paid) };
        let given = give_back(units(gross), payment, policy)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        let GivenBack { off_unpaid, to_balance, refunded } = given;
        prop_assert_eq!(total([off_unpaid, to_balance, refunded].into_iter()), gross);
        prop_assert!(off_unpaid <= payment.unpaid && refunded <= payment.paid);
        prop_assert!(refund || refunded.is_zero());
    }

    /// The tax on the sum, rounded once: within half a unit of the exact one.
    #[test]
    fn rounded_per_invoice_the_tax_of_a_rate_is_that_of_its_sum(mut input in inputs()) {
        input.terms.tax_rounding = TaxRounding::Invoice;
        let invoice = draw_up(&input).map_err(|error| TestCaseError::fail(error.to_string()))?;
        for line in &invoice.taxes {
            let (base, share) = match input.terms.tax_behavior {
                TaxBehavior::Exclusive => (line.net, line.rate.share_of_net()),
                TaxBehavior::Inclusive => (line.gross, line.rate.share_of_gross()),
            };
            let share = share.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let (part, whole) = (i128::from(share.numerator()), i128::from(share.denominator()));
            let error = i128::from(base.get()) * part - i128::from(line.tax.get()) * whole;
            prop_assert!(2 * error.abs() <= whole, "{:?}", line);
        }
    }

    #[test]
    fn every_period_costs_at_least_its_minimum(mut input in inputs(), minimum in 0_i64..1_000_000) {
        input.terms.minimum_commitment =
            Some(MinimumCommitment { amount: units(minimum), tax_rate: None });
        input.adjustments.clear();
        input.setup = None;
        let invoice = draw_up(&input).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let least: i64 = input
            .periods
            .iter()
            .map(|period| units(minimum).checked_scale(period.fraction, input.terms.rounding))
            .map(|least| least.map_or(0, MinorUnits::get))
            .sum();
        let prices = match input.terms.tax_behavior {
            TaxBehavior::Exclusive => invoice.net,
            TaxBehavior::Inclusive => invoice.gross,
        };
        prop_assert!(prices.get() >= least);
    }
}

/// Credit notes for parts of random lines, each as a share of 256 of the line, then for the rest.
fn parts() -> impl Strategy<Value = Vec<(usize, i64)>> {
    prop::collection::vec((0_usize..12, 1_i64..=256), 0..8)
}

proptest! {
    #[test]
    fn credit_notes_never_exceed_the_invoice_and_in_full_are_the_invoice(
        input in inputs(),
        parts in parts(),
    ) {
        let fail = |error: &dyn std::error::Error| TestCaseError::fail(error.to_string());
        let invoice = draw_up(&input).map_err(|error| fail(&error))?;
        let head = || returned_on(invoice.issued_on);
        let mut notes: Vec<CreditNote> = Vec::new();
        for (position, share) in parts {
            let Some(line) = invoice.lines.get(position) else { continue };
            let price = match input.terms.tax_behavior {
                TaxBehavior::Exclusive => line.net,
                TaxBehavior::Inclusive => line.gross,
            };
            let amount = units(price.get() * share / 256);
            let credit = Credit::Lines(vec![LineCredit { line: line.number, amount }]);
            // What exceeds a limit is refused, and changes nothing.
            notes.extend(credit_note(&invoice, &notes, &credit, head()).ok());
            let given = total(notes.iter().map(|note| note.gross));
            prop_assert!(given <= invoice.total.get());
        }
        let before_rest = total(notes.iter().map(|note| note.gross));
        match credit_note(&invoice, &notes, &Credit::Rest, head()) {
            Ok(rest) => notes.push(rest),
            Err(error) => {
                let nothing_left = before_rest == invoice.total.get();
                prop_assert!(nothing_left, "{error}");
                return Ok(());
            }
        }
        for line in &invoice.lines {
            let of_line = || notes.iter().flat_map(|note| &note.lines).filter(|of| of.line == line.number);
            prop_assert_eq!(total(of_line().map(|of| of.net)), line.net.get());
            prop_assert_eq!(total(of_line().map(|of| of.tax)), line.tax.get());
            prop_assert_eq!(total(of_line().map(|of| of.gross)), line.gross.get());
        }
        for taxes in &invoice.taxes {
            let at_rate = || notes.iter().flat_map(|note| &note.taxes).filter(|of| of.rate == taxes.rate);
            prop_assert_eq!(total(at_rate().map(|of| of.tax)), taxes.tax.get());
        }
        prop_assert_eq!(total(notes.iter().map(|note| note.gross)), invoice.total.get());
        let more = credit_note(&invoice, &notes, &Credit::Rest, head());
        prop_assert_eq!(more, Err(CreditNoteError::Nothing { gross: Amount::zero(invoice.currency) }));
    }

    /// Giving a line's tax back follows its amount to within one unit, from the first part on.
    #[test]
    fn each_part_takes_its_share_of_the_tax_along(price in 1_i64..100_000, cuts in parts()) {
        let fail = |error: &dyn std::error::Error| TestCaseError::fail(error.to_string());
        let january = january().map_err(|error| fail(error.as_ref()))?;
        let invoice = draw_up(&InvoiceInput { items: vec![item(price, 1, "19")], ..january })
            .map_err(|error| fail(&error))?;
        let mut notes: Vec<CreditNote> = Vec::new();
        for (_, share) in cuts {
            let credit = Credit::Lines(vec![LineCredit { line: 1, amount: units(price * share / 256) }]);
            notes.extend(credit_note(&invoice, &notes, &credit, returned_on(invoice.issued_on)).ok());
            let (net, tax) =
                (total(notes.iter().map(|note| note.net)), total(notes.iter().map(|note| note.tax)));
            let error = i128::from(net) * i128::from(invoice.tax.get())
                - i128::from(tax) * i128::from(invoice.net.get());
            prop_assert!(2 * error.abs() <= i128::from(invoice.net.get()));
        }
    }
}
