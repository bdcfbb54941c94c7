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
