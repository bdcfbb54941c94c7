//! Brings a stack up, one part after the other.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use perennial_runtime::Clock;
use thiserror::Error;
use tokio::{
    net::TcpListener,
    sync::{Mutex, watch},
    task::JoinSet,
};

use super::{DataDirectory, DataError, RuleError, Stack, StackOptions, TableError, rules, tables};
use crate::{
    activity::Activity,
    clock::{Advance, ClockError, DueIndex, MovableClock},
    cloud::{
        Cloud, CloudOptions, OpenError, connector,
        dynamodb::{DynamoError, StreamReader},
        sqs::{QueueSpec, Redrive, SqsError},
    },
    gateway::Gateway,
    identity::{Issuer, KeyError},
    invoke::{Host, HostError},
    server::{self, Server},
    sources::{Checkpoints, QueuePoller, Schedules, StreamRelay},
    template::{QueueModel, ReadOptions, Template, TemplateError, read},
};

/// How often expired items are looked for while the clock runs.
const SWEEP: Duration = Duration::from_secs(600);

/// Why a stack did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The port can't be had.
    #[error("port {port} on 127.0.0.1 can't be used: {source}; choose another with --port")]
    Port {
        /// The port.
        port: u16,
        /// What the system answered.
        source: io::Error,
    },
    /// The data directory can't be had.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The template can't be served.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The clock can't be read.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The tables or queues can't be opened.
    #[error(transparent)]
    Cloud(#[from] OpenError),
    /// A queue can't be made.
    #[error("the queue {queue} can't be made: {source}")]
    Queue {
        /// The queue.
        queue: String,
        /// Why.
        source: SqsError,
    },
    /// A table can't be made, or is another than the template's.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A rule can't be put on its bus.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// The signing key can't be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A function can't be built.
    #[error(transparent)]
    Function(#[from] HostError),
    /// The streams' checkpoints can't be read.
    #[error("the streams' checkpoints can't be read: {0}")]
    Checkpoints(io::Error),
    /// A stream can't be read.
    #[error("the stream of {table} can't be read: {source}")]
    Stream {
        /// The table.
        table: String,
        /// Why.
        source: DynamoError,
    },
}

impl Stack {
    /// Starts a stack and answers once it serves.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(options: StackOptions) -> Result<Self, StartError> {
        let StackOptions { port, data, template, parameters, functions, metered, signing_key } =
            options;
        let in_use = |source| StartError::Port { port, source };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = TcpListener::bind(address).await.map_err(in_use)?;
        let port = listener.local_addr().map_err(in_use)?.port();
        let url = format!("http://127.0.0.1:{port}");
        // Receivers of webhooks are on this machine, too.
        let assumed = BTreeMap::from([
            ("JwtIssuer".to_owned(), url.clone()),
            ("WebhooksAllowPrivateAddresses".to_owned(), "true".to_owned()),
            // A year passes in seconds here: 365 proofs of it would take most of them.
            ("DailyReconciliation".to_owned(), "DISABLED".to_owned()),
        ]);
        let read_options = ReadOptions { endpoint: url.clone(), parameters, assumed };
        let template = Arc::new(read(&template, &read_options)?);
        let data = data.map(|path| DataDirectory::open(&path)).transpose()?;
        let directory = data.as_ref().map(DataDirectory::path);
        let file = |name: &str| directory.map(|directory| directory.join(name));

        let clock = Arc::new(MovableClock::open(file("clock.json"))?);
        let read_clock: Arc<dyn Clock> = Arc::<MovableClock>::clone(&clock);
        let cloud = Cloud::open(CloudOptions {
            data: directory.map(Into::into),
            clock: Arc::clone(&read_clock),
            endpoint: url.clone(),
        })?;
        furnish(&cloud, &template)?;
        cloud.dynamodb.meter(metered);
        let aws = connector::clients(&cloud);
        let audience = audience(&template);
        let issuer = match signing_key {
            Some(key) => Issuer::with_key(key, &url, &audience),
            None => Issuer::open(directory, &url, &audience)?,
        };
        let activity = Arc::<Activity>::default();
        let host =
            Arc::new(Host::build(&template.functions, &functions, &aws, &read_clock, &activity)?);
        let checkpoints =
            Checkpoints::open(file("streams.json")).map_err(StartError::Checkpoints)?;
        let parts = Parts { template, cloud, clock, host, activity };
        let relays = parts.relays(&Arc::new(checkpoints))?;
        let advance = Arc::new(parts.advance(relays));

        let (stop, stopped) = watch::channel(false);
        let (failing, failure) = watch::channel(None);
        let mut tasks = Tasks { set: JoinSet::new(), stopped, failing: Arc::new(failing) };
        parts.run(&advance, &mut tasks);
        let gateway = parts.template.api.clone().map(|api| {
            Gateway::new(api, issuer.clone(), Arc::clone(&parts.host), read_clock, port)
        });
        let server = Server {
            gateway,
            issuer: issuer.clone(),
            cloud: Arc::clone(&parts.cloud),
            host: Arc::clone(&parts.host),
            advance: Arc::clone(&advance),
        };
        let stopped = tasks.stopped.clone();
        tasks.spawn("the server", server::serve(listener, Arc::new(server), stopped));
        Ok(Self {
            url,
            template: parts.template,
            cloud: parts.cloud,
            aws,
            host: parts.host,
            issuer,
            advance,
            stop,
            failure,
            tasks: tasks.set,
            _data: data,
        })
    }
}

