//! Only this machine is served: a page of some other site must not reach the stack through a
//! visitor's browser, neither by a name that it points here nor by a request across origins.

use http::{HeaderMap, header};

/// Whether the `Host` header names this machine.
pub(super) fn is_host_allowed(headers: &HeaderMap) -> bool {
    headers
        .get(header::HOST)
        .is_none_or(|host| host.to_str().is_ok_and(|host| is_loopback(without_port(host))))
}

/// Whether the request comes from no web page, or from one of this machine.
pub(super) fn is_origin_allowed(headers: &HeaderMap) -> bool {
    headers.get(header::ORIGIN).is_none_or(|origin| {
        origin
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"))
            .is_some_and(|(_, host)| is_loopback(without_port(host)))
    })
}

fn without_port(host: &str) -> &str {
    if let Some(end) = host.find(']') {
        return host.get(..=end).unwrap_or(host);
    }
    host.split_once(':').map_or(host, |(name, _)| name)
}

fn is_loopback(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name == "[::1]"
        || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn host(name: &'static str) -> bool {
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(name))]);
        is_host_allowed(&headers)
    }

    #[test]
    fn only_names_of_this_machine_are_served() {
        for name in ["127.0.0.1:3000", "localhost", "api.localhost:3000", "[::1]:3000", "127.1.2.3"]
        {
            assert!(host(name), "{name}");
        }
        for name in ["example.com", "localhost.example.com", "10.0.0.1:3000", "127.0.0.1.nip.io"] {
            assert!(!host(name), "{name}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_not_served() {
        let origin = |origin: &'static str| {
            is_origin_allowed(&HeaderMap::from_iter([(
                header::ORIGIN,
                HeaderValue::from_static(origin),
            )]))
        };
        assert!(is_origin_allowed(&HeaderMap::new()));
        assert!(origin("http://localhost:5173"));
        assert!(!origin("https://example.com"));
        assert!(!origin("null"));
    }
}
