//! The program: reads its settings and runs the server.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use sd_notify::NotifyState;
use tokio::net::TcpListener;
use watch_party::cli::doctor::{Examination, examine};
use watch_party::config::{Command, Config, Error, ListenAddress, leptos_options, requested_command};
use watch_party::http::{AppState, Listeners, SiteFiles, connections_within, raise_open_files, serve, serve_metrics};
use watch_party::operator::{Cancelled, back_up_store, export_store, import_store, open_store};
use watch_party::service::{OsEntropy, Service, SystemClock};
use watch_party::telemetry;

/// What `--version` shows: the version, and if the Makefile built the program, its commit and the commit's date.
const VERSION: &str = match option_env!("WATCH_PARTY_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => code,
        Err(line) => {
            eprintln!("watch-party: {line}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<ExitCode, String> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // The doctor needs no settings of a server, so they may be wrong.
    if let Ok(Some(Command::Doctor { url, json, quick, ca_file })) = requested_command(VERSION, arguments.clone()) {
        return run_doctor(url, json, quick, ca_file).await;
    }
    let variable = |name: &str| std::env::var(name).ok();
    let file = match std::fs::read_to_string("Leptos.toml") {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        read => Some(read.map_err(|error| format!("Leptos.toml: {error}"))?),
    };
    let mut config = match Config::read(VERSION, arguments, variable, file.as_deref()) {
        Err(Error::Asked(text)) => {
            print!("{text}");
            return Ok(ExitCode::SUCCESS);
        }
        config => config.map_err(|error| error.to_string())?,
    };
    if let Some(command) = config.command.take() {
        let (store, policy, cancelled) = (&config.store, config.policy, Cancelled::after(shutdown_signal()?));
        let done = match command {
            Command::Backup { file } => back_up_store(store.clone(), file, cancelled).await?,
            Command::Export { file } => export_store(store, policy, &file, cancelled).await?,
            Command::Import { file } => import_store(store, policy, &file, cancelled).await?,
            Command::Doctor { .. } => unreachable!("was run before"),
        };
        println!("{done}");
        return Ok(ExitCode::SUCCESS);
    }
    telemetry::start(variable("WATCH_PARTY_LOG").as_deref(), config.log_format)?;
    let leptos = leptos_options(&config, file.is_some())?;

    let open_files = raise_open_files();
    let asked = config.max_connections;
    let max_connections = connections_within(open_files, asked);
    config.max_connections = Some(max_connections);

    let addresses = match &config.listen[..] {
        [] => vec![ListenAddress::Tcp(leptos.site_addr)],
        addresses => addresses.to_vec(),
    };
    let setting = if config.listen.is_empty() { "LEPTOS_SITE_ADDR" } else { "WATCH_PARTY_LISTEN" };
    let listeners = Listeners::open(&addresses).map_err(|problem| format!("{setting}: {problem}"))?;
    let metrics_listener = match config.metrics_addr {
        Some(address) => Some(
            TcpListener::bind(address)
                .await
                .map_err(|error| format!("WATCH_PARTY_METRICS_ADDR: cannot listen on {address}: {error}"))?,
        ),
        None => None,
    };
    let stores = open_store(&config.store, config.policy).await?;
    let service = Service::new(stores, Arc::new(SystemClock), Arc::new(OsEntropy), config.policy);
    if let Some(asked) = asked.filter(|asked| *asked > max_connections) {
        tracing::warn!("max-connections is {asked}, but the limit of open files allows only {max_connections}");
    }
    let open_files = open_files.map_or("any number of".into(), |files| files.to_string());
    tracing::info!("{max_connections} connections and {open_files} files may be open at once");
    if let Some(address) = metrics_listener.as_ref().and_then(|listener| listener.local_addr().ok()) {
        tracing::info!("metrics are at http://{address}/metrics");
    }
    for listener in &listeners.0 {
        tracing::info!("listening on {}", listener.address());
    }
    let state = AppState { service: service.clone(), config: Arc::new(config), leptos, files: site_files() };
    let metrics = async {
        match metrics_listener {
            Some(listener) => serve_metrics(service.clone(), listener).await,
            None => std::future::pending().await,
        }
    };
    let shutdown = shutdown_signal()?;
    notify_systemd(NotifyState::Ready);
    let stopped = async {
        shutdown.await;
        notify_systemd(NotifyState::Stopping);
    };
    // Metrics are served until the last request is finished.
    tokio::select! {
        () = serve(state, listeners, stopped) => {}
        () = metrics => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks a site and prints what it finds. The exit code is 1 if something is wrong.
async fn run_doctor(url: String, json: bool, quick: bool, ca_file: Option<PathBuf>) -> Result<ExitCode, String> {
    let usual = Examination::of(url);
    let idle_time = usual.idle_time.filter(|_| !quick);
    let examination = Examination { ca_file, idle_time, ..usual };
    let tell = |sentence: &str| {
        if !json {
            eprintln!("{sentence}");
        }
    };
    let report = examine(&examination, shutdown_signal()?, tell).await.map_err(|error| format!("doctor: {error}"))?;
    if json {
        println!("{}", report.json());
    } else {
        print!("{report}");
    }
    Ok(if report.is_fine() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Tells systemd what the program does now, if systemd has started it and waits to hear (`Type=notify`).
fn notify_systemd(state: NotifyState) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "cannot notify systemd");
    }
}

/// The files of the page, which were built before the program.
#[cfg(feature = "embedded-site")]
fn site_files() -> SiteFiles {
    use rust_embed::Embed;

    #[derive(Embed)]
    #[folder = "target/site"]
    struct Site;

    SiteFiles::in_memory(Site::iter().filter_map(|path| Some((path.to_string(), Site::get(&path)?.data))))
}

#[cfg(not(feature = "embedded-site"))]
fn site_files() -> SiteFiles {
    SiteFiles::OnDisk
}

/// Returns a future that waits for Ctrl-C or, on Unix, SIGTERM. From now on, these do not kill the program.
fn shutdown_signal() -> Result<impl Future<Output = ()>, String> {
    #[cfg(unix)]
    let (mut interrupt, mut terminate) = {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?)
    };
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    })
}
