//! Connections to one server or to a Cluster, which come back by themselves.

use std::fmt;
use std::fs;
use std::time::Duration;

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{
    Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue, Pipeline, ProtocolVersion, PushInfo,
    RedisConnectionInfo, RedisFuture, RedisResult, Script, ServerErrorKind, TlsCertificates, Value, cmd, pipe,
};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

use super::address::RedisAddress;
use super::open::{OpenError, Problem};

/// How long the server may take to answer, or to accept a connection. A longer wait is a failure.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// The longest pause between two attempts to connect again.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Attempts to connect for a call that needs an answer; the next call tries again.
const ATTEMPTS: usize = 2;
/// Attempts of the connection that receives news. Nobody waits for it, so it does not give up.
const ATTEMPTS_FOR_NEWS: usize = usize::MAX;
/// Commands that wait for the connection; callers beyond it wait for their turn.
const QUEUED_COMMANDS: usize = 1_024;

/// One connection, which many callers use at once. Clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    Single(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Connection {
    /// Connects. With `news`, the connection is for subscriptions, and sends there what it hears.
    pub(super) async fn open(
        address: &RedisAddress,
        news: Option<UnboundedSender<PushInfo>>,
    ) -> Result<Self, OpenError> {
        let credentials = Credentials::read(address)?;
        let hosts: Vec<ConnectionInfo> = address
            .hosts
            .iter()
            .map(|host| connection_info(address, &credentials, host))
            .collect::<RedisResult<_>>()
            .map_err(|error| OpenError::failed(address, &error))?;
        let opened = if address.is_cluster {
            open_cluster(hosts, &credentials, news).await
        } else {
            open_single(hosts, &credentials, news).await
        };
        opened.map_err(|error| OpenError::failed(address, &error))
    }

    /// Runs the script, and loads it if the server does not know it.
    pub(super) async fn run<T: FromRedisValue>(&mut self, script: &Script, call: &Cmd) -> RedisResult<T> {
        match call.query_async(self).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                script.load_async(self).await?;
                call.query_async(self).await
            }
            answer => answer,
        }
    }

    /// The same, and then waits until `replicas` have what this connection has written. Returns how many have it.
    pub(super) async fn run_and_wait<T: FromRedisValue>(
        &mut self,
        script: &Script,
        call: &Cmd,
        key: &str,
        replicas: usize,
        at_most: Duration,
    ) -> RedisResult<(T, usize)> {
        let mut both = pipe();
        both.add_command(call.clone());
        both.cmd("WAIT").arg(replicas).arg(u64::try_from(at_most.as_millis()).unwrap_or(u64::MAX));
        match self.query_together(&both, key).await {
            Err(error) if is_unknown_script(&error) => {
                script.load_async(self).await?;
                self.query_together(&both, key).await
            }
            answer => answer,
        }
    }

    /// Runs a pipeline whose commands belong to the server of `key`, on one connection.
    async fn query_together<T: FromRedisValue>(&mut self, commands: &Pipeline, key: &str) -> RedisResult<T> {
        match self {
            Self::Single(connection) => commands.query_async(connection).await,
            Self::Cluster(connection) => {
                let route = SingleNodeRoutingInfo::SpecificNode(Route::with_key(key, SlotAddr::Master));
                let answers = connection.route_pipeline(commands.clone(), 0, commands.len(), route).await?;
                let answers = answers.into_iter().map(Value::extract_error).collect::<RedisResult<Vec<_>>>()?;
                Ok(T::from_redis_value(Value::Array(answers))?)
            }
        }
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// Asks one server, of a Cluster any.
    pub(super) async fn ask_one_server(&mut self, question: &Cmd) -> RedisResult<String> {
        match self {
            Self::Single(connection) => question.query_async(connection).await,
            Self::Cluster(connection) => {
                let any = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
                let answer = connection.route_command(question.clone(), any).await?;
                Ok(String::from_redis_value(answer)?)
            }
        }
    }

    pub(super) async fn subscribe(&mut self, channel: &str) -> RedisResult<()> {
        match self {
            Self::Single(connection) => connection.subscribe(channel).await,
            Self::Cluster(connection) => connection.ssubscribe(channel).await,
        }
    }

    pub(super) async fn unsubscribe(&mut self, channel: &str) -> RedisResult<()> {
        match self {
            Self::Single(connection) => connection.unsubscribe(channel).await,
            Self::Cluster(connection) => connection.sunsubscribe(channel).await,
        }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(commands, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Single(_)) { "Connection" } else { "Connection(Cluster)" })
    }
}