/// Makes what the template names: queues, buses, rules, tables.
fn furnish(cloud: &Arc<Cloud>, template: &Template) -> Result<(), StartError> {
    // A dead-letter queue must be there before the queue that names it.
    let (sources, targets): (Vec<_>, Vec<_>) =
        template.queues.iter().partition(|queue| queue.redrive.is_some());
    for queue in targets.into_iter().chain(sources) {
        cloud
            .queues
            .ensure_queue(specification(queue))
            .map_err(|source| StartError::Queue { queue: queue.name.clone(), source })?;
    }
    for bus in &template.buses {
        cloud.buses.create_bus(bus.clone());
    }
    for rule in &template.rules {
        rules::put(cloud, rule)?;
    }
    for table in &template.tables {
        tables::ensure(&cloud.dynamodb, table)?;
    }
    Ok(())
}

fn specification(queue: &QueueModel) -> QueueSpec {
    let QueueModel { name, visibility, retention, delay, redrive } = queue;
    QueueSpec {
        name: name.clone(),
        visibility_timeout: *visibility,
        delay: *delay,
        retention: *retention,
        redrive: redrive.as_ref().map(|(dead_letter_queue, max_receive_count)| Redrive {
            dead_letter_queue: dead_letter_queue.clone(),
            max_receive_count: *max_receive_count,
        }),
    }
}

/// The audience that tokens are made for: the first that an authorizer takes.
fn audience(template: &Template) -> String {
    template
        .api
        .iter()
        .flat_map(|api| api.authorizers.values())
        .find_map(|authorizer| authorizer.audience.first().cloned())
        .unwrap_or_else(|| "perennial".to_owned())
}

/// What the event sources are made of.
struct Parts {
    template: Arc<Template>,
    cloud: Arc<Cloud>,
    clock: Arc<MovableClock>,
    host: Arc<Host>,
    activity: Arc<Activity>,
}

