//! The program: reads its settings and runs the server.

use std::io::ErrorKind;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;
use watch_party::config::{Config, Error, StoreChoice, leptos_options};
use watch_party::http::{AppState, connections_within, raise_open_files, serve};
use watch_party::service::{OsEntropy, Service, SystemClock};
use watch_party::store::{MemoryStore, SqliteOptions, SqliteStore, Stores};
use watch_party::telemetry;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            eprintln!("watch-party: {line}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), String> {
    let variable = |name: &str| std::env::var(name).ok();
    let file = match std::fs::read_to_string("Leptos.toml") {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        read => Some(read.map_err(|error| format!("Leptos.toml: {error}"))?),
    };
    let mut config = match Config::read(std::env::args_os(), variable, file.as_deref()) {
        Err(Error::Asked(text)) => {
            print!("{text}");
            return Ok(());
        }
        config => config.map_err(|error| error.to_string())?,
    };
    telemetry::start(variable("WATCH_PARTY_LOG").as_deref())?;
    let leptos = leptos_options(&config, file.is_some())?;

    let open_files = raise_open_files();
    let asked = config.max_connections;
    let max_connections = connections_within(open_files, asked);
    config.max_connections = Some(max_connections);

    let address = leptos.site_addr;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("LEPTOS_SITE_ADDR: cannot listen on {address}: {error}"))?;
    let bound = listener.local_addr().map_err(|error| error.to_string())?;
    let stores: Stores = match &config.store {
        StoreChoice::Memory => MemoryStore::default().into(),
        StoreChoice::Sqlite(path) => {
            let opened = SqliteStore::open(path, SqliteOptions::default());
            opened.map_err(|error| format!("WATCH_PARTY_STORE: {error}"))?.into()
        }
    };
    let service = Service::new(stores, Arc::new(SystemClock), Arc::new(OsEntropy), config.policy);
    if let Some(asked) = asked.filter(|asked| *asked > max_connections) {
        tracing::warn!("max-connections is {asked}, but the limit of open files allows only {max_connections}");
    }
    let open_files = open_files.map_or("any number of".into(), |files| files.to_string());
    tracing::info!("{max_connections} connections and {open_files} files may be open at once");
    tracing::info!("listening on http://{bound}");
    let state = AppState { service, config: Arc::new(config), leptos };
    serve(state, listener, shutdown_signal()).await;
    Ok(())
}

/// Waits for Ctrl-C or, on Unix, SIGTERM.
async fn shutdown_signal() {
    let interrupt = async {
        tokio::signal::ctrl_c().await.expect("Ctrl-C can be listened for");
    };
    #[cfg(unix)]
    let terminate = async {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate()).expect("SIGTERM can be listened for").recv().await;
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
