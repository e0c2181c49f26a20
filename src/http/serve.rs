//! The server over a listener that is already bound.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use super::{AppState, router};
use crate::service::Service;

/// How often what time has brought about is looked for, and what was deleted is erased.
const CHORES_EVERY: Duration = Duration::from_secs(30);
/// How long answers that are under way may take after the shutdown signal.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until `shutdown` is done, then finishes what is under way.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(
    state: AppState,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let service = state.service.clone();
    let mut chores = JoinSet::new();
    chores.spawn(sweep_forever(service.clone()));
    chores.spawn(scrub_forever(service.clone()));
    let (signal, signalled) = tokio::sync::oneshot::channel();
    let stopping = async move {
        shutdown.await;
        let _ = signal.send(());
    };
    let app = router(state).into_make_service_with_connect_info::<SocketAddr>();
    // What happens is told at once, one small frame after the other.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection waits for more to send");
        }
    });
    let mut server = std::pin::pin!(axum::serve(listener, app).with_graceful_shutdown(stopping).into_future());
    let served = tokio::select! {
        served = &mut server => served,
        _ = signalled => {
            tracing::info!("stopping: finishing what is under way");
            let (served, ()) = timeout(DRAIN, async { tokio::join!(server, service.end_streams()) })
                .await
                .unwrap_or((Ok(()), ()));
            served
        }
    };
    chores.shutdown().await;
    if let Err(error) = service.scrub().await {
        tracing::warn!(%error, "what was deleted may have left traces until the next start");
    }
    served
}

fn ticks() -> Interval {
    let mut ticks = interval(CHORES_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Beside the sweeps, which may take long after a long silence.
async fn scrub_forever(service: Service) {
    let mut ticks = ticks();
    loop {
        ticks.tick().await;
        if let Err(error) = service.scrub().await {
            tracing::warn!(%error, "what was deleted is not erased yet; the next scrub tries again");
        }
    }
}

async fn sweep_forever(service: Service) {
    let mut ticks = ticks();
    loop {
        ticks.tick().await;
        if let Err(error) = service.sweep().await {
            tracing::warn!(%error, "a sweep did not finish; the next one goes on");
        }
    }
}
