//! The actions, by name: read the request, run it, write the answer.

use dynoxide::actions::{
    batch_execute_statement::BatchExecuteStatementRequest, batch_get_item::BatchGetItemRequest,
    batch_write_item::BatchWriteItemRequest, delete_item::DeleteItemRequest,
    execute_statement::ExecuteStatementRequest, execute_transaction::ExecuteTransactionRequest,
    get_item::GetItemRequest, put_item::PutItemRequest, query::QueryRequest, scan::ScanRequest,
    transact_get_items::TransactGetItemsRequest, transact_write_items::TransactWriteItemsRequest,
    update_item::UpdateItemRequest,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Dynamo, DynamoError,
    usage::{Consumed, Kind},
};

/// The actions that can change an item.
pub(super) const WRITES: &[&str] = &[
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
    "TransactWriteItems",
    "ExecuteStatement",
    "ExecuteTransaction",
    "BatchExecuteStatement",
];

/// Runs an action that consumes capacity, and counts what it consumed.
macro_rules! metered {
    ($dynamo:ident, $metered:expr, $body:expr, $request:ty, $method:ident, $action:literal, $kind:ident) => {{
        let request: $request = read($body)?;
        metered!($dynamo, $metered, request = request, $method, $action, $kind)
    }};
    ($dynamo:ident, $metered:expr, request = $request:expr, $method:ident, $action:literal, $kind:ident) => {
        metered!($dynamo, $metered, request = $request, index = None, $method, $action, $kind)
    };
    ($dynamo:ident, $metered:expr, request = $request:expr, index = $index:expr, $method:ident, $action:literal, $kind:ident) => {{
        let mut request = $request;
        let asked = request.return_consumed_capacity.as_deref().is_some_and(|c| c != "NONE");
        if $metered && !asked {
            request.return_consumed_capacity = Some("TOTAL".to_owned());
        }
        let mut answer = $dynamo.database.$method(request)?;
        if $metered {
            let mut usage = $dynamo.usage_mut();
            for table in answer.consumed_capacity.tables() {
                usage.count($action, $index, Kind::$kind, table);
            }
        }
        if !asked {
            answer.consumed_capacity = None;
        }
        write(&answer)
    }};
}

macro_rules! plain {
    ($dynamo:ident, $body:expr, $method:ident) => {
        write(&$dynamo.database.$method(read($body)?)?)
    };
}

/// Runs an action. It is counted where `metered` says so.
pub(super) fn answer(
    db: &Dynamo,
    action: &str,
    body: &[u8],
    metered: bool,
) -> Result<Vec<u8>, DynamoError> {
    match action {
        "PutItem" => metered!(db, metered, body, PutItemRequest, put_item, "PutItem", Write),
        "GetItem" => metered!(db, metered, body, GetItemRequest, get_item, "GetItem", Read),
        "UpdateItem" => {
            metered!(db, metered, body, UpdateItemRequest, update_item, "UpdateItem", Write)
        }
        "DeleteItem" => {
            metered!(db, metered, body, DeleteItemRequest, delete_item, "DeleteItem", Write)
        }
        "Query" => {
            let request: QueryRequest = read(body)?;
            let index = request.index_name.clone();
            let index = index.as_deref();
            metered!(db, metered, request = request, index = index, query, "Query", Read)
        }
        "Scan" => metered!(db, metered, body, ScanRequest, scan, "Scan", Read),
        "BatchGetItem" => {
            metered!(db, metered, body, BatchGetItemRequest, batch_get_item, "BatchGetItem", Read)
        }
        "BatchWriteItem" => {
            metered!(
                db,
                metered,
                body,
                BatchWriteItemRequest,
                batch_write_item,
                "BatchWriteItem",
                Write
            )
        }
        "TransactGetItems" => {
            let request: TransactGetItemsRequest = read(body)?;
            metered!(db, metered, request = request, transact_get_items, "TransactGetItems", Read)
        }
        "TransactWriteItems" => transact_write(db, body, metered),
        "ExecuteStatement" => {
            let request: ExecuteStatementRequest = read(body)?;
            let reads = request
                .statement
                .trim_start()
                .get(..6)
                .is_some_and(|verb| verb.eq_ignore_ascii_case("select"));
            if reads {
                metered!(
                    db,
                    metered,
                    request = request,
                    execute_statement,
                    "ExecuteStatement",
                    Read
                )
            } else {
                metered!(
                    db,
                    metered,
                    request = request,
                    execute_statement,
                    "ExecuteStatement",
                    Write
                )
            }
        }
        "ExecuteTransaction" => {
            let request: ExecuteTransactionRequest = read(body)?;
            metered!(
                db,
                metered,
                request = request,
                execute_transaction,
                "ExecuteTransaction",
                Write
            )
        }
        "BatchExecuteStatement" => {
            let request: BatchExecuteStatementRequest = read(body)?;
            metered!(
                db,
                metered,
                request = request,
                batch_execute_statement,
                "BatchExecuteStatement",
                Write
            )
        }
        "CreateTable" => plain!(db, body, create_table),
        "UpdateTable" => plain!(db, body, update_table),
        "DeleteTable" => plain!(db, body, delete_table),
        "DescribeTable" => plain!(db, body, describe_table),
        "ListTables" => plain!(db, body, list_tables),
        "ListStreams" => plain!(db, body, list_streams),
        "DescribeStream" => plain!(db, body, describe_stream),
        "GetShardIterator" => plain!(db, body, get_shard_iterator),
        "GetRecords" => plain!(db, body, get_records),
        "UpdateTimeToLive" => plain!(db, body, update_time_to_live),
        "DescribeTimeToLive" => plain!(db, body, describe_time_to_live),
        "TagResource" => plain!(db, body, tag_resource),
        "UntagResource" => plain!(db, body, untag_resource),
        "ListTagsOfResource" => plain!(db, body, list_tags_of_resource),
        _ => Err(DynamoError::UnknownOperation(action.to_owned())),
    }
}

/// The engine's own memory of client tokens is searched through on every transaction, which makes
/// a thousand of them slow; ours is not. So it never sees the token.
fn transact_write(db: &Dynamo, body: &[u8], metered: bool) -> Result<Vec<u8>, DynamoError> {
    let mut request: TransactWriteItemsRequest = read(body)?;
    let token = request.client_request_token.take();
    db.tokens.once(token, body, || {
        metered!(db, metered, request = request, transact_write_items, "TransactWriteItems", Write)
    })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DynamoError> {
    serde_json::from_slice(body).map_err(|error| DynamoError::unreadable(&error))
}

fn write(answer: &impl Serialize) -> Result<Vec<u8>, DynamoError> {
    serde_json::to_vec(answer)
        .map_err(|error| dynoxide::DynoxideError::InternalServerError(error.to_string()).into())
}
