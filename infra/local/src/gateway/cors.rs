//! CORS as API Gateway does it for an API with a CORS configuration: it answers preflights itself
//! and adds its headers to every answer for an allowed origin.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use crate::template::CorsModel;

fn allowed<'a>(cors: &CorsModel, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    cors.origins.iter().any(|allowed| allowed == "*" || allowed == text).then_some(origin)
}

/// The answer to a preflight request, if this is one.
pub(super) fn preflight(
    cors: &CorsModel,
    method: &Method,
    headers: &HeaderMap,
) -> Option<Response<Bytes>> {
    let asks = headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if *method != Method::OPTIONS || !asks || !headers.contains_key(header::ORIGIN) {
        return None;
    }
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if allowed(cors, headers).is_some() {
        let answer = response.headers_mut();
        put_list(answer, header::ACCESS_CONTROL_ALLOW_METHODS, &cors.methods);
        put_list(answer, header::ACCESS_CONTROL_ALLOW_HEADERS, &cors.headers);
        if let Some(age) = cors.max_age {
            answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(age));
        }
    }
    Some(response)
}

/// Adds the headers that let a browser show an answer.
pub(super) fn decorate(cors: &CorsModel, request: &HeaderMap, response: &mut HeaderMap) {
    let Some(origin) = allowed(cors, request) else { return };
    let any = cors.origins.iter().any(|origin| origin == "*");
    let value = if any { HeaderValue::from_static("*") } else { origin.clone() };
    response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
    if cors.credentials {
        response.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    put_list(response, header::ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose);
}

fn put_list(headers: &mut HeaderMap, name: header::HeaderName, values: &[String]) {
    if let (false, Ok(value)) = (values.is_empty(), HeaderValue::try_from(values.join(","))) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors() -> CorsModel {
        CorsModel {
            origins: vec!["https://shop.example".to_owned()],
            methods: vec!["GET".to_owned(), "POST".to_owned()],
            headers: vec!["authorization".to_owned()],
            max_age: Some(600),
            ..CorsModel::default()
        }
    }

    fn request(origin: &'static str) -> HeaderMap {
        HeaderMap::from_iter([
            (header::ORIGIN, HeaderValue::from_static(origin)),
            (header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST")),
        ])
    }

    #[test]
    fn an_allowed_origin_is_told_what_it_may_do_and_another_is_not() {
        let answer = |origin| {
            let headers = request(origin);
            let mut response = preflight(&cors(), &Method::OPTIONS, &headers)?;
            decorate(&cors(), &headers, response.headers_mut());
            Some(response)
        };
        let header = |response: &Option<Response<Bytes>>, name| {
            response.as_ref().and_then(|response| response.headers().get(name).cloned())
        };
        let allowed = answer("https://shop.example");
        assert_eq!(
            header(&allowed, header::ACCESS_CONTROL_ALLOW_METHODS),
            Some(HeaderValue::from_static("GET,POST"))
        );
        assert_eq!(
            header(&allowed, header::ACCESS_CONTROL_ALLOW_ORIGIN),
            Some(HeaderValue::from_static("https://shop.example"))
        );
        let other = answer("https://other.example");
        assert_eq!(header(&other, header::ACCESS_CONTROL_ALLOW_ORIGIN), None);
        assert_eq!(header(&other, header::ACCESS_CONTROL_ALLOW_METHODS), None);
    }

    #[test]
    fn only_a_preflight_is_answered_here() {
        let headers = request("https://shop.example");
        assert!(preflight(&cors(), &Method::POST, &headers).is_none());
        assert!(preflight(&cors(), &Method::OPTIONS, &HeaderMap::new()).is_none());
    }
}
