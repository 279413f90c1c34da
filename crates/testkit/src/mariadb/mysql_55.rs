//! A MySQL 5.5 as far as a client can tell, made of a MariaDB: it says that version, offers no more than that version
//! did, and refuses what that version did not know. Beside that it can be told to stop talking.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::MariaDb;
use crate::database::Login;

const VERSION: &str = "5.5.62-0ubuntu0.12.04.1";

/// Abilities that it offers: everything up to the plugins that people sign in by, but no compression and no TLS.
const ABILITIES: u32 = 0x000f_ffff & !0x0000_0820;

/// Words of statements that came later. The first one is of 5.6.
const UNKNOWN: [&str; 8] = [
    "TRANSACTION READ ONLY",
    "JSON_",
    " OVER (",
    "WITH RECURSIVE",
    "LATERAL",
    "REGEXP_",
    "EXCEPT",
    "utf8mb4_0900",
];

const QUERY: u8 = 0x03;
const PREPARE: u8 = 0x16;
const EXECUTE: u8 = 0x17;

/// The double; it ends when it is dropped.
pub struct MySql55 {
    port: u16,
    login: Login,
    talk: Arc<Talk>,
    task: JoinHandle<()>,
}

/// Statements of clients, and the time for which they are listened to.
struct Talk {
    statements: Mutex<Vec<String>>,
    refused: Mutex<Vec<String>>,
    answered: AtomicU64,
    /// Number of further statements that are answered before the connection breaks off.
    left: AtomicU64,
    /// A word whose statements stay unanswered.
    held: watch::Sender<Option<&'static str>>,
}

impl MySql55 {
    /// Puts one in front of a server.
    pub async fn before(server: &MariaDb) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("listen as a MySQL")?;
        let port = listener.local_addr()?.port();
        let talk = Talk {
            statements: Mutex::default(),
            refused: Mutex::default(),
            answered: AtomicU64::new(0),
            left: AtomicU64::new(u64::MAX),
            held: watch::Sender::new(None),
        };
        let talk = Arc::new(talk);
        let (to, shared) = (server.port, Arc::clone(&talk));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, to, Arc::clone(&shared)));
            }
        });
        Ok(Self { port, login: server.options.login.clone(), talk, task })
    }

    /// The address of a database.
    pub fn url(&self, database: &str) -> String {
        self.login.url("mysql", "127.0.0.1", self.port, database)
    }

    /// Breaks connections off after so many more statements; the next connection is served again.
    pub fn break_off_after(&self, statements: u64) {
        self.talk.left.store(statements, Ordering::SeqCst);
    }

    /// Leaves statements with that word unanswered; none: answers all again.
    pub fn hold(&self, word: Option<&'static str>) {
        self.talk.held.send_replace(word);
    }

    /// The statements that were refused.
    pub fn refused(&self) -> Vec<String> {
        self.talk.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Number of times that a client said a statement, prepared one or had one executed.
    pub fn answered(&self) -> u64 {
        self.talk.answered.load(Ordering::SeqCst)
    }

    /// All statements so far.
    pub fn statements(&self) -> Vec<String> {
        self.talk.statements.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for MySql55 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One packet: its number within the exchange, and what is in it.
struct Packet {
    number: u8,
    content: Vec<u8>,
}

async fn serve(client: TcpStream, port: u16, talk: Arc<Talk>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let Ok(greeting) = read(&mut from_server).await else { return };
    if write(&mut to_client, &aged(greeting)).await.is_err() {
        return;
    }
    let to_client = Arc::new(tokio::sync::Mutex::new(to_client));
    let back = Arc::clone(&to_client);
    let answers = async move {
        while let Ok(packet) = read(&mut from_server).await {
            if write(&mut *back.lock().await, &packet).await.is_err() {
                break;
            }
        }
    };
    let questions = async move {
        while let Ok(packet) = read(&mut from_client).await {
            match talk.hear(&packet).await {
                Ok(None) => write(&mut to_server, &packet).await?,
                Ok(Some(refusal)) => write(&mut *to_client.lock().await, &refusal).await?,
                Err(end) => return Err(end),
            }
        }
        anyhow::Ok(())
    };
    // The end of either side ends both.
    tokio::select! { () = answers => {}, _ = questions => {} }
}

impl Talk {
    /// A refusal of what a client says, if it is one of the statements that are not known.
    async fn hear(&self, packet: &Packet) -> Result<Option<Packet>> {
        // Statements begin an exchange; what follows a greeting does not.
        let (0, Some(command)) = (packet.number, packet.content.first()) else { return Ok(None) };
        // A client may ask whether a connection is alive, and open another one.
        if ![QUERY, PREPARE, EXECUTE].contains(command) {
            return Ok(None);
        }
        self.answered.fetch_add(1, Ordering::SeqCst);
        let left =
            self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(1)));
        if left == Ok(0) {
            self.left.store(u64::MAX, Ordering::SeqCst);
            anyhow::bail!("the connection is to break off");
        }
        if *command == EXECUTE {
            return Ok(None);
        }
        let statement = String::from_utf8_lossy(&packet.content[1..]).into_owned();
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).push(statement.clone());
        let mut held = self.held.subscribe();
        held.wait_for(|word| word.is_none_or(|word| !statement.contains(word))).await?;
        if !UNKNOWN.iter().any(|word| statement.contains(word)) {
            return Ok(None);
        }
        let words = "You have an error in your SQL syntax; check the manual";
        let content = [&[0xff][..], &1064_u16.to_le_bytes(), b"#42000", words.as_bytes()].concat();
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(statement);
        Ok(Some(Packet { number: 1, content }))
    }
}

/// A greeting as a 5.5 says it: version, a zero, 4 bytes of thread, 8 of salt, a zero, 2 bytes of abilities, 3 of
/// character set and state, 2 more of abilities, and the rest.
fn aged(greeting: Packet) -> Packet {
    let content = greeting.content;
    let end = content.iter().position(|byte| *byte == 0).unwrap_or(content.len());
    let mut rest = content[end..].to_vec();
    if let Some(own) = ability_bytes(&rest) {
        let [low, low_high, high, high_high] = (own & ABILITIES).to_le_bytes();
        (rest[14], rest[15], rest[19], rest[20]) = (low, low_high, high, high_high);
        // Abilities that a MariaDB offers beyond MySQL.
        rest[22..32].fill(0);
    }
    Packet { number: greeting.number, content: [&content[..1], VERSION.as_bytes(), &rest].concat() }
}

fn ability_bytes(rest: &[u8]) -> Option<u32> {
    (rest.len() > 32).then(|| u32::from_le_bytes([rest[14], rest[15], rest[19], rest[20]]))
}

async fn read(from: &mut OwnedReadHalf) -> Result<Packet> {
    let mut header = [0; 4];
    from.read_exact(&mut header).await?;
    let length = u32::from_le_bytes([header[0], header[1], header[2], 0]);
    ensure!(length < 0x00ff_ffff, "packets of more than 16 MiB are not spoken here");
    let mut content = vec![0; length as usize];
    from.read_exact(&mut content).await?;
    Ok(Packet { number: header[3], content })
}

async fn write(to: &mut OwnedWriteHalf, packet: &Packet) -> Result<()> {
    let [one, two, three, _] = u32::try_from(packet.content.len())?.to_le_bytes();
    let bytes = [&[one, two, three, packet.number][..], &packet.content].concat();
    Ok(to.write_all(&bytes).await?)
}
