// SPDX-License-Identifier: MIT OR Apache-2.0

//! The rust-libp2p peer of the interoperability tests. It follows ../CONTRACT.md:
//! `listen` serves the test protocols, `dial` connects to a listener and runs tests on it.

mod options;
mod upgrades;

use std::{
    future::Future,
    io,
    process::exit,
    time::{Duration, Instant},
};

use futures::{future::try_join_all, AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::{
    core::{muxing::StreamMuxerBox, transport::OrTransport, upgrade::Version},
    dns, identify, ping, quic,
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, websocket, Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder, Transport,
};
use libp2p_stream as stream;
use options::{usage, Command, Options};
use serde_json::{json, Map, Value};
use tokio::{sync::mpsc, time::timeout};
use upgrades::{Agreed, Muxer, Security};

const PERF: StreamProtocol = StreamProtocol::new("/perf/1.0.0");
const ECHO: StreamProtocol = StreamProtocol::new("/echo/1.0.0");
const RESET: StreamProtocol = StreamProtocol::new("/interop/reset/1.0.0");
const OPEN: StreamProtocol = StreamProtocol::new("/interop/open/1.0.0");

const TEST_TIMEOUT: Duration = Duration::from_secs(60);
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
const PING_INTERVAL: Duration = Duration::from_millis(50);
const ECHO_SIZE: usize = 100_000; // halfclose, if it does not say
const SMALL_ECHO: usize = 1_000; // streams and open
const PERF_BLOCK: usize = 64 * 1024;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Events = mpsc::UnboundedReceiver<SwarmEvent<BehaviourEvent>>;

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    stream: stream::Behaviour,
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    match options.command {
        Command::Listen => listen(options).await,
        Command::Dial => dial(options).await,
    }
}

// ---- the swarm ----

fn new_swarm(options: &Options, agreed: Agreed) -> Swarm<Behaviour> {
    let key = options.new_key();
    let public_key = key.public();
    SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_other_transport(|key| {
            let security = Security::new(key, &options.security, agreed.clone());
            let muxer = Muxer::new(&options.muxer, agreed);
            let tcp = || tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
            let websocket = websocket::Config::new(
                dns::tokio::Transport::system(tcp()).expect("the system has a resolver"),
            );
            let stacked = OrTransport::new(websocket, tcp())
                .upgrade(Version::V1Lazy)
                .authenticate(security)
                .multiplex(muxer);
            let quic = quic::tokio::Transport::new(quic::Config::new(key))
                .map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection)));
            OrTransport::new(stacked, quic).map(|either, _| either.into_inner())
        })
        .expect("the transport closure does not fail")
        .with_behaviour(|_| Behaviour {
            identify: identify::Behaviour::new(identify::Config::new(
                "ipfs/0.1.0".into(),
                public_key,
            )),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(PING_INTERVAL)),
            stream: stream::Behaviour::new(),
        })
        .expect("the behaviour closure does not fail")
        .with_swarm_config(|config| {
            config
                .with_idle_connection_timeout(IDLE_TIMEOUT)
                .with_max_negotiating_inbound_streams(1024)
        })
        .build()
}

/// Runs the swarm in the background and passes its events on.
fn drive(mut swarm: Swarm<Behaviour>) -> Events {
    let (sender, events) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let event = swarm.select_next_some().await;
            let _ = sender.send(event); // nobody listens any more when the tests are over
        }
    });
    events
}

// ---- the listener ----

async fn listen(options: Options) {
    let mut swarm = new_swarm(&options, Agreed::default());
    let control = swarm.behaviour().stream.new_control();
    serve(&control, ECHO, |_, stream| serve_echo(stream));
    serve(&control, PERF, |_, stream| serve_perf(stream));
    serve(&control, RESET, |_, stream| serve_reset(stream));
    let opener = control.clone();
    serve(&control, OPEN, move |peer, stream| {
        serve_open(opener.clone(), peer, stream)
    });

    for address in &options.listen {
        if let Err(error) = swarm.listen_on(address.clone()) {
            usage(&format!("cannot listen on {address}: {error}"));
        }
    }
    let own_id = *swarm.local_peer_id();
    let mut events = drive(swarm);
    let mut awaited = options.listen.len();
    while awaited > 0 {
        match events.recv().await {
            Some(SwarmEvent::NewListenAddr { address, .. }) => {
                println!("{address}/p2p/{own_id}");
                awaited -= 1;
            }
            Some(SwarmEvent::ListenerClosed { reason, .. }) => {
                usage(&format!("cannot listen: {reason:?}"));
            }
            _ => {}
        }
    }
    println!("ready");
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    let _ = tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await;
    exit(0);
}

/// Answers every stream of a protocol with a task of its own. A handler that fails drops its
/// stream, which resets it.
fn serve<F>(
    control: &stream::Control,
    protocol: StreamProtocol,
    handler: impl Fn(PeerId, Stream) -> F + Send + 'static,
) where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let mut incoming = control
        .clone()
        .accept(protocol)
        .expect("each protocol is served once");
    tokio::spawn(async move {
        while let Some((peer, stream)) = incoming.next().await {
            tokio::spawn(handler(peer, stream));
        }
    });
}

