//! What `infra/sam/` gives to the SAM CLI fits the template.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::{Template, entries, items, read, root, target};

fn parsed(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
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
