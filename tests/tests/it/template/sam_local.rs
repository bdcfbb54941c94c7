//! What `infra/sam/` gives to the SAM CLI fits the template.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::document::{Event, Template, entries, items, read, root, target};

fn parsed(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The event in a file of `infra/sam/events/`.
fn event(name: &str) -> Value {
    parsed(&format!("infra/sam/events/{name}.json"))
}

/// What the script tries: the logical id of a function, and the name of an event.
fn tried() -> Vec<(String, String)> {
    let script = read("infra/sam/try-functions.sh");
    let list = script.split_once("<<'LIST'\n").and_then(|(_, rest)| rest.split_once("\nLIST"));
    let Some((list, _)) = list else { panic!("try-functions.sh has no list") };
    list.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(function, name)| (function.to_owned(), name.to_owned()))
        .collect()
}

/// The kind of source that an event comes from, as the template calls it.
fn kind(event: &Value) -> &'static str {
    match event.pointer("/Records/0/eventSource").and_then(Value::as_str) {
        Some("aws:sqs") => "SQS",
        Some("aws:dynamodb") => "DynamoDB",
        None if event.get("routeKey").is_some() => "HttpApi",
        None if event.get("source") == Some(&json!("aws.events")) => "Schedule",
        _ => panic!("an event of no known source: {event}"),
    }
}

#[test]
fn the_env_file_sets_what_the_template_sets_and_nothing_else() {
    let settings = parsed("infra/sam/env.json");
    let template = Template::shipped();
    let names =
        |value: &Value| entries(value).map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
    let functions = template.functions();
    assert_eq!(names(&settings), functions.iter().map(|function| function.id.clone()).collect());
    for function in functions {
        let wanted: BTreeSet<String> = function.variables().map(|(name, _)| name.clone()).collect();
        let found = names(settings.get(&function.id).unwrap_or(&Value::Null));
        assert_eq!(found, wanted, "{}", function.id);
    }
}

#[test]
fn every_function_has_an_event_that_the_script_tries() {
    let script = read("infra/sam/try-functions.sh");
    for function in Template::shipped().functions() {
        let Some(binary) = function.at("/Metadata/BuildProperties/Binary").as_str() else {
            panic!("{} has no binary", function.id)
        };
        assert!(parsed(&format!("infra/sam/events/{binary}.json")).is_object());
        let tried = format!("\n{} {binary}\n", function.id);
        assert!(script.contains(&tried), "try-functions.sh does not try {}", function.id);
    }
}

#[test]
fn every_kind_of_source_of_a_function_has_an_event_that_is_tried() {
    let tried = tried();
    for function in Template::shipped().functions() {
        let sources: BTreeSet<String> =
            function.events().into_iter().map(|event| event.kind).collect();
        let found: BTreeSet<String> = tried
            .iter()
            .filter(|(id, _)| *id == function.id)
            .map(|(_, name)| kind(&event(name)).to_owned())
            .collect();
        assert_eq!(found, sources, "{}", function.id);
    }
}

#[test]
fn a_request_that_is_tried_is_for_a_route_of_its_function() {
    let template = Template::shipped();
    for (id, name) in tried() {
        let event = event(&name);
        let Some(route) = event.get("routeKey") else { continue };
        let Some(function) = template.functions().into_iter().find(|one| one.id == id) else {
            panic!("there is no {id}")
        };
        let routes: Vec<Value> = function.events().iter().filter_map(Event::route).collect();
        assert!(routes.contains(route), "{name}: {route} is not among {routes:?}");
        assert_eq!(event.pointer("/requestContext/routeKey"), Some(route), "{name}");
    }
}

#[test]
fn every_event_file_is_tried() {
    let script = read("infra/sam/try-functions.sh");
    let Ok(files) = root().join("infra/sam/events").read_dir() else { panic!("no events") };
    for file in files.flatten() {
        let path = file.path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else {
            panic!("{} is not text", path.display())
        };
        assert!(script.contains(&format!(" {name}\n")), "{name} is not tried");
    }
}

#[test]
fn a_queue_event_comes_from_a_queue_of_the_function() {
    for function in Template::shipped().functions() {
        let sources: BTreeSet<String> = function
            .events()
            .iter()
            .filter_map(|event| event.properties.get("Queue").and_then(target).map(str::to_owned))
            .collect();
        if sources.is_empty() {
            continue;
        }
        let binary = function.at("/Metadata/BuildProperties/Binary").as_str().unwrap_or_default();
        let files = [format!("{binary}.json"), format!("{binary}-shards.json")];
        let queues: Vec<String> = files
            .iter()
            .map(|file| format!("infra/sam/events/{file}"))
            .filter(|path| root().join(path).is_file())
            .flat_map(|path| {
                items(parsed(&path).get("Records").unwrap_or(&Value::Null))
                    .into_iter()
                    .filter_map(|record| record.get("eventSourceARN")?.as_str())
                    .filter_map(|arn| arn.rsplit(':').next().map(str::to_owned))
                    .collect::<Vec<_>>()
            })
            .collect();
        assert!(!queues.is_empty(), "{} has no queue event", function.id);
        assert!(queues.iter().all(|queue| sources.contains(queue)), "{}: {queues:?}", function.id);
    }
}
