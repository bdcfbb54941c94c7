//! The parameters of requests.

use serde_json::{Value, json};

use crate::http::query::{BOUND, MAX_PAGE_SIZE, PAGE_SIZE};

/// The parameters that several operations have.
pub(super) fn shared() -> Value {
    json!({
        "id": {
            "name": "id", "in": "path", "required": true, "schema": {"type": "string"},
        },
        "include": {
            "name": "include", "in": "query",
            "description": "Relationships whose resources are wanted too, as paths of up to three.",
            "schema": {"type": "string"},
        },
        "fields": {
            "name": "fields", "in": "query", "style": "deepObject", "explode": true,
            "description": "Fields wanted, by resource type: `fields[orders]=status,placed_at`.",
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "page_size": {
            "name": "page[size]", "in": "query",
            "schema": {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_PAGE_SIZE,
                "default": PAGE_SIZE,
            },
        },
        "page_number": {
            "name": "page[number]", "in": "query",
            "description": format!(
                "Which page, counted from 1, within the first {BOUND} records; `meta.record_count` \
                 and `meta.page_count` tell how many there are, or null where there are more. Not \
                 together with `page[cursor]`, which has no such bound."
            ),
            "schema": {"type": "integer", "minimum": 1, "maximum": BOUND},
        },
        "page_cursor": {
            "name": "page[cursor]", "in": "query",
            "description": "Where the page begins: taken from `meta.page.next_cursor` of the page \
                before. It belongs to its filters and order.",
            "schema": {"type": "string"},
        },
        "idempotency_key": {
            "name": "Idempotency-Key", "in": "header",
            "description": "A repeat of the same request under the same key, within a day, gets \
                the stored answer with the header Idempotent-Replayed; of one of more than 380,000 \
                bytes only types and ids.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        },
        "if_match": {
            "name": "If-Match", "in": "header",
            "description": "The ETag that the change is based on; a stale one is answered 412.",
            "schema": {"type": "string"},
        },
    })
}
