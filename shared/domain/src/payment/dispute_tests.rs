use std::error::Error;

use super::*;
use crate::{
    order::PaymentStatus, order_fixture::placed_order, plan::activate,
    subscription::tests::subscription,
};

type TestResult = Result<(), Box<dyn Error>>;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn organization() -> Result<OrganizationId, Box<dyn Error>> {
    Ok("acme".parse()?)
}

fn told(status: DisputeStatus) -> DisputeTold {
    DisputeTold {
        gateway_dispute_id: "dp_1".to_owned(),
        status,
        amount: MinorUnits::new(3_300),
        currency: Some("EUR".to_owned()),
        reason: Some("fraudulent".to_owned()),
    }
}

#[test]
fn each_story_of_a_dispute_ends_with_the_money_where_it_belongs() -> TestResult {
    use DisputeStatus::{Lost, Open, Won};
    let organization = organization()?;
    for (story, status, disputed, charged_back) in [
        (vec![Open], PaymentStatus::Disputed, 3_300, 0),
        (vec![Open, Open], PaymentStatus::Disputed, 3_300, 0),
        (vec![Open, Won], PaymentStatus::Paid, 0, 0),
        (vec![Open, Lost], PaymentStatus::ChargedBack, 0, 3_300),
        (vec![Lost], PaymentStatus::ChargedBack, 0, 3_300),
        (vec![Won, Open], PaymentStatus::Paid, 0, 0),
        (vec![Lost, Open, Won], PaymentStatus::ChargedBack, 0, 3_300),
        (vec![Open, Lost, Lost, Open], PaymentStatus::ChargedBack, 0, 3_300),
    ] {
        let mut of = Collected::of_order(&placed_order()?)?;
        let mut known: Option<Dispute> = None;
        for status in &story {
            if let Some((after, reversals, _)) =
                dispute(&organization, known.as_ref(), &of, &told(*status), NOW)?
            {
                of.reversals = reversals;
                known = Some(after);
            }
        }
        assert_eq!(of.status(), status, "{story:?}");
        let Reversals { disputed: held, charged_back: gone, disputes, .. } = of.reversals;
        assert_eq!(disputes.len(), 1, "{story:?}");
        assert_eq!((held.get(), gone.get()), (disputed, charged_back), "{story:?}");
    }
    Ok(())
}

#[test]
fn an_amount_that_can_not_be_set_against_the_payment_is_not_taken() -> TestResult {
    let of = Collected::of_order(&placed_order()?)?;
    for (amount, currency, taken) in [
        (3_300, Some("EUR"), true),
        (3_300, None, true),
        (1, Some("EUR"), true),
        (3_300, Some("USD"), false),
        (3_300, Some("eur"), false),
        (3_300, Some("XTS"), false),
        (0, Some("EUR"), false),
        (-3_300, None, false),
    ] {
        let told = DisputeTold {
            amount: MinorUnits::new(amount),
            currency: currency.map(str::to_owned),
            ..told(DisputeStatus::Open)
        };
        let outcome = dispute(&organization()?, None, &of, &told, NOW);
        assert_eq!(outcome.is_ok(), taken, "{amount} {currency:?}: {outcome:?}");
    }
    let dollars = DisputeTold { currency: Some("USD".to_owned()), ..told(DisputeStatus::Open) };
    let refused = dispute(&organization()?, None, &of, &dollars, NOW);
    let refused = refused.err().map(|error| error.to_string()).unwrap_or_default();
    let order = &of.order_id;
    let reason = format!(
        "dispute dp_1 is over 3300 minor units of USD, order {order} was paid in EUR: a person is to see \
         to it at the provider"
    );
    assert_eq!(refused, reason);
    Ok(())
}

#[test]
fn a_hold_lasts_until_somebody_activates_the_subscription() -> TestResult {
    let mut active = subscription("monthly", "2027-01-31T10:00:00Z")?;
    let id = DisputeId::derived(&["dispute"]);
    let now: DateTime<Utc> = "2027-02-10T10:00:00Z".parse()?;
    active.set_next(Some(active.schedule().next_after(active.anchor).ok_or("next")?.slot()));
    let (held, change) = hold(&active, &id, now)?.ok_or("it repeats")?;
    assert_eq!(held.status, SubscriptionStatus::Inactive);
    assert_eq!(held.held_by, Some(id.clone()));
    assert_eq!(held.wake(), None, "nothing wakes it");
    assert_eq!(change.event, "order_subscriptions.hold");
    assert_eq!(change.after.get("held_by"), Some(&json!(id)));
    assert_eq!(hold(&held, &id, now)?, None, "it rests already");

    let (lifted, _) = activate(&held, now)?;
    assert_eq!((lifted.status, lifted.held_by), (SubscriptionStatus::Active, None));

    let resting = pause(&active, Pause { resumes_at: Some("2027-02-20T00:00:00Z".parse()?) }, now)?;
    let (held, _) = hold(&resting.0, &id, now)?.ok_or("it was to go on by itself")?;
    assert_eq!((held.resumes_at, held.held_by), (None, Some(id)));
    Ok(())
}