/// A call of `script` with these keys. The caller adds the arguments.
pub(super) fn call(script: &Script, keys: &[&str]) -> Cmd {
    let mut call = cmd("EVALSHA");
    call.arg(script.get_hash()).arg(keys.len()).arg(keys);
    call
}

fn is_unknown_script(error: &redis::RedisError) -> bool {
    let in_pipeline = error.clone().into_server_errors();
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
        || in_pipeline
            .is_some_and(|errors| errors.iter().any(|(_, error)| error.kind() == Some(ServerErrorKind::NoScript)))
}

/// What the files that the URL names contain.
struct Credentials {
    password: Option<String>,
    certificates: Option<TlsCertificates>,
}

impl Credentials {
    fn read(address: &RedisAddress) -> Result<Self, OpenError> {
        let cannot =
            |what: &str, error: &dyn fmt::Display| OpenError::new(address, Problem::Failed(format!("{what}: {error}")));
        let password = match &address.password_file {
            None => address.password.clone(),
            Some(file) => {
                let text = fs::read_to_string(file).map_err(|error| cannot("password-file", &error))?;
                Some(text.trim_end_matches(['\r', '\n']).to_owned())
            }
        };
        let root_cert =
            address.ca_file.as_ref().map(fs::read).transpose().map_err(|error| cannot("ca-file", &error))?;
        let certificates = root_cert.map(|root_cert| TlsCertificates { client_tls: None, root_cert: Some(root_cert) });
        Ok(Self { password, certificates })
    }
}

fn connection_info(
    address: &RedisAddress,
    credentials: &Credentials,
    (host, port): &(String, u16),
) -> RedisResult<ConnectionInfo> {
    let (host, port) = (host.clone(), *port);
    let place = if address.is_encrypted {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let mut settings = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3).set_db(address.database);
    if let Some(username) = &address.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &credentials.password {
        settings = settings.set_password(password);
    }
    Ok(redis::IntoConnectionInfo::into_connection_info(place)?.set_redis_settings(settings))
}

async fn open_single(
    hosts: Vec<ConnectionInfo>,
    credentials: &Credentials,
    news: Option<UnboundedSender<PushInfo>>,
) -> RedisResult<Connection> {
    let [host] = <[ConnectionInfo; 1]>::try_from(hosts).expect("the URL of a single server names one host");
    let client = match &credentials.certificates {
        Some(certificates) => Client::build_with_tls(host, certificates.clone())?,
        None => Client::open(host)?,
    };
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE))
        .set_max_delay(LONGEST_PAUSE)
        .set_pipeline_buffer_size(QUEUED_COMMANDS);
    // The first connection has to succeed soon; later ones are tried for as long as it takes.
    timeout(2 * PATIENCE, client.get_multiplexed_async_connection())
        .await
        .map_err(|_| redis::RedisError::from((ErrorKind::Io, "no answer")))??;
    let config = match news {
        Some(news) => {
            config.set_number_of_retries(ATTEMPTS_FOR_NEWS).set_push_sender(news).set_automatic_resubscription()
        }
        None => config.set_number_of_retries(ATTEMPTS),
    };
    Ok(Connection::Single(client.get_connection_manager_with_config(config).await?))
}

async fn open_cluster(
    hosts: Vec<ConnectionInfo>,
    credentials: &Credentials,
    news: Option<UnboundedSender<PushInfo>>,
) -> RedisResult<Connection> {
    let mut builder = ClusterClient::builder(hosts)
        .use_protocol(ProtocolVersion::RESP3)
        .connection_timeout(PATIENCE)
        .response_timeout(PATIENCE)
        .overall_response_timeout(Some(PATIENCE))
        .max_retry_wait(u64::try_from(LONGEST_PAUSE.as_millis()).unwrap_or(u64::MAX));
    if let Some(certificates) = &credentials.certificates {
        builder = builder.certs(certificates.clone());
    }
    if let Some(news) = news {
        builder = builder.push_sender(news);
    }
    Ok(Connection::Cluster(builder.build()?.get_async_connection().await?))
}
