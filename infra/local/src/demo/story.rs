//! The story, chapter by chapter. What it says happened, it has read back first.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use perennial_domain::{
    money::{Amount, MinorUnits},
    time::Zone,
};

use super::{
    Failure,
    cast::{Customer, ON_4_FEBRUARY, ON_14_FEBRUARY, ON_31_JANUARY},
    client::{Client, Resource},
    shop::{Regular, Shop},
    stage::Stage,
};

/// The time zone of the shop.
fn zone() -> Zone {
    "Europe/Berlin".parse().unwrap_or_else(|_| Zone::utc())
}
/// The months that go by.
pub(super) const MONTHS: u32 = 12;
/// How long the outage lasts, in days.
const OUTAGE: u64 = 75;

/// The shop and its customers, and how far the story has come.
pub(super) struct Story {
    client: Client,
    regulars: Vec<Regular>,
}

impl Story {
    /// Opens the shop on the next 31 January and takes a dozen orders.
    pub(super) async fn open(client: Client, stage: &Stage) -> Result<Self, Failure> {
        let opening = next_opening(client.now().await?)?;
        client.set_clock(opening).await?;
        let shop = Shop::open(&client).await?;
        stage.chapter(&format!("A shop opens on {}", day(opening)))?;
        let mut regulars = Vec::new();
        for (days, customers) in [(0, &ON_31_JANUARY), (4, &ON_4_FEBRUARY), (14, &ON_14_FEBRUARY)] {
            let at = opening + TimeDelta::days(days);
            if days > 0 {
                client.set_clock(at).await?;
            }
            for customer in customers {
                regulars.push(serve(&shop, &client, customer, stage, at).await?);
            }
        }
        Ok(Self { client, regulars })
    }

    /// Lets twelve months go by, and tells of each.
    pub(super) async fn live_through_a_year(&self, stage: &Stage) -> Result<(), Failure> {
        stage.chapter("A year goes by")?;
        let now = self.client.now().await?;
        let first = NaiveDate::from_ymd_opt(now.year(), 3, 1).ok_or("there is no 1 March")?;
        self.client.set_clock(first.and_time(NaiveTime::MIN).and_utc()).await?;
        let mut told = 0;
        for month in 1..=MONTHS {
            if month > 1 {
                self.client.advance("P1M").await?;
            }
            let from = self.client.now().await?;
            told = self.tell_month(stage, from, told).await?;
            stage.step(from.format("%B %Y").to_string());
            match from.month() {
                5 => self.regular("Emil")?.change_card(&self.client, "tok_declines_2").await?,
                6 => self.tell_of_declines(stage).await?,
                7 => self.regular("Hana")?.change_card(&self.client, "tok_hard_decline").await?,
                8 => self.tell_of_a_stolen_card(stage).await?,
                9 => self.regular("Gus")?.change_card(&self.client, "tok_mistyped").await?,
                10 => self.tell_of_a_dead_letter(stage).await?,
                _ => {}
            }
        }
        self.tell_of_month_ends(stage).await
    }

    /// What the month that has just ended brought in.
    async fn tell_month(
        &self,
        stage: &Stage,
        until: DateTime<Utc>,
        told: usize,
    ) -> Result<usize, Failure> {
        let orders = self.client.list("orders").await?;
        let mut placed = 0;
        let mut cents = 0;
        for order in &orders {
            if order.text("status")? == "placed" && order.related("order_subscription").is_some() {
                placed += 1;
                cents += order.integer("total_amount_cents")?;
            }
        }
        let sum = Amount::new(MinorUnits::new(cents), "EUR".parse()?);
        stage.tell(&format!(
            "{}: {:>3} renewals placed and paid; {placed} so far, worth {sum}",
            day(until),
            placed - told
        ))?;
        Ok(placed)
    }

    /// A card that declines twice, and recovers by itself.
    async fn tell_of_declines(&self, stage: &Stage) -> Result<(), Failure> {
        let emil = self.regular("Emil")?;
        let run = last(emil.runs(&self.client).await?)?;
        for error in run.attribute("errors_log").as_array().into_iter().flatten() {
            let at = error.get("at").and_then(serde_json::Value::as_str).unwrap_or_default();
            let code = error.get("code").and_then(serde_json::Value::as_str).unwrap_or_default();
            stage.tell(&format!("    Emil's card declined on {}: {code}", day(at.parse()?)))?;
        }
        expect(&run, "completed")?;
        let paid = run.instant("completed_at")?.ok_or("a completed run has no date")?;
        let retries = run.integer("retry_count")?;
        stage.tell(&format!(
            "    retry {retries} on {} was paid: nobody had to do a thing",
            day(paid)
        ))?;
        emil.change_card(&self.client, "tok_paid").await
    }

    /// A card that is declined for good, until there is a new one and somebody runs the job again.
    async fn tell_of_a_stolen_card(&self, stage: &Stage) -> Result<(), Failure> {
        let hana = self.regular("Hana")?;
        let run = last(hana.runs(&self.client).await?)?;
        expect(&run, "failed")?;
        let failed = run.instant("failed_at")?.ok_or("a failed run has no date")?;
        stage.tell(&format!(
            "    Hana's card was reported stolen: given up at once on {}, no retry can help",
            day(failed)
        ))?;
        hana.change_card(&self.client, "tok_paid").await?;
        let job = run.related("job_run").ok_or("a run has no job run")?;
        let kind = serde_json::json!({"kind": "renewals"});
        self.client.create("job_runs", kind, &[("retry_of", &job)]).await?;
        self.client.advance("PT1M").await?;
        let run = self.client.read(&run.link()?).await?;
        expect(&run, "completed")?;
        stage.tell(&format!(
            "    she gives a new card, an operator repeats job run {job}: order {} is placed",
            run.related("target_order").ok_or("a run has no order")?
        ))?;
        Ok(())
    }

