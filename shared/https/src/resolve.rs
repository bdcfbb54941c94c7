//! From a callback URL to the addresses that may be connected to.

use std::net::SocketAddr;

use perennial_domain::webhook::{CallbackUrl, refused};

use crate::NoReply;

/// The addresses of a URL's host, every one of them looked at: where one is refused, nothing is
/// sent, since whoever names a private address means no good or is mistaken. What is connected to
/// is one of these very addresses, so the name can't lead elsewhere meanwhile.
///
/// # Errors
/// Why nothing may be sent there, or can be.
pub(crate) async fn addresses(
    url: &CallbackUrl,
    private_allowed: bool,
) -> Result<Vec<SocketAddr>, NoReply> {
    let found: Vec<SocketAddr> = match url.literal() {
        Some(address) => vec![SocketAddr::new(address, url.port())],
        None => tokio::net::lookup_host((url.host(), url.port()))
            .await
            .map_err(|error| {
                NoReply::lost(format!("the host {} can't be resolved: {error}", url.host()))
            })?
            .collect(),
    };
    if found.is_empty() {
        return Err(NoReply::lost(format!("the host {} has no address", url.host())));
    }
    if private_allowed {
        return Ok(found);
    }
    if !url.is_https() {
        return Err(NoReply::refused("messages are sent by https only".to_owned()));
    }
    match found.iter().find_map(|address| Some((address.ip(), refused(address.ip())?))) {
        Some((address, what)) => Err(NoReply::refused(format!(
            "the host {} leads to {address}, which is {what}: messages are sent to public \
             addresses only",
            url.host()
        ))),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    async fn refusal(url: &str) -> String {
        addresses(&url.parse().unwrap(), false).await.unwrap_err().reason
    }

    #[tokio::test]
    async fn a_host_that_leads_inside_is_refused_however_it_is_written() {
        for url in [
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:169.254.169.254]/latest/meta-data",
            "https://10.1.2.3:8443/",
            "https://localhost/",
            // What resolvers take for 127.0.0.1.
            "https://0x7f000001/",
            "https://2130706433/",
            "https://127.1/",
        ] {
            let told = refusal(url).await;
            let known =
                told.contains("public addresses only") || told.contains("can't be resolved");
            assert!(known, "{url}: {told}");
        }
    }

    #[tokio::test]
    async fn a_public_address_is_taken_by_https_only() {
        let found = addresses(&"https://1.1.1.1/".parse().unwrap(), false).await.unwrap();
        assert_eq!(found, ["1.1.1.1:443".parse().unwrap()]);
        assert_eq!(refusal("http://1.1.1.1/").await, "messages are sent by https only");
    }

    #[tokio::test]
    async fn the_local_stack_may_send_to_itself() {
        let url = "http://127.0.0.1:8080/".parse().unwrap();
        assert_eq!(addresses(&url, true).await.unwrap(), ["127.0.0.1:8080".parse().unwrap()]);
    }
}