impl Parts {
    fn relays(&self, checkpoints: &Arc<Checkpoints>) -> Result<Vec<Arc<StreamRelay>>, StartError> {
        let mut relays = Vec::new();
        let all = || self.template.functions.iter().flat_map(|function| &function.streams);
        for function in &self.template.functions {
            for source in &function.streams {
                let reader = StreamReader::open(&self.cloud, &source.table).map_err(|error| {
                    StartError::Stream { table: source.table.clone(), source: error }
                })?;
                let readers = all().filter(|other| other.table == source.table).count();
                relays.push(Arc::new(StreamRelay {
                    function: function.logical_id.clone(),
                    source: source.clone(),
                    reader,
                    cloud: Arc::clone(&self.cloud),
                    host: Arc::clone(&self.host),
                    activity: Arc::clone(&self.activity),
                    clock: Arc::clone(&self.clock),
                    checkpoints: Arc::clone(checkpoints),
                    sole_reader: readers == 1,
                    seen_writes: AtomicU64::new(u64::MAX),
                }));
            }
        }
        Ok(relays)
    }

    fn advance(&self, relays: Vec<Arc<StreamRelay>>) -> Advance {
        let functions = &self.template.functions;
        let list = functions
            .iter()
            .flat_map(|function| {
                let id = &function.logical_id;
                function.schedules.iter().map(|schedule| (id.clone(), schedule.clone()))
            })
            .collect();
        let (host, activity) = (Arc::clone(&self.host), Arc::clone(&self.activity));
        let schedules = Arc::new(Schedules::new(list, host, activity, Arc::clone(&self.clock)));
        let due = schedules
            .list()
            .iter()
            .map(|(id, _)| DueIndex::of(self.template.function(id)?, &self.template, &self.cloud))
            .collect();
        let consumed = functions.iter().flat_map(|function| &function.queues);
        Advance {
            clock: Arc::clone(&self.clock),
            cloud: Arc::clone(&self.cloud),
            host: Arc::clone(&self.host),
            activity: Arc::clone(&self.activity),
            schedules,
            due,
            relays,
            queues: consumed.map(|source| source.queue.clone()).collect(),
            turn: Mutex::default(),
        }
    }

    /// Sets the event sources going.
    fn run(&self, advance: &Arc<Advance>, tasks: &mut Tasks) {
        for function in &self.template.functions {
            for source in &function.queues {
                let name = format!("the poller of {}", source.queue);
                let poller = Arc::new(QueuePoller {
                    function: function.logical_id.clone(),
                    source: source.clone(),
                    cloud: Arc::clone(&self.cloud),
                    host: Arc::clone(&self.host),
                    activity: Arc::clone(&self.activity),
                    clock: Arc::clone(&self.clock),
                });
                let stopped = tasks.stopped.clone();
                tasks.spawn(&name, poller.run(stopped));
            }
        }
        for relay in &advance.relays {
            let stopped = tasks.stopped.clone();
            tasks.spawn("the stream relay", Arc::clone(relay).run(stopped));
        }
        let (schedules, stopped) = (Arc::clone(&advance.schedules), tasks.stopped.clone());
        tasks.set.spawn(schedules.run(stopped));
        let (cloud, mut stopped) = (Arc::clone(&self.cloud), tasks.stopped.clone());
        tasks.spawn("the sweep of expired items", async move {
            while !*stopped.borrow() {
                cloud.dynamodb.sweep_ttl()?;
                tokio::select! {
                    () = tokio::time::sleep(SWEEP) => {}
                    _ = stopped.changed() => {}
                }
            }
            Ok::<_, DynamoError>(())
        });
    }
}

/// The tasks of a stack, with what they share.
struct Tasks {
    set: JoinSet<()>,
    stopped: watch::Receiver<bool>,
    failing: Arc<watch::Sender<Option<String>>>,
}

impl Tasks {
    /// Runs a task whose failure is the stack's.
    fn spawn<E: std::fmt::Display>(
        &mut self,
        name: &str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let (name, failing) = (name.to_owned(), Arc::clone(&self.failing));
        self.set.spawn(async move {
            if let Err(error) = task.await {
                tracing::error!(%error, "{name} ended");
                failing.send_replace(Some(format!("{name} ended: {error}")));
            }
        });
    }
}