async fn serve_echo(stream: Stream) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    futures::io::copy(reader, &mut writer).await?;
    writer.close().await
}

async fn serve_perf(mut stream: Stream) -> io::Result<()> {
    let mut wanted = [0; 8];
    stream.read_exact(&mut wanted).await?;
    futures::io::copy(&mut stream, &mut futures::io::sink()).await?;
    write_zeros(&mut stream, u64::from_be_bytes(wanted)).await?;
    stream.close().await
}

/// Dropping the stream is rust-libp2p's only way to reset it; an error code cannot be given.
async fn serve_reset(mut stream: Stream) -> io::Result<()> {
    stream.read_exact(&mut [0]).await
}

async fn serve_open(
    mut control: stream::Control,
    peer: PeerId,
    mut stream: Stream,
) -> io::Result<()> {
    stream.read_exact(&mut [0]).await?;
    let answer = match timeout(TEST_TIMEOUT, echo(&mut control, peer, SMALL_ECHO)).await {
        Ok(Ok(())) => "ok".to_string(),
        Ok(Err(failure)) => failure.to_string(),
        Err(elapsed) => elapsed.to_string(),
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.close().await
}

// ---- the dialler ----

/// One connection to a listener, on which the tests run.
struct Session {
    events: Events,
    control: stream::Control,
    peer: PeerId,
    identified: Option<identify::Info>,
}

async fn dial(options: Options) {
    let agreed = Agreed::default();
    let mut swarm = new_swarm(&options, agreed.clone());
    let control = swarm.behaviour().stream.new_control();
    serve(&control, ECHO, |_, stream| serve_echo(stream));

    let start = Instant::now();
    let dialled = swarm.dial(options.target.clone());
    let mut session = Session {
        events: drive(swarm),
        control,
        peer: options.target_peer(),
        identified: None,
    };
    let connected = async {
        dialled?;
        session.wait_for_connection().await?;
        Ok(json!({
            "peer": session.peer.to_string(),
            "security": agreed.security(),
            "muxer": agreed.muxer(),
        }))
    };
    if !report("connect", start, timeout(TEST_TIMEOUT, connected).await) {
        exit(1);
    }
    let mut all_passed = true;
    for test in &options.tests {
        let start = Instant::now();
        let outcome = timeout(
            test.timeout(TEST_TIMEOUT),
            session.perform(&test.name, &test.numbers),
        )
        .await;
        all_passed &= report(&test.name, start, outcome);
    }
    exit(if all_passed { 0 } else { 1 });
}

/// Prints the JSON line of a test and tells whether it passed.
fn report(
    test: &str,
    start: Instant,
    outcome: Result<Result<Value, Failure>, tokio::time::error::Elapsed>,
) -> bool {
    let result = outcome.unwrap_or_else(|elapsed| Err(elapsed.into()));
    let ok = result.is_ok();
    let mut line = Map::new();
    line.insert("test".into(), test.into());
    line.insert("ok".into(), ok.into());
    line.insert("ms".into(), (start.elapsed().as_secs_f64() * 1000.0).into());
    match result {
        Ok(Value::Object(details)) => line.extend(details),
        Ok(_) => {}
        Err(failure) => {
            line.insert("error".into(), failure.to_string().into());
        }
    }
    println!("{}", Value::Object(line));
    ok
}

impl Session {
    async fn perform(&mut self, test: &str, numbers: &[usize]) -> Result<Value, Failure> {
        let number = |index: usize, fallback| numbers.get(index).copied().unwrap_or(fallback);
        match test {
            "ping" => self.ping(number(0, 1)).await,
            "identify" => self.identify().await,
            "perf" => self.perf(number(0, 1 << 20), number(1, 1 << 20)).await,
            "halfclose" => echo(&mut self.control, self.peer, number(0, ECHO_SIZE))
                .await
                .map(|()| Value::Null),
            "reset" => self.reset().await,
            "streams" => self.streams(number(0, 1)).await,
            "open" => self.open().await,
            "idle" => self.idle(number(0, 1)).await,
            _ => usage(&format!("unknown test {test}")),
        }
    }

    /// The next event, remembering what identify said.
    async fn next_event(&mut self) -> Result<SwarmEvent<BehaviourEvent>, Failure> {
        let event = self.events.recv().await.ok_or("the swarm stopped")?;
        match &event {
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                info,
                ..
            })) => {
                self.identified = Some(info.clone());
            }
            SwarmEvent::ConnectionClosed { cause, .. } => {
                return Err(format!("the connection was closed: {cause:?}").into());
            }
            _ => {}
        }
        Ok(event)
    }

    async fn wait_for_connection(&mut self) -> Result<(), Failure> {
        loop {
            match self.next_event().await? {
                SwarmEvent::ConnectionEstablished { .. } => return Ok(()),
                SwarmEvent::OutgoingConnectionError { error, .. } => return Err(error.into()),
                _ => {}
            }
        }
    }

    /// rust-libp2p pings by itself; this waits for its next answers.
    async fn ping(&mut self, count: usize) -> Result<Value, Failure> {
        let mut times = Vec::new();
        while times.len() < count {
            if let SwarmEvent::Behaviour(BehaviourEvent::Ping(ping)) = self.next_event().await? {
                times.push(ping.result?);
            }
        }
        times.sort();
        Ok(json!({ "count": count, "rtt_ms": times[count / 2].as_secs_f64() * 1000.0 }))
    }

    async fn identify(&mut self) -> Result<Value, Failure> {
        loop {
            if let Some(info) = &self.identified {
                let strings =
                    |list: &[Multiaddr]| list.iter().map(Multiaddr::to_string).collect::<Vec<_>>();
                return Ok(json!({
                    "agent": info.agent_version,
                    "protocols": info.protocols.iter().map(|p| p.to_string()).collect::<Vec<_>>(),
                    "observed": info.observed_addr.to_string(),
                    "listen": strings(&info.listen_addrs),
                }));
            }
            self.next_event().await?;
        }
    }

    /// The upload is over when the first byte of the answer, or its end, has come.
    async fn perf(&mut self, up: usize, down: usize) -> Result<Value, Failure> {
        let start = Instant::now();
        let mut stream = self.control.open_stream(self.peer, PERF).await?;
        stream.write_all(&(down as u64).to_be_bytes()).await?;
        write_zeros(&mut stream, up as u64).await?;
        stream.close().await?;
        let mut received = stream.read(&mut [0]).await?;
        let uploaded = Instant::now();
        received += futures::io::copy(&mut stream, &mut futures::io::sink()).await? as usize;
        if received != down {
            return Err(format!("{received} bytes came instead of {down}").into());
        }
        Ok(json!({
            "up_mbit": megabits_per_second(up, uploaded - start),
            "down_mbit": megabits_per_second(down, uploaded.elapsed()),
        }))
    }

    /// rust-yamux shows a reset as an end of the stream after which writing fails.
    async fn reset(&mut self) -> Result<Value, Failure> {
        let mut stream = self.control.open_stream(self.peer, RESET).await?;
        stream.write_all(&[0]).await?;
        stream.flush().await?;
        let mut seen = stream.read(&mut [0]).await.err();
        for _ in 0..20 {
            if let Some(error) = seen {
                return Ok(json!({ "seen": error.to_string() }));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            seen = stream.write_all(&[0]).await.err();
        }
        Err("expected a reset, got the end of the stream".into())
    }

    /// All streams are open, each with one byte echoed, before any of them sends its payload.
    async fn streams(&mut self, count: usize) -> Result<Value, Failure> {
        let mut open = Vec::new();
        for i in 0..count {
            let mut stream = self.control.open_stream(self.peer, ECHO).await?;
            stream.write_all(&[i as u8]).await?;
            stream.flush().await?;
            stream.read_exact(&mut [0]).await?;
            open.push(stream);
        }
        try_join_all(open.into_iter().map(|stream| echo_on(stream, SMALL_ECHO))).await?;
        Ok(json!({ "count": count }))
    }

    async fn open(&mut self) -> Result<Value, Failure> {
        let mut stream = self.control.open_stream(self.peer, OPEN).await?;
        stream.write_all(&[0]).await?;
        stream.flush().await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        stream.close().await?;
        match answer.as_str() {
            "ok" => Ok(Value::Null),
            _ => Err(format!("the listener answered {answer:?}").into()),
        }
    }

    async fn idle(&mut self, seconds: usize) -> Result<Value, Failure> {
        tokio::time::sleep(Duration::from_secs(seconds as u64)).await;
        while let Ok(event) = self.events.try_recv() {
            if let SwarmEvent::ConnectionClosed { cause, .. } = event {
                return Err(format!("the connection was closed while idle: {cause:?}").into());
            }
        }
        self.ping(1).await
    }
}

// ---- streams ----

/// Sends a payload on a new stream, half closes it and checks that all of it comes back.
async fn echo(control: &mut stream::Control, peer: PeerId, size: usize) -> Result<(), Failure> {
    let stream = control.open_stream(peer, ECHO).await?;
    echo_on(stream, size).await
}

async fn echo_on(stream: Stream, size: usize) -> Result<(), Failure> {
    let payload: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
    let (mut reader, mut writer) = stream.split();
    let sending = async {
        writer.write_all(&payload).await?;
        writer.close().await
    };
    let mut received = Vec::new();
    futures::try_join!(sending, reader.read_to_end(&mut received))?;
    if received != payload {
        return Err(format!("the echo has {} bytes or differs", received.len()).into());
    }
    Ok(())
}

async fn write_zeros(stream: &mut Stream, mut count: u64) -> io::Result<()> {
    let block = [0; PERF_BLOCK];
    while count > 0 {
        let length = count.min(PERF_BLOCK as u64);
        stream.write_all(&block[..length as usize]).await?;
        count -= length;
    }
    Ok(())
}

fn megabits_per_second(bytes: usize, time: Duration) -> f64 {
    bytes as f64 * 8.0 / 1e6 / time.as_secs_f64().max(1e-9)
}
