//! Rules of the HTTP API: who may call what.

use serde_json::{Value, json};

use super::{
    Fault, Violation,
    document::{Template, entries},
    queues::sources,
    rule_sees,
};

/// The routes that answer without a token. Those that take something take only what is signed.
const PUBLIC: [(&str, &str); 4] = [
    ("GET", "/api/openapi.json"),
    ("GET", "/api/health"),
    ("POST", "/api/payment_events/stripe"),
    ("POST", "/api/channels/{id}/webhooks/{organization}"),
];

fn only_public_routes_are_open(template: &Template) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (function, event) in sources(template, "HttpApi") {
        let text = |name| event.properties.get(name).and_then(Value::as_str).unwrap_or_default();
        let route = (text("Method"), text("Path"));
        let is_open = event.properties.pointer("/Auth/Authorizer") == Some(&json!("NONE"));
        if is_open != PUBLIC.contains(&route) {
            violations.push(Violation::new(&function.id, format!("{route:?} open: {is_open}")));
        }
        // Any other setting could swap the authorizer or drop its scopes.
        let has_own = event.properties.get("Auth").is_some();
        if has_own && !is_open {
            violations.push(Violation::new(&function.id, format!("{route:?} has its own rules")));
        }
    }
    violations
}

fn the_default_authorizer_checks_tokens(template: &Template) -> Vec<Violation> {
    let mut violations = Vec::new();
    for api in template.of_type("AWS::Serverless::HttpApi") {
        let default = api.property("/Auth/DefaultAuthorizer").as_str().unwrap_or_default();
        let authorizer = api.property(&format!("/Auth/Authorizers/{default}"));
        let wanted = [
            ("/JwtConfiguration/issuer", json!({"Ref": "JwtIssuer"})),
            ("/JwtConfiguration/audience", json!([{"Ref": "JwtAudience"}])),
            ("/AuthorizationScopes", json!(["perennial"])),
            ("/IdentitySource", json!("$request.header.Authorization")),
        ];
        for (pointer, value) in wanted {
            if authorizer.pointer(pointer) != Some(&value) {
                violations.push(Violation::new(&api.id, format!("{pointer} is not {value}")));
            }
        }
    }
    violations
}

/// What needs no token is open to everybody: a flood of it must not take what all functions share.
fn open_routes_are_throttled(template: &Template) -> Vec<Violation> {
    let mut violations = Vec::new();
    for api in template.of_type("AWS::Serverless::HttpApi") {
        for route in PUBLIC.map(|(method, path)| format!("{method} {path}")) {
            let limits = api.property("/RouteSettings").get(&route).unwrap_or(&Value::Null);
            let is_bounded = ["ThrottlingRateLimit", "ThrottlingBurstLimit"].iter().all(|name| {
                let limit = limits.get(name).and_then(Value::as_u64);
                limit.is_some_and(|limit| (1..=1_000).contains(&limit))
            });
            if !is_bounded {
                violations.push(Violation::new(&api.id, format!("{route} is not throttled")));
            }
        }
    }
    violations
}

/// A stage with settings of a route that is not there can't be deployed.
fn settings_are_of_routes(template: &Template) -> Vec<Violation> {
    let routes: Vec<Value> =
        sources(template, "HttpApi").iter().filter_map(|(_, event)| event.route()).collect();
    let mut violations = Vec::new();
    for api in template.of_type("AWS::Serverless::HttpApi") {
        for (route, _) in entries(api.property("/RouteSettings")) {
            if !routes.contains(&json!(route)) {
                violations.push(Violation::new(&api.id, format!("there is no {route}")));
            }
        }
    }
    violations
}

fn routes_speak_one_payload_format(template: &Template) -> Vec<Violation> {
    sources(template, "HttpApi")
        .into_iter()
        .filter(|(_, event)| {
            event.properties.get("PayloadFormatVersion") != Some(&json!("2.0"))
                || event.properties.get("ApiId") != Some(&json!({"Ref": "HttpApi"}))
        })
        .map(|(function, event)| Violation::new(&function.id, event.name))
        .collect()
}

#[test]
fn a_route_without_a_token_is_one_of_the_public_ones() {
    let rule = only_public_routes_are_open;
    let open = "ApiFunction/Properties/Events/Everything/Properties/Auth";
    rule_sees(rule, "ApiFunction", open, Fault::Set(json!({"Authorizer": "NONE"})));
    let closed = "HealthFunction/Properties/Events/Health/Properties/Auth";
    rule_sees(rule, "HealthFunction", closed, Fault::Remove);
    let scopes = "IntakeFunction/Properties/Events/CreateOrder/Properties/Auth";
    rule_sees(rule, "IntakeFunction", scopes, Fault::Set(json!({"AuthorizationScopes": []})));
}

#[test]
fn a_token_needs_issuer_audience_and_scope() {
    let rule = the_default_authorizer_checks_tokens;
    let auth = "HttpApi/Properties/Auth";
    rule_sees(rule, "HttpApi", &format!("{auth}/DefaultAuthorizer"), Fault::Remove);
    let authorizer = format!("{auth}/Authorizers/TokenAuthorizer");
    rule_sees(rule, "HttpApi", &format!("{authorizer}/AuthorizationScopes"), Fault::Remove);
    let issuer = format!("{authorizer}/JwtConfiguration/issuer");
    rule_sees(rule, "HttpApi", &issuer, Fault::Set(json!("https://example.com")));
}

#[test]
fn a_route_without_a_token_is_throttled() {
    let settings = "HttpApi/Properties/RouteSettings";
    let rule = open_routes_are_throttled;
    rule_sees(rule, "HttpApi", settings, Fault::Remove);
    let unlimited = Fault::Set(json!({"GET /api/health": {"ThrottlingBurstLimit": 200}}));
    rule_sees(rule, "HttpApi", settings, unlimited);
    let lost = Fault::Set(json!({"GET /api/healthy": {"ThrottlingBurstLimit": 200}}));
    rule_sees(settings_are_of_routes, "HttpApi", settings, lost);
}

#[test]
fn every_route_is_on_the_one_api_in_format_two() {
    let rule = routes_speak_one_payload_format;
    let format = "IntakeFunction/Properties/Events/CreateOrder/Properties/PayloadFormatVersion";
    rule_sees(rule, "IntakeFunction", format, Fault::Set(json!("1.0")));
}
