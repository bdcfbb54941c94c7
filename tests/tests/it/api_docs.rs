//! The page on the API is made from the OpenAPI document, and can't go stale.

use std::{fs, path::Path};

use perennial_local::api_docs::{COMMAND, page};
use perennial_tests::TestResult;

#[test]
fn the_page_on_the_api_is_that_of_the_openapi_document() -> TestResult {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api.md");
    let (kept, made) = (fs::read_to_string(path)?, page(&perennial_functions::openapi()));
    let differing = made.lines().enumerate().find(|(at, line)| kept.lines().nth(*at) != Some(line));
    assert!(
        kept == made,
        "docs/api.md is stale; make it anew by `{COMMAND}`; the first line that differs: \
         {differing:?}"
    );
    Ok(())
}

#[test]
fn every_resource_of_the_page_tells_what_can_be_done_with_it() {
    let made = page(&perennial_functions::openapi());
    let resources = made.split("\n### ").skip(1);
    let without: Vec<&str> = resources
        .filter(|resource| !resource.contains("| `") || !resource.contains("/api/"))
        .filter_map(|resource| resource.lines().next())
        .collect();
    assert!(without.is_empty(), "{without:?}");
    for path in ["GET /api/channels/{id}/health", "POST /api/channels/{id}/orders"] {
        assert!(made.contains(&format!("| `{path}` |")), "{path}");
    }
    assert!(
        !made.contains("`GET /api/orders/{id}/market`"),
        "relationships have a table of theirs"
    );
}
