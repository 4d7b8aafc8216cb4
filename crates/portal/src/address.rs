//! Where a request came from: the address that limits are counted by.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{HeaderMap, request::Parts},
};
use clap::ValueEnum;

/// Which header the proxies in front of the server fill in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Forwarding {
    /// `X-Forwarded-For: client, proxy`.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` (RFC 7239).
    Forwarded,
}

/// How many proxies stand in front of the server, and which header they write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Their number; at 0 no header is read.
    pub trusted: u8,
    /// The header. The other one is never read: a client could fill it in.
    pub header: Forwarding,
}

/// Where the request came from, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub IpAddr);

impl Address {
    /// The address that requests are counted by.
    pub fn of(parts: &Parts, proxies: Proxies) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let client = proxies.client(&parts.headers).or(peer).unwrap_or(IpAddr::from([0, 0, 0, 0]));
        Self(network(client))
    }
}

impl Proxies {
    /// The address that the outermost trusted proxy saw.
    ///
    /// Each proxy appends the address that it was asked from. So the last entry is the nearest proxy's, and with N
    /// trusted proxies the N-th from the end is the client; what stands before it is whatever the client wrote.
    fn client(self, headers: &HeaderMap) -> Option<IpAddr> {
        let back = usize::from(self.trusted).checked_sub(1)?;
        let name = match self.header {
            Forwarding::XForwardedFor => "x-forwarded-for",
            Forwarding::Forwarded => "forwarded",
        };
        // Several lines of one header mean the same as one line with commas.
        let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        let entry = lines.iter().rev().flat_map(|line| line.rsplit(',')).nth(back)?;
        match self.header {
            Forwarding::XForwardedFor => address(entry.trim()),
            Forwarding::Forwarded => entry.split(';').find_map(|pair| {
                let (key, value) = pair.split_once('=')?;
                key.trim().eq_ignore_ascii_case("for").then(|| address(value.trim().trim_matches('"'))).flatten()
            }),
        }
    }
}

/// An address alone, with a port, or as an IPv6 address in brackets.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// What counts as one: an IPv4 address, or an IPv6 network of one customer (/64).
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::from((u128::from(address) >> 64 << 64).to_be_bytes()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: u8, header: Forwarding, lines: &[(&'static str, &str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        Proxies { trusted, header }.client(&headers).map(|address| address.to_string())
    }

    #[test]
    fn the_trusted_proxies_are_counted_from_the_end() {
        use Forwarding::{Forwarded, XForwardedFor};
        let given = [("x-forwarded-for", "6.6.6.6, 1.1.1.1"), ("x-forwarded-for", "2.2.2.2")];
        assert_eq!(client(0, XForwardedFor, &given), None);
        assert_eq!(client(1, XForwardedFor, &given).as_deref(), Some("2.2.2.2"));
        assert_eq!(client(2, XForwardedFor, &given).as_deref(), Some("1.1.1.1"));
        assert_eq!(client(4, XForwardedFor, &given), None, "fewer entries than proxies: the peer counts");
        // The header that the proxies do not write is the client's invention.
        assert_eq!(client(1, Forwarded, &given), None);
    }

    #[test]
    fn addresses_may_have_ports_and_brackets() {
        use Forwarding::{Forwarded, XForwardedFor};
        for (text, expected) in [
            ("1.2.3.4:56789", Some("1.2.3.4")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("unknown", None),
            ("1.2.3.4:", None),
            ("", None),
        ] {
            assert_eq!(client(1, XForwardedFor, &[("x-forwarded-for", text)]).as_deref(), expected, "{text}");
        }
        let full = "for=6.6.6.6, For=\"[2001:db8::7]:4711\";proto=https;by=203.0.113.43";
        assert_eq!(client(1, Forwarded, &[("forwarded", full)]).as_deref(), Some("2001:db8::7"));
        assert_eq!(client(2, Forwarded, &[("forwarded", full)]).as_deref(), Some("6.6.6.6"));
        assert_eq!(client(1, Forwarded, &[("forwarded", "by=1.1.1.1;proto=http")]), None);
    }

    #[test]
    fn a_customer_of_ipv6_is_one() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:1.2.3.4"), "1.2.3.4");
    }
}
