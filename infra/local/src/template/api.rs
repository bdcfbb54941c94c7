//! Reads the HTTP API: authorizers, the default one, CORS, and the routes of all functions.

use std::collections::BTreeMap;

use super::{
    function::Route,
    model::{ApiModel, AuthorizerModel, CorsModel},
    properties::Properties,
};

/// The methods that a route may name.
const METHODS: [&str; 8] = ["ANY", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

pub(super) fn api(logical_id: &str, mut properties: Properties) -> (ApiModel, Option<String>) {
    properties.ignore(&[
        "Name",
        "Description",
        "FailOnWarnings",
        "Tags",
        "PropagateTags",
        "AccessLogSettings",
        "DefaultRouteSettings",
        "RouteSettings",
        "DisableExecuteApiEndpoint",
    ]);
    properties.only("StageName", &["$default"]);
    let (mut authorizers, mut default) = (BTreeMap::new(), None);
    if let Some(mut auth) = properties.object("Auth") {
        default = auth.text("DefaultAuthorizer");
        if let Some(entries) = auth.object("Authorizers") {
            for (name, entry) in entries.entries() {
                authorizers.insert(name, authorizer(entry));
            }
        }
        if let Some(name) = &default
            && !authorizers.contains_key(name)
        {
            auth.report("DefaultAuthorizer", format!("there is no authorizer {name}"));
        }
        auth.finish();
    }
    let cors = properties.object("CorsConfiguration").map(cors);
    properties.finish();
    let model =
        ApiModel { logical_id: logical_id.to_owned(), routes: Vec::new(), authorizers, cors };
    (model, default)
}

fn authorizer(mut entry: Properties) -> AuthorizerModel {
    let source =
        entry.text("IdentitySource").unwrap_or_else(|| "$request.header.Authorization".to_owned());
    let header = source.strip_prefix("$request.header.").map(str::to_ascii_lowercase);
    if header.is_none() {
        entry.report("IdentitySource", format!("{source}: only a request header is emulated"));
    }
    let scopes = entry.texts("AuthorizationScopes").unwrap_or_default();
    let (mut issuer, mut audience) = (String::new(), Vec::new());
    match entry.object("JwtConfiguration") {
        Some(mut config) => {
            issuer = config.required_text("issuer");
            audience = config.texts("audience").unwrap_or_default();
            config.finish();
        }
        None => entry.report("JwtConfiguration", "is missing: only JWT authorizers are emulated"),
    }
    entry.finish();
    AuthorizerModel { issuer, audience, header: header.unwrap_or_default(), scopes }
}

fn cors(mut entry: Properties) -> CorsModel {
    let model = CorsModel {
        origins: entry.texts("AllowOrigins").unwrap_or_default(),
        methods: entry.texts("AllowMethods").unwrap_or_default(),
        headers: entry.texts("AllowHeaders").unwrap_or_default(),
        expose: entry.texts("ExposeHeaders").unwrap_or_default(),
        max_age: entry.number("MaxAge", -1..=86_400),
        credentials: entry.flag("AllowCredentials").unwrap_or(false),
    };
    entry.finish();
    model
}

/// Gives each route its authorizer and scopes, and adds it to the API.
pub(super) fn attach_routes(api: &mut ApiModel, default: Option<&str>, routes: Vec<Route>) {
    for Route { mut model, scopes_written, reported_at } in routes {
        if !METHODS.contains(&model.method.as_str()) {
            reported_at.report("Method", format!("{} is not a method", model.method));
        }
        if let Err(reason) = check_path(&model.path) {
            reported_at.report("Path", reason);
        }
        model.authorizer = match model.authorizer.take() {
            Some(name) if name == "NONE" => None,
            Some(name) => Some(name),
            None => default.map(str::to_owned),
        };
        if let Some(name) = &model.authorizer {
            match api.authorizers.get(name) {
                Some(authorizer) if !scopes_written => {
                    model.scopes.clone_from(&authorizer.scopes);
                }
                Some(_) => {}
                None => {
                    reported_at.report("Auth.Authorizer", format!("there is no authorizer {name}"));
                }
            }
        }
        let taken =
            api.routes.iter().any(|other| other.method == model.method && other.path == model.path);
        if taken {
            reported_at.report("Path", format!("{} {} is taken", model.method, model.path));
        }
        reported_at.finish();
        api.routes.push(model);
    }
}

fn check_path(path: &str) -> Result<(), String> {
    if path == "$default" {
        return Ok(());
    }
    let Some(rest) = path.strip_prefix('/') else {
        return Err(format!("{path} must begin with /"));
    };
    let segments: Vec<&str> = rest.split('/').collect();
    for (index, segment) in segments.iter().enumerate() {
        let is_variable = segment.starts_with('{') && segment.ends_with('}');
        if !is_variable && segment.contains(['{', '}']) {
            return Err(format!("{path}: {segment} mixes text and a variable"));
        }
        if segment.ends_with("+}") && index + 1 != segments.len() {
            return Err(format!("{path}: {segment} must come last"));
        }
    }
    Ok(())
}
