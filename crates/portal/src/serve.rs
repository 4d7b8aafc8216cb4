//! Binding the address, saying where the page is, and stopping without cutting off answers.

use std::{
    collections::HashMap,
    future::Future,
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use crate::address::network;

/// Connections at once; the next waits in the operating system's queue.
const MOST_CONNECTIONS: usize = 2048;
/// One address may have one connection in so many.
const ADDRESS_SHARE: usize = 4;
/// Files that may be open beside connections: database, store, what is being served.
const OTHER_FILES: usize = 256;

/// What is endured from a client.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long a client may take to send the head of a request, and to send the next one on an open connection.
    /// Without it, half a request from each of a thousand idle connections would keep all others out.
    pub heads: Duration,
    /// How long a client may take nothing of an answer.
    pub stall: Duration,
    /// Connections from one address; nothing where all come from a proxy.
    pub per_address: Option<usize>,
}

impl Default for Patience {
    fn default() -> Self {
        Self { heads: Duration::from_secs(30), stall: Duration::from_secs(30), per_address: Some(256) }
    }
}
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
/// None at present: a connection that cannot be accepted is logged, and the next one is waited for.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    stop: impl Future<Output = ()> + Send + 'static,
    patience: Patience,
) -> Result<()> {
    // HTTP/1 alone: telling versions apart waits for the first bytes without a limit, and proxies speak HTTP/1 to what is
    // behind them.
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(patience.heads);
    let open = GracefulShutdown::new();
    let most = most_connections();
    let places = Arc::new(Semaphore::new(most));
    // However few there are, one address cannot take all of them.
    let per_address = patience.per_address.map(|own| own.min(most / ADDRESS_SHARE));
    let doors = Arc::new(Doors::default());
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
        let Some(door) = doors.enter(peer.ip(), per_address) else {
            tracing::debug!(%peer, "too many connections from one address");
            continue;
        };
        // Answers are small and complete; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(patience.stall));
        let stream = Box::pin(stream);
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
            drop((place, door));
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

/// As many connections as the process may have files open, beside the others that it needs.
fn most_connections() -> usize {
    let open_files = std::fs::read_to_string("/proc/self/limits").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
        line.split_whitespace().next()?.parse::<usize>().ok()
    });
    let Some(open_files) = open_files else { return MOST_CONNECTIONS };
    let most = open_files.saturating_sub(OTHER_FILES).clamp(64, MOST_CONNECTIONS);
    if most < MOST_CONNECTIONS {
        tracing::warn!(open_files, "{most} connections at once: this process may have few files open (ulimit -n)");
    }
    most
}

/// Connections by address.
#[derive(Debug, Default)]
struct Doors(Mutex<HashMap<IpAddr, usize>>);

/// One connection, counted until it is dropped.
#[derive(Debug)]
struct Door {
    doors: Arc<Doors>,
    address: IpAddr,
}

impl Doors {
    /// Counts a connection, unless its address has `most` already.
    fn enter(self: &Arc<Self>, address: IpAddr, most: Option<usize>) -> Option<Door> {
        let address = network(address);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if most.is_some_and(|most| *count >= most) {
            return None;
        }
        *count += 1;
        Some(Door { doors: self.clone(), address })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let mut open = self.doors.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
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
