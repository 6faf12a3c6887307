// SPDX-License-Identifier: MIT OR Apache-2.0

//! The command line of ../CONTRACT.md.

use std::{env, process::exit, time::Duration};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use libp2p::{identity::Keypair, multiaddr::Protocol, Multiaddr, PeerId};

const TESTS: &[&str] = &[
    "ping",
    "identify",
    "perf",
    "halfclose",
    "reset",
    "streams",
    "open",
    "idle",
];

#[derive(Clone, Copy)]
pub enum Command {
    Listen,
    Dial,
}

pub struct Test {
    pub name: String,
    pub numbers: Vec<usize>,
}

pub struct Options {
    pub command: Command,
    pub listen: Vec<Multiaddr>,
    pub security: Vec<String>,
    pub muxer: Vec<String>,
    pub target: Multiaddr,
    pub tests: Vec<Test>,
    key_type: String,
}

pub fn usage(problem: &str) -> ! {
    eprintln!("rust-peer: {problem}");
    exit(2);
}

impl Options {
    pub fn parse() -> Self {
        let mut args = env::args().skip(1);
        let command = match args.next().as_deref() {
            Some("listen") => Command::Listen,
            Some("dial") => Command::Dial,
            _ => usage("the first argument must be listen or dial"),
        };
        let mut options = Options {
            command,
            listen: Vec::new(),
            security: vec!["noise".into(), "tls".into()],
            muxer: vec!["yamux".into(), "mplex".into()],
            target: Multiaddr::empty(),
            tests: Vec::new(),
            key_type: "ed25519".into(),
        };
        let mut words = Vec::new();
        while let Some(arg) = args.next() {
            let mut value = || {
                args.next()
                    .unwrap_or_else(|| usage(&format!("{arg} needs a value")))
            };
            match arg.as_str() {
                "--listen" => options.listen.push(parse_address(&value())),
                "--security" => options.security = names(&value(), &["noise", "tls"]),
                "--muxer" => options.muxer = names(&value(), &["yamux", "mplex"]),
                "--key-type" => options.key_type = value(),
                _ if arg.starts_with('-') => usage(&format!("unknown option {arg}")),
                _ => words.push(arg),
            }
        }
        match command {
            Command::Listen if options.listen.is_empty() => {
                options.listen.push(parse_address("/ip4/127.0.0.1/tcp/0"));
            }
            Command::Listen => {}
            Command::Dial if words.is_empty() => usage("dial needs a multiaddr"),
            Command::Dial => {
                options.target = parse_address(&words[0]);
                options.tests = words[1..].iter().map(|word| Test::parse(word)).collect();
            }
        }
        options
    }

    pub fn target_peer(&self) -> PeerId {
        match self.target.iter().last() {
            Some(Protocol::P2p(peer)) => peer,
            _ => usage("the multiaddr must end with /p2p/ID"),
        }
    }

    pub fn new_key(&self) -> Keypair {
        match self.key_type.as_str() {
            "ed25519" => Keypair::generate_ed25519(),
            "secp256k1" => Keypair::generate_secp256k1(),
            "ecdsa" => Keypair::generate_ecdsa(),
            "rsa" => new_rsa_key(),
            other => usage(&format!("unknown key type {other}")),
        }
    }
}

/// libp2p can read an RSA key but not make one.
fn new_rsa_key() -> Keypair {
    let key = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key can be made");
    let der: Pkcs8V1Der = key.as_der().expect("an RSA key can be encoded");
    Keypair::rsa_from_pkcs8(&mut der.as_ref().to_vec()).expect("libp2p reads PKCS #8")
}

impl Test {
    fn parse(word: &str) -> Self {
        let mut parts = word.split(':');
        let name = parts.next().unwrap_or_default().to_string();
        if !TESTS.contains(&name.as_str()) {
            usage(&format!("unknown test {word}"));
        }
        let number = |text: &str| {
            text.parse()
                .unwrap_or_else(|_| usage(&format!("not a number: {text}")))
        };
        Test {
            name,
            numbers: parts.map(number).collect(),
        }
    }

    /// An idle test may last as long as it was asked to.
    pub fn timeout(&self, base: Duration) -> Duration {
        match self.name.as_str() {
            "idle" => base + Duration::from_secs(self.numbers.first().copied().unwrap_or(1) as u64),
            _ => base,
        }
    }
}

fn parse_address(text: &str) -> Multiaddr {
    text.parse()
        .unwrap_or_else(|error| usage(&format!("{text}: {error}")))
}

fn names(list: &str, known: &[&str]) -> Vec<String> {
    let names: Vec<String> = list.split(',').map(String::from).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        usage(&format!(
            "unknown name {name}; known are {}",
            known.join(", ")
        ));
    }
    names
}
