//! Binding the address, saying where the page is, and stopping without cutting off answers.

use std::{future::Future, io::ErrorKind, net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail};
use axum::Router;
use tokio::net::TcpListener;

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
/// # Errors
/// If accepting connections fails.
pub async fn serve(listener: TcpListener, app: Router, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async move {
        stop.await;
        // The receiver is gone only if the server already ended.
        let _ = stopping.send(());
    });
    tokio::select! {
        outcome = async { server.await } => outcome.context("the server stopped"),
        () = async {
            match stopped.await {
                Ok(()) => tokio::time::sleep(GRACE).await,
                Err(_) => std::future::pending().await,
            }
        } => {
            tracing::warn!("some answers took longer than {} s and were cut off", GRACE.as_secs());
            Ok(())
        }
    }
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
