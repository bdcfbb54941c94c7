//! Which route takes a request, by the rules of API Gateway's HTTP APIs: a full match of the path
//! before a greedy variable, that before `$default`; a method before `ANY`; and among full matches
//! the one whose literal segments come first.

use std::collections::BTreeMap;

use crate::template::RouteModel;

/// A route and the values of its path variables.
#[derive(Debug)]
pub(super) struct Match<'a> {
    pub(super) route: &'a RouteModel,
    pub(super) variables: BTreeMap<String, String>,
}

/// How good a match is; the greatest wins.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// 2 for a full match, 1 for a greedy one, 0 for `$default`.
    kind: u8,
    /// For each segment, whether it is literal; so earlier literals win.
    literals: Vec<bool>,
    exact_method: bool,
}

/// The route for a request. `path` is decoded already.
pub(super) fn find<'a>(routes: &'a [RouteModel], method: &str, path: &str) -> Option<Match<'a>> {
    routes
        .iter()
        .filter(|route| route.method == method || route.method == "ANY" || route.path == "$default")
        .filter_map(|route| {
            let (mut rank, variables) = matches(&route.path, path)?;
            rank.exact_method = route.method == method;
            Some((rank, Match { route, variables }))
        })
        .max_by(|(one, _), (other, _)| one.cmp(other))
        .map(|(_, found)| found)
}

fn matches(pattern: &str, path: &str) -> Option<(Rank, BTreeMap<String, String>)> {
    let mut variables = BTreeMap::new();
    let mut literals = Vec::new();
    if pattern == "$default" {
        return Some((Rank { kind: 0, literals, exact_method: false }, variables));
    }
    let mut rest = path.strip_prefix('/')?;
    let mut segments = pattern.strip_prefix('/')?.split('/').peekable();
    while let Some(segment) = segments.next() {
        if let Some(name) = segment.strip_prefix('{').and_then(|name| name.strip_suffix("+}")) {
            if rest.is_empty() {
                return None;
            }
            variables.insert(name.to_owned(), rest.to_owned());
            return Some((Rank { kind: 1, literals, exact_method: false }, variables));
        }
        let (part, tail) = match rest.split_once('/') {
            Some((part, tail)) => (part, Some(tail)),
            None => (rest, None),
        };
        match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(_) if part.is_empty() => return None,
            Some(name) => {
                variables.insert(name.to_owned(), part.to_owned());
                literals.push(false);
            }
            None if segment == part => literals.push(true),
            None => return None,
        }
        match (tail, segments.peek().is_some()) {
            (Some(tail), true) => rest = tail,
            (None, false) => {}
            // One of the two goes on alone.
            _ => return None,
        }
    }
    Some((Rank { kind: 2, literals, exact_method: false }, variables))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &str, path: &str) -> RouteModel {
        RouteModel {
            method: method.to_owned(),
            path: path.to_owned(),
            function: format!("{method} {path}"),
            authorizer: None,
            scopes: Vec::new(),
        }
    }

    fn routes() -> Vec<RouteModel> {
        vec![
            route("ANY", "/api/{proxy+}"),
            route("POST", "/api/orders"),
            route("PATCH", "/api/orders/{id}"),
            route("GET", "/api/orders/new"),
            route("GET", "/api/{kind}/new"),
            route("ANY", "/api/orders/{id}/lines"),
            route("GET", "/api/health"),
        ]
    }

    fn taken(method: &str, path: &str) -> Option<String> {
        find(&routes(), method, path).map(|found| found.route.function.clone())
    }

    #[test]
    fn the_most_specific_route_takes_the_request() {
        for (method, path, expected) in [
            ("POST", "/api/orders", "POST /api/orders"),
            ("GET", "/api/orders", "ANY /api/{proxy+}"),
            ("PATCH", "/api/orders/1", "PATCH /api/orders/{id}"),
            ("GET", "/api/orders/1", "ANY /api/{proxy+}"),
            ("GET", "/api/orders/new", "GET /api/orders/new"),
            ("GET", "/api/skus/new", "GET /api/{kind}/new"),
            ("DELETE", "/api/orders/1/lines", "ANY /api/orders/{id}/lines"),
            ("PATCH", "/api/orders/1/more", "ANY /api/{proxy+}"),
            ("PATCH", "/api/orders/", "ANY /api/{proxy+}"),
            ("GET", "/api/health", "GET /api/health"),
            ("POST", "/api/health", "ANY /api/{proxy+}"),
        ] {
            assert_eq!(taken(method, path).as_deref(), Some(expected), "{method} {path}");
        }
    }

    #[test]
    fn what_no_route_takes_is_not_found() {
        for (method, path) in [("GET", "/"), ("GET", "/api"), ("GET", "/api/"), ("GET", "/other")] {
            assert_eq!(taken(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn a_default_route_takes_the_rest() {
        let mut routes = routes();
        routes.push(route("ANY", "$default"));
        let found = find(&routes, "GET", "/other").map(|found| found.route.path.clone());
        assert_eq!(found.as_deref(), Some("$default"));
    }

    #[test]
    fn variables_carry_what_they_matched() {
        let routes = routes();
        let variables = |method, path| find(&routes, method, path).map(|found| found.variables);
        let map =
            |name: &str, value: &str| Some(BTreeMap::from([(name.to_owned(), value.to_owned())]));
        assert_eq!(variables("PATCH", "/api/orders/o 1"), map("id", "o 1"));
        assert_eq!(variables("GET", "/api/a/b/c"), map("proxy", "a/b/c"));
    }
}
