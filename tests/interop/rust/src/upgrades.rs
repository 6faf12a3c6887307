// SPDX-License-Identifier: MIT OR Apache-2.0

//! Security and muxers chosen at run time, in the order asked for. They also remember what was
//! agreed, which rust-libp2p does not tell.

use std::{
    io,
    sync::{Arc, Mutex},
    vec,
};

use futures::{future::BoxFuture, AsyncRead, AsyncWrite};
use libp2p::{
    core::{
        muxing::{StreamMuxer, StreamMuxerBox},
        upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo},
    },
    identity::Keypair,
    noise, tls, yamux, PeerId,
};

const NOISE: &str = "/noise";
const TLS: &str = "/tls/1.0.0";
const YAMUX: &str = "/yamux/1.0.0";
const MPLEX: &str = "/mplex/6.7.0";

/// What a connection agreed on; empty for transports that need no upgrade.
#[derive(Clone, Default)]
pub struct Agreed(Arc<Mutex<(&'static str, &'static str)>>);

impl Agreed {
    pub fn security(&self) -> &'static str {
        self.0.lock().unwrap().0
    }

    pub fn muxer(&self) -> &'static str {
        self.0.lock().unwrap().1
    }
}

pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Duplex for T {}

type SecureStream = Box<dyn Duplex>;

#[derive(Clone)]
pub struct Security {
    names: Vec<&'static str>,
    noise: noise::Config,
    tls: tls::Config,
    agreed: Agreed,
}

impl Security {
    pub fn new(key: &Keypair, names: &[String], agreed: Agreed) -> Self {
        let name = |name: &String| if name == "tls" { TLS } else { NOISE };
        Security {
            names: names.iter().map(name).collect(),
            noise: noise::Config::new(key).expect("a key signs the noise key"),
            tls: tls::Config::new(key).expect("a key signs the certificate"),
            agreed,
        }
    }
}

impl UpgradeInfo for Security {
    type Info = &'static str;
    type InfoIter = vec::IntoIter<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.names.clone().into_iter()
    }
}

fn secured<S: Duplex, E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    result: Result<(PeerId, S), E>,
) -> io::Result<(PeerId, SecureStream)> {
    let (peer, stream) = result.map_err(io::Error::other)?;
    Ok((peer, Box::new(stream)))
}

impl<C: Duplex> InboundConnectionUpgrade<C> for Security {
    type Output = (PeerId, SecureStream);
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Output>>;

    fn upgrade_inbound(self, socket: C, name: Self::Info) -> Self::Future {
        self.agreed.0.lock().unwrap().0 = name;
        Box::pin(async move {
            match name {
                TLS => secured(self.tls.upgrade_inbound(socket, name).await),
                _ => secured(self.noise.upgrade_inbound(socket, name).await),
            }
        })
    }
}

impl<C: Duplex> OutboundConnectionUpgrade<C> for Security {
    type Output = (PeerId, SecureStream);
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Output>>;

    fn upgrade_outbound(self, socket: C, name: Self::Info) -> Self::Future {
        self.agreed.0.lock().unwrap().0 = name;
        Box::pin(async move {
            match name {
                TLS => secured(self.tls.upgrade_outbound(socket, name).await),
                _ => secured(self.noise.upgrade_outbound(socket, name).await),
            }
        })
    }
}

#[derive(Clone)]
pub struct Muxer {
    names: Vec<&'static str>,
    agreed: Agreed,
}

impl Muxer {
    pub fn new(names: &[String], agreed: Agreed) -> Self {
        let name = |name: &String| if name == "mplex" { MPLEX } else { YAMUX };
        Muxer {
            names: names.iter().map(name).collect(),
            agreed,
        }
    }
}

impl UpgradeInfo for Muxer {
    type Info = &'static str;
    type InfoIter = vec::IntoIter<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.names.clone().into_iter()
    }
}

fn muxed<M, E>(result: Result<M, E>) -> io::Result<StreamMuxerBox>
where
    M: StreamMuxer + Send + 'static,
    M::Substream: Send + 'static,
    M::Error: Send + Sync + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    result.map(StreamMuxerBox::new).map_err(io::Error::other)
}

impl<C: Duplex> InboundConnectionUpgrade<C> for Muxer {
    type Output = StreamMuxerBox;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<StreamMuxerBox>>;

    fn upgrade_inbound(self, socket: C, name: Self::Info) -> Self::Future {
        self.agreed.0.lock().unwrap().1 = name;
        Box::pin(async move {
            match name {
                MPLEX => muxed(
                    libp2p_mplex::Config::new()
                        .upgrade_inbound(socket, name)
                        .await,
                ),
                _ => muxed(yamux::Config::default().upgrade_inbound(socket, name).await),
            }
        })
    }
}

impl<C: Duplex> OutboundConnectionUpgrade<C> for Muxer {
    type Output = StreamMuxerBox;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<StreamMuxerBox>>;

    fn upgrade_outbound(self, socket: C, name: Self::Info) -> Self::Future {
        self.agreed.0.lock().unwrap().1 = name;
        Box::pin(async move {
            match name {
                MPLEX => muxed(
                    libp2p_mplex::Config::new()
                        .upgrade_outbound(socket, name)
                        .await,
                ),
                _ => muxed(
                    yamux::Config::default()
                        .upgrade_outbound(socket, name)
                        .await,
                ),
            }
        })
    }
}