    /// A message that no function can handle, until somebody puts right what is wrong.
    async fn tell_of_a_dead_letter(&self, stage: &Stage) -> Result<(), Failure> {
        let gus = self.regular("Gus")?;
        let letters = self.client.list("dead_letters?filter[q][status_eq]=open").await?;
        let letter = letters.first().ok_or("there is no dead letter")?;
        stage.tell(&format!("    Gus's run became a dead letter: {}", letter.text("error")?))?;
        gus.change_card(&self.client, "tok_paid").await?;
        let redrive = serde_json::json!({"_redrive": true});
        self.client.update(&letter.link()?, redrive).await?;
        self.client.advance("PT1M").await?;
        expect(&last(gus.runs(&self.client).await?)?, "completed")?;
        stage.tell("    an operator corrects the token and replays it: the order is placed")?;
        Ok(())
    }

    /// The dates of the one who ordered on the 31st.
    async fn tell_of_month_ends(&self, stage: &Stage) -> Result<(), Failure> {
        let ben = self.regular("Ben")?;
        let ordered = ben.order.instant("placed_at")?.ok_or("a placed order has no date")?;
        let mut dates = vec![ordered];
        for run in ben.runs(&self.client).await? {
            dates.push(run.instant("due_at")?.ok_or("a run has no date")?);
        }
        let written: Vec<String> = dates
            .iter()
            .map(|date| date.with_timezone(&zone()).format("%-d %b").to_string())
            .collect();
        stage.tell("Ben ordered filters on the 31st. Each month they come on its last day:")?;
        stage.tell(&format!("    {}", written.join(", ")))?;
        let is_last = |date: &DateTime<Utc>| {
            let local = date.with_timezone(&zone()).date_naive();
            local.checked_add_days(Days::new(1)).is_some_and(|next| next.day() == 1)
        };
        if dates.len() <= MONTHS as usize || !dates.iter().all(is_last) {
            return Err("a month's end was missed".into());
        }
        Ok(())
    }

    /// Ends the year; what is left is what a restart needs.
    pub(super) async fn darken(
        self,
        stage: &Stage,
    ) -> Result<(Vec<Regular>, DateTime<Utc>), Failure> {
        let now = self.client.now().await?;
        let again = now + TimeDelta::days(OUTAGE.cast_signed());
        stage.chapter("An outage")?;
        stage.tell(&format!(
            "On {} the machine stops. Nobody notices for {OUTAGE} days.",
            day(now)
        ))?;
        Ok((self.regulars, again))
    }

    /// The shop after the outage.
    pub(super) async fn wake(
        client: Client,
        regulars: Vec<Regular>,
        stage: &Stage,
    ) -> Result<Self, Failure> {
        let story = Self { client, regulars };
        stage.tell(&format!(
            "On {} it starts again; the next tick does:",
            day(story.client.now().await?)
        ))?;
        story.client.advance("PT2M").await?;
        for name in ["Ada", "Dario"] {
            let run = last(story.regular(name)?.runs(&story.client).await?)?;
            expect(&run, "completed")?;
            let skipped = run.attribute("skipped");
            let end = |which: &str| skipped.get(which).and_then(serde_json::Value::as_i64);
            let (first, last) = end("first").zip(end("last")).ok_or("nothing was skipped")?;
            let due = run.instant("due_at")?.ok_or("a run has no date")?;
            let skipped = if first == last {
                format!("date {first} is recorded as skipped")
            } else {
                format!("dates {first} to {last} are recorded as skipped")
            };
            stage.tell(&format!("    {name}: one order, for {}; {skipped}", day(due)))?;
        }
        stage.tell("    nobody got two parcels at once, and nobody paid twice")?;
        Ok(story)
    }

    fn regular(&self, name: &str) -> Result<&Regular, Failure> {
        let found = self.regulars.iter().find(|regular| regular.name == name);
        found.ok_or_else(|| format!("{name} never ordered").into())
    }
}

async fn serve(
    shop: &Shop,
    client: &Client,
    customer: &Customer,
    stage: &Stage,
    at: DateTime<Utc>,
) -> Result<Regular, Failure> {
    let regular = shop.serve(client, customer).await?;
    let total = regular.order.text("formatted_total_amount")?;
    let line = format!("{}: {} orders {}, {total}", day(at), customer.name, customer.wishes());
    stage.tell(&line)?;
    stage.step(customer.name);
    Ok(regular)
}

/// The next 31 January, nine o'clock in the morning in Berlin.
fn next_opening(now: DateTime<Utc>) -> Result<DateTime<Utc>, Failure> {
    let in_year = |year: i32| {
        let at = NaiveDate::from_ymd_opt(year, 1, 31)?.and_hms_opt(9, 0, 0)?;
        Some(at.and_local_timezone(zone()).single()?.to_utc())
    };
    let opening = [now.year(), now.year() + 1].into_iter().filter_map(in_year).find(|at| *at > now);
    opening.ok_or_else(|| "the calendar ends before the next 31 January".into())
}

/// A day as the shop's calendar shows it.
fn day(at: DateTime<Utc>) -> String {
    at.with_timezone(&zone()).format("%e %b %Y").to_string()
}

fn last(runs: Vec<Resource>) -> Result<Resource, Failure> {
    runs.into_iter().next_back().ok_or_else(|| "there is no run".into())
}

fn expect(run: &Resource, status: &str) -> Result<(), Failure> {
    let found = run.text("status")?;
    if found == status {
        return Ok(());
    }
    let errors = run.attribute("errors_log");
    Err(format!("run {} is {found} and should be {status}: {errors}", run.link()?).into())
}
