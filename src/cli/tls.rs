//! TLS as a client: which certificate authorities count, and what a server's certificate is worth.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls_native_certs::load_native_certs;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// Longer than any certificate is valid, in seconds: 200 years.
const FAR: u64 = 200 * 365 * 24 * 60 * 60;

/// Reads the certificate authorities of this machine, and those in the PEM file `more`.
///
/// # Errors
/// One line that says why no authority was found, or what is wrong with the file.
pub(super) fn load_roots(more: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    // A certificate that cannot be read counts as absent, as it does for other programs.
    roots.add_parsable_certificates(load_native_certs().certs);
    if let Some(path) = more {
        let wrong = |problem: String| format!("--ca-file: '{}': {problem}", path.display());
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let certificates = read.map_err(|error| wrong(error.to_string()))?;
        if roots.add_parsable_certificates(certificates).0 == 0 {
            return Err(wrong("contains no certificate".into()));
        }
    }
    if roots.is_empty() {
        return Err("this machine has no certificate authorities: install ca-certificates, or pass --ca-file".into());
    }
    Ok(roots)
}

/// What a server's certificate is worth at the time of the connection.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    /// Why a strict client would refuse it; `None` if it is valid.
    pub(super) refusal: Option<Error>,
    /// When it expires, in seconds since 1970; `None` if it cannot be read.
    pub(super) not_after: Option<u64>,
}

/// Accepts every certificate and records what it is worth, so that a client can report it and continue. For programs
/// that send nothing secret.
#[derive(Debug)]
pub(super) struct CertificateObserver {
    strict: Arc<WebPkiServerVerifier>,
    seen: Mutex<Option<Certificate>>,
}

impl CertificateObserver {
    /// The certificate of the newest connection.
    pub(super) fn seen(&self) -> Option<Certificate> {
        self.seen.lock().clone()
    }
}

/// Settings that accept every certificate, and what they see. `protocols` is offered in the order given (ALPN).
///
/// # Errors
/// One line that says why TLS cannot be used.
pub(super) fn observing(
    roots: RootCertStore,
    protocols: &[&[u8]],
) -> Result<(ClientConfig, Arc<CertificateObserver>), String> {
    let provider = Arc::new(ring::default_provider());
    let strict = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let strict = strict.map_err(|error| error.to_string())?;
    let observer = Arc::new(CertificateObserver { strict, seen: Mutex::default() });
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut settings = versions
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&observer) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    settings.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok((settings, observer))
}

impl ServerCertVerifier for CertificateObserver {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |at| self.strict.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, at);
        // The verifier tells the expiry only of a certificate that has expired, so it is asked about the far future.
        let far = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs().saturating_add(FAR)));
        let not_after = match verify(far) {
            Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
                Some(not_after.as_secs())
            }
            _ => None,
        };
        *self.seen.lock() = Some(Certificate { refusal: verify(now).err(), not_after });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.strict.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.strict.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.strict.supported_verify_schemes()
    }
}
