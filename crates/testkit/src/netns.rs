//! A network of its own for a process: a namespace that one pair of virtual interfaces joins with this machine. Packets
//! are dropped or refused inside, as a broken switch or a firewall does.
//!
//! It needs root. Its name and its addresses are random, so that several tests have one at the same time.

use std::net::Ipv4Addr;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// A network. It is removed when this is dropped; processes in it must have ended by then.
pub struct Namespace {
    name: String,
    /// The outer end of the pair of interfaces. The inner one has the same name.
    interface: String,
    /// The first address of a network of eight.
    subnet: u32,
}

/// A direction of packets, as the process in the namespace sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Packets to the process.
    In,
    /// Packets from the process.
    Out,
}

impl Namespace {
    /// A new network, in which all packets pass.
    pub fn new() -> Result<Self> {
        let mut seed = [0; 4];
        getrandom::fill(&mut seed).context("ask the system for randomness")?;
        let seed = u32::from_ne_bytes(seed);
        let (name, interface) = (format!("kozmic-{seed:08x}"), format!("kzn{seed:08x}"));
        // 198.18.0.0/15 is for tests of networks (RFC 2544): nobody else has these addresses.
        let subnet = u32::from(Ipv4Addr::new(198, 18, 0, 0)) + (seed & 0x0001_fff8);
        ip(&["netns", "add", &name])?;
        let network = Self { name, interface, subnet };
        network.join()?;
        Ok(network)
    }

    fn join(&self) -> Result<()> {
        let (name, interface) = (self.name.as_str(), self.interface.as_str());
        ip(&["link", "add", interface, "type", "veth", "peer", "name", interface, "netns", name])?;
        ip(&["address", "add", &format!("{}/29", self.outside()), "dev", interface])?;
        ip(&["link", "set", interface, "up"])?;
        self.ip(&["address", "add", &format!("{}/29", self.address(2)), "dev", interface])?;
        self.ip(&["link", "set", interface, "up"])?;
        self.ip(&["link", "set", "lo", "up"])
    }

    /// This machine's address, as the namespace sees it.
    pub fn outside(&self) -> Ipv4Addr {
        self.address(1)
    }

    /// The command that runs another one in the namespace.
    pub fn command(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.name].map(str::to_owned).to_vec()
    }

    /// Drops all packets of a direction from now on.
    pub fn drop_all(&self, direction: Direction) -> Result<()> {
        self.rule(&["--append", direction.chain(), "--jump", "DROP"])
    }

    /// Lets all packets pass again.
    pub fn heal(&self) -> Result<()> {
        self.rule(&["--flush"])
    }

    /// Forgets all connections of now, as a firewall does that is started again: each end gets a reset when it next
    /// sends something. New connections pass. Returns the number of forgotten ones.
    pub fn forget_connections(&self) -> Result<usize> {
        let listing = self.run("ss", &["--no-header", "--numeric", "--tcp", "state", "established"])?;
        let ports = listing.lines().filter_map(|line| line.split_whitespace().nth(2)?.rsplit_once(':'));
        let ports = ports.map(|(_, port)| port.to_owned()).collect::<Vec<_>>();
        let refuse = ["--jump", "REJECT", "--reject-with", "tcp-reset"];
        for port in &ports {
            let from = ["--append", "OUTPUT", "--protocol", "tcp", "--sport", port];
            let to = ["--append", "INPUT", "--protocol", "tcp", "--dport", port];
            self.rule(&[&from[..], &refuse].concat())?;
            self.rule(&[&to[..], &refuse].concat())?;
        }
        Ok(ports.len())
    }

    /// Gives the namespace another address, as a machine gets it that was moved. Its connections hang.
    pub fn move_away(&self) -> Result<()> {
        self.ip(&["address", "flush", "dev", &self.interface])?;
        self.ip(&["address", "add", &format!("{}/29", self.address(3)), "dev", &self.interface])
    }

    fn address(&self, number: u32) -> Ipv4Addr {
        Ipv4Addr::from(self.subnet + number)
    }

    fn rule(&self, arguments: &[&str]) -> Result<()> {
        // Without the wait, two rules at once are a fault.
        self.run("iptables", &[&["--wait"], arguments].concat()).map(drop)
    }

    fn ip(&self, arguments: &[&str]) -> Result<()> {
        ip(&[&["-netns", &self.name], arguments].concat())
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        run("ip", &[&["netns", "exec", &self.name, program], arguments].concat())
    }
}

impl Direction {
    fn chain(self) -> &'static str {
        match self {
            Self::In => "INPUT",
            Self::Out => "OUTPUT",
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        for arguments in [["link", "delete", &self.interface], ["netns", "delete", &self.name]] {
            if let Err(fault) = ip(&arguments) {
                eprintln!("a network is left behind: {fault:#}");
            }
        }
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    run("ip", arguments).map(drop)
}

fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| {
        format!("run {program}: are the packages iproute2 and iptables installed, and is this root?")
    })?;
    if !output.status.success() {
        bail!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    ensure!(output.stderr.is_empty(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).context("read the output of a command")
}
