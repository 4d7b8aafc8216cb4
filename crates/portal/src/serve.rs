//! Binding the address, saying where the page is, and stopping without cutting off answers.

use std::{future::Future, io::ErrorKind, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tower::ServiceExt;

/// How long a client may take to send the head of a request.
pub const HEADS: Duration = Duration::from_secs(30);
/// Connections at once; the next waits in the operating system's queue.
const MOST_CONNECTIONS: usize = 2048;
/// How long answers under way may still take after the signal to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Binds `address`; port 0 takes any free port.
///
/// # Errors
/// If the port is taken or may not be used, says so with the remedy.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let port = address.port();
            bail!(
                "port {port} is already taken: stop the program that uses it, or choose another with --listen {}:{}",
                address.ip(),
                port.wrapping_add(1)
            )
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            bail!(
                "may not listen on {address}: choose a port above 1023 with --listen, for example {}:8080",
                address.ip()
            )
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}")),
    }
}

/// Serves `app` until `stop` resolves, then lets answers under way finish, for five seconds at most.
///
/// `heads` is how long a client may take to send a request's head, and to send the next one on an open connection.
/// Without it, half a request from each of a thousand idle connections would be enough to block all other clients.
///
/// # Errors
/// None at present: a connection that cannot be accepted is logged, and the next one is waited for.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    stop: impl Future<Output = ()> + Send + 'static,
    heads: Duration,
) -> Result<()> {
    // HTTP/1 alone: telling versions apart waits for the first bytes without a limit, and proxies speak HTTP/1 to what is
    // behind them.
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(heads);
    let open = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut stop = pin!(stop);
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Most often too many open files: a pause lets some of them close.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Answers are small and complete; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let app = app.clone();
        let service = hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            app.clone().oneshot(request.map(Body::new))
        });
        let connection = open.watch(builder.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    tokio::select! {
        () = open.shutdown() => {}
        () = tokio::time::sleep(GRACE) => {
            tracing::warn!("some answers took longer than {} s and were cut off", GRACE.as_secs());
        }
    }
    Ok(())
}

/// Resolves on Ctrl-C and, on Unix, on SIGTERM (what `docker stop` and systemd send).
///
/// # Errors
/// If the operating system refuses a signal handler.
pub fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static> {
    #[cfg(unix)]
    let mut terminate = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?
    };
    Ok(async move {
        #[cfg(unix)]
        let terminated = async move {
            terminate.recv().await;
        };
        #[cfg(not(unix))]
        let terminated = std::future::pending::<()>();
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminated => {}
        }
        tracing::info!("stopping");
    })
}
