//! What the doctor found, as text and as JSON.

use std::fmt;

use serde::Serialize;

/// What is checked. The names are stable, because scripts read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    Reachable,
    Encryption,
    TlsVersion,
    Certificate,
    HttpRedirect,
    Hsts,
    HttpVersion,
    Clock,
    Folder,
    SiteUrl,
    ClientAddress,
    Origin,
    PageHeaders,
    Compression,
    Caching,
    OwnChat,
    LargePost,
    Websocket,
    EventStream,
    IdleStreams,
}

impl Check {
    /// The same as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reachable => "reachable",
            Self::Encryption => "encryption",
            Self::TlsVersion => "tls_version",
            Self::Certificate => "certificate",
            Self::HttpRedirect => "http_redirect",
            Self::Hsts => "hsts",
            Self::HttpVersion => "http_version",
            Self::Clock => "clock",
            Self::Folder => "folder",
            Self::SiteUrl => "site_url",
            Self::ClientAddress => "client_address",
            Self::Origin => "origin",
            Self::PageHeaders => "page_headers",
            Self::Compression => "compression",
            Self::Caching => "caching",
            Self::OwnChat => "own_chat",
            Self::LargePost => "large_post",
            Self::Websocket => "websocket",
            Self::EventStream => "event_stream",
            Self::IdleStreams => "idle_streams",
        }
    }

    pub(super) fn fine(self, detail: impl Into<String>) -> Finding {
        self.finding(Verdict::Fine, detail)
    }

    pub(super) fn advice(self, detail: impl Into<String>) -> Finding {
        self.finding(Verdict::Advice, detail)
    }

    pub(super) fn fault(self, detail: impl Into<String>) -> Finding {
        self.finding(Verdict::Fault, detail)
    }

    pub(super) fn skipped(self, detail: impl Into<String>) -> Finding {
        self.finding(Verdict::Skipped, detail)
    }

    fn finding(self, verdict: Verdict, detail: impl Into<String>) -> Finding {
        Finding { check: self, verdict, detail: detail.into(), mend: Mend::default() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Fine,
    /// The site works, and could be better.
    Advice,
    /// Something does not work, or is not safe.
    Fault,
    /// Not checked.
    Skipped,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Advice => "advice",
            Self::Fault => "FAULT",
            Self::Skipped => "skipped",
        }
    }
}

/// The lines that mend a fault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mend {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nginx: Option<String>,
    /// Only where Caddy needs another line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caddy: Option<String>,
    /// A setting of Watch Party.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch_party: Option<String>,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub check: Check,
    pub verdict: Verdict,
    /// One sentence or more.
    pub detail: String,
    pub mend: Mend,
}

impl Finding {
    pub(super) fn nginx(mut self, line: impl Into<String>) -> Self {
        self.mend.nginx = Some(line.into());
        self
    }

    pub(super) fn caddy(mut self, line: impl Into<String>) -> Self {
        self.mend.caddy = Some(line.into());
        self
    }

    pub(super) fn watch_party(mut self, line: impl Into<String>) -> Self {
        self.mend.watch_party = Some(line.into());
        self
    }
}

/// All findings on a site. It prints as text, a line for each check and lines that mend it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The URL that was checked.
    pub url: String,
    /// The doctor's own version.
    pub version: &'static str,
    pub findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(url: String, findings: Vec<Finding>) -> Self {
        Self { url, version: env!("CARGO_PKG_VERSION"), findings }
    }

    /// Whether no check found a fault.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.count(Verdict::Fault) == 0
    }

    /// The report as one JSON document.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is JSON")
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { check, verdict, detail, mend: Mend { nginx, caddy, watch_party } } in &self.findings {
            writeln!(f, "{:<8} {:<15} {detail}", verdict.word(), check.name())?;
            for (name, line) in [("nginx", nginx), ("Caddy", caddy), ("Watch Party", watch_party)] {
                if let Some(line) = line {
                    writeln!(f, "{:24} {name}: {line}", "")?;
                }
            }
        }
        let [fine, advice, faults, skipped] =
            [Verdict::Fine, Verdict::Advice, Verdict::Fault, Verdict::Skipped].map(|verdict| self.count(verdict));
        writeln!(f, "\n{}: {fine} fine, {faults} at fault, {advice} with advice, {skipped} skipped.", self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_line_for_each_check_and_the_lines_that_mend_it() {
        let findings = vec![
            Check::Clock.fine("The clocks agree."),
            Check::Websocket.fault("It fails.").nginx("proxy_http_version 1.1;").caddy("none"),
        ];
        let report = Report::new("https://chat.example".into(), findings);
        assert!(!report.is_fine());
        let expected = [
            "fine     clock           The clocks agree.",
            "FAULT    websocket       It fails.",
            "                         nginx: proxy_http_version 1.1;",
            "                         Caddy: none",
            "",
            "https://chat.example: 1 fine, 1 at fault, 0 with advice, 0 skipped.",
            "",
        ];
        assert_eq!(report.to_string(), expected.join("\n"));
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["findings"][1]["check"], "websocket");
        assert_eq!(json["findings"][1]["mend"]["nginx"], "proxy_http_version 1.1;");
    }

    #[test]
    fn a_check_has_one_name() {
        for check in [Check::HttpRedirect, Check::OwnChat, Check::Websocket, Check::TlsVersion] {
            assert_eq!(serde_json::to_value(check).unwrap(), check.name());
        }
    }
}
