//! What befalls workers: some die in the middle of their work, some messages come twice at once.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use async_trait::async_trait;
use perennial_runtime::{Function, FunctionError, Invocation};
use serde_json::Value;

use crate::{
    interrupt::{Work, pausing},
    invoke::FunctionFactory,
};

/// The functions that it befalls.
const WORKERS: [&str; 3] = ["renewal-tick", "order-copy", "payment-retry"];
/// Workers die at one of the first so many points where they wait.
const POINTS: u64 = 60;
/// Of how many invocations the shares are told.
const ALL: u64 = 1_000;

/// The weather over the workers of one stack.
#[derive(Debug, Clone)]
pub struct Weather(Arc<Sky>);

#[derive(Debug)]
struct Sky {
    deaths: u64,
    duplicates: u64,
    stormy: AtomicBool,
    dice: Mutex<u64>,
    invocations: AtomicU64,
    died: AtomicU64,
    twice: AtomicU64,
}

/// What has befallen workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Invocations of workers.
    pub invocations: u64,
    /// Of these: died in the middle of their work.
    pub died: u64,
    /// Of these: delivered twice at once.
    pub twice: u64,
}

/// What befalls one invocation.
enum Lot {
    Nothing,
    /// It dies at this point, if it comes so far.
    Death(usize),
    Twice,
}

impl Weather {
    /// Fair weather, for now. The shares are of a thousand.
    #[must_use]
    pub fn new(seed: u64, deaths: u32, duplicates: u32) -> Self {
        Self(Arc::new(Sky {
            deaths: deaths.into(),
            duplicates: duplicates.into(),
            stormy: AtomicBool::new(false),
            dice: Mutex::new(seed),
            invocations: AtomicU64::new(0),
            died: AtomicU64::new(0),
            twice: AtomicU64::new(0),
        }))
    }

    /// Lets the storm begin.
    pub fn begin(&self) {
        self.0.stormy.store(true, Ordering::Relaxed);
    }

    /// Ends it.
    pub fn end(&self) {
        self.0.stormy.store(false, Ordering::Relaxed);
    }

    /// What has befallen workers so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Sky { invocations, died, twice, .. } = &*self.0;
        Seen { invocations: read(invocations), died: read(died), twice: read(twice) }
    }

    /// Perennial's functions, under this weather.
    #[must_use]
    pub fn functions(&self) -> FunctionFactory {
        let sky = Arc::clone(&self.0);
        Arc::new(move |binary, environment, aws, clock| {
            let calm = perennial_functions::build::named(binary, environment, aws, clock)?;
            let Some(aws) =
                WORKERS.contains(&binary).then(|| pausing(aws, "http://stack")).flatten()
            else {
                return Ok(calm);
            };
            let exposed = perennial_functions::build::named(binary, environment, &aws, clock)?;
            Ok(Arc::new(Outside { calm, exposed, sky: Arc::clone(&sky) }))
        })
    }
}

impl Sky {
    /// SplitMix64.
    fn throw(&self, sides: u64) -> u64 {
        let mut state = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = *state;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (drawn ^ (drawn >> 31)) % sides.max(1)
    }

    fn lot(&self) -> Lot {
        if !self.stormy.load(Ordering::Relaxed) {
            return Lot::Nothing;
        }
        self.invocations.fetch_add(1, Ordering::Relaxed);
        let drawn = self.throw(ALL);
        if drawn < self.deaths {
            Lot::Death(usize::try_from(1 + self.throw(POINTS)).unwrap_or(1))
        } else if drawn < self.deaths + self.duplicates {
            Lot::Twice
        } else {
            Lot::Nothing
        }
    }
}

/// A function that is out in the weather.
struct Outside {
    calm: Arc<dyn Function>,
    exposed: Arc<dyn Function>,
    sky: Arc<Sky>,
}

#[async_trait]
impl Function for Outside {
    async fn invoke(&self, event: Value, invocation: Invocation) -> Result<Value, FunctionError> {
        match self.sky.lot() {
            Lot::Nothing => self.calm.invoke(event, invocation).await,
            Lot::Death(point) => {
                let mut work = Work::begin(&self.exposed, event, invocation);
                for _ in 0..point {
                    if let Some(outcome) = work.step().await {
                        return outcome;
                    }
                }
                drop(work);
                self.sky.died.fetch_add(1, Ordering::Relaxed);
                Err("the worker has died".into())
            }
            Lot::Twice => {
                self.sky.twice.fetch_add(1, Ordering::Relaxed);
                let (first, second) = (event.clone(), event);
                let again = invocation.clone();
                let (first, second) = tokio::join!(
                    self.exposed.invoke(first, invocation),
                    self.exposed.invoke(second, again),
                );
                second?;
                first
            }
        }
    }
}
