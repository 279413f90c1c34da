//! Addresses of databases on servers. An address has a password, and a sign in it may be read as the end of another
//! part. So an odd address is refused, and no fault repeats what is written in it.

use sea_orm::sqlx::{mysql::MySqlConnectOptions, postgres::PgConnectOptions};
use std::{net::IpAddr, str::FromStr};
use url::{Host, Url};

/// Hint for signs of a password that end a part of an address.
const SIGNS: &str = "in a password, write @ as %40, / as %2F, # as %23, ? as %3F and % as %25";

/// Options in an address of PostgreSQL.
const OF_POSTGRES: [&str; 17] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "statement-cache-capacity",
    "ssl-mode",
    "ssl-root-cert",
    "ssl-ca",
    "ssl-cert",
];

/// Options in an address of MariaDB or MySQL.
const OF_MYSQL: [&str; 13] = [
    "ssl-mode",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "socket",
    "charset",
    "collation",
    "timezone",
    "statement-cache-capacity",
    "sslmode",
    "sslca",
    "sslcert",
    "sslkey",
];

/// Options with a file that has to be there.
const FILES: [&str; 9] =
    ["sslrootcert", "ssl-root-cert", "ssl-ca", "sslca", "sslcert", "ssl-cert", "sslkey", "ssl-key", "socket"];

/// Options with the path of a socket, which replaces the host.
const SOCKETS: [&str; 2] = ["host=/", "socket=/"];

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Postgres,
    MySql,
}

impl Kind {
    fn of(text: &str) -> Option<Self> {
        match text.split_once("://")?.0 {
            "postgres" | "postgresql" => Some(Self::Postgres),
            "mysql" | "mariadb" => Some(Self::MySql),
            _ => None,
        }
    }

    fn server(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MariaDB",
        }
    }

    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &OF_POSTGRES,
            Self::MySql => &OF_MYSQL,
        }
    }

    /// The values of the option that sets TLS.
    fn modes(self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Postgres => (
                &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
                "disable, allow, prefer, require, verify-ca or verify-full",
            ),
            Self::MySql => (
                &["disabled", "preferred", "required", "verify_ca", "verify_identity"],
                "DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY",
            ),
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::MySql => 3306,
        }
    }
}

/// Fault of an address: a description of a right one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// It is no address, or names no database.
    #[error(
        "the address of one database on the server, such as postgres://kozmic:password@host/kozmic; {}",
        SIGNS
    )]
    NoAddress,
    /// It has `#`, or a second `@`.
    #[error("an address with one @ at most and without #; {}", SIGNS)]
    Sign,
    /// It has an option that does not exist.
    #[error("an address with options of {server} only: did you mean {nearest}?")]
    Option {
        /// The kind of server.
        server: &'static str,
        /// The known option that is most similar.
        nearest: &'static str,
    },
    /// It has an option with a wrong value.
    #[error("an address whose option {option} is {right}")]
    Value {
        /// The option.
        option: &'static str,
        /// Description of a right value.
        right: &'static str,
    },
}

/// The address of a database on a server.
#[derive(Clone)]
pub struct ServerAddress {
    kind: Kind,
    url: Url,
}

impl ServerAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// Describes a right address. The fault has nothing of the wrong one, which may have a password.
    pub fn read(text: &str) -> Result<Self, AddressFault> {
        let kind = Kind::of(text).ok_or(AddressFault::NoAddress)?;
        let (_, behind) = text.split_once("://").ok_or(AddressFault::NoAddress)?;
        let (authority, rest) = behind.split_at(behind.find(['/', '?', '#']).unwrap_or(behind.len()));
        if authority.matches('@').count() > 1 || rest.contains(['@', '#']) {
            return Err(AddressFault::Sign);
        }
        // An address of a socket has a user without a host, which is no URL.
        let is_of_socket = authority.ends_with('@') && SOCKETS.iter().any(|option| rest.contains(option));
        let with_host = is_of_socket.then(|| text.replacen(authority, &format!("{authority}localhost"), 1));
        let url = Url::parse(with_host.as_deref().unwrap_or(text)).map_err(|_| AddressFault::NoAddress)?;
        let address = Self { kind, url };
        address.judge_options()?;
        match address.url.path().trim_start_matches('/') {
            "" => Err(AddressFault::NoAddress),
            name if name.contains('/') => Err(AddressFault::NoAddress),
            _ => Ok(address),
        }
    }

    fn judge_options(&self) -> Result<(), AddressFault> {
        for (name, value) in self.url.query_pairs() {
            let known = self.kind.options().iter().find(|known| **known == name);
            let of_session =
                self.kind == Kind::Postgres && name.starts_with("options[") && name.ends_with(']');
            let right = match known.copied() {
                _ if of_session => continue,
                None => return Err(self.unknown(&name)),
                Some("sslmode" | "ssl-mode") => {
                    let (modes, words) = self.kind.modes();
                    (!modes.contains(&&*value.to_lowercase())).then_some(words)
                }
                Some("port") => value.parse::<u16>().err().map(|_| "a port's number"),
                Some("hostaddr") => value.parse::<IpAddr>().err().map(|_| "an IP address"),
                Some("statement-cache-capacity") => value.parse::<usize>().err().map(|_| "a number"),
                Some(_) => None,
            };
            if let (Some(option), Some(right)) = (known, right) {
                return Err(AddressFault::Value { option, right });
            }
        }
        Ok(())
    }

    fn unknown(&self, name: &str) -> AddressFault {
        let distance = |known: &&&str| strsim::damerau_levenshtein(known, name);
        let nearest = self.kind.options().iter().min_by_key(distance);
        AddressFault::Option { server: self.kind.server(), nearest: nearest.copied().unwrap_or_default() }
    }

    /// The usual name of such a server.
    pub(super) fn server(&self) -> &'static str {
        self.kind.server()
    }

    /// True for PostgreSQL; false for MariaDB and MySQL.
    pub(super) fn is_postgres(&self) -> bool {
        self.kind == Kind::Postgres
    }

    /// The address as PostgreSQL's driver has it.
    pub(super) fn postgres(&self) -> Result<PgConnectOptions, sea_orm::sqlx::Error> {
        let options = PgConnectOptions::from_str(self.url.as_str())?;
        Ok(match self.url.host() {
            // The driver would look the brackets up with the address in them.
            Some(Host::Ipv6(address)) if self.option(&["host", "hostaddr"]).is_none() => {
                options.host(&address.to_string())
            }
            _ => options,
        })
    }

    /// The address as the driver of MariaDB and MySQL has it.
    pub(super) fn mysql(&self) -> Result<MySqlConnectOptions, sea_orm::sqlx::Error> {
        let options = MySqlConnectOptions::from_str(self.url.as_str())?;
        Ok(match self.url.host() {
            Some(Host::Ipv6(address)) => options.host(&address.to_string()),
            _ => options,
        })
    }

    /// A file that the address names and that cannot be read, with the system's reason.
    pub(super) fn missing_file(&self) -> Option<(String, std::io::Error)> {
        // A value may be the certificate or the key itself.
        let is_file = |name: &str, value: &str| FILES.contains(&name) && !value.contains("-----BEGIN");
        let files = self.url.query_pairs().filter(|(name, value)| is_file(name, value));
        let faults = files
            .filter_map(|(_, file)| std::fs::metadata(&*file).err().map(|fault| (file.into_owned(), fault)));
        faults.into_iter().next()
    }

    /// The value of the last of these options.
    fn option(&self, names: &[&str]) -> Option<String> {
        let with_name = self.url.query_pairs().filter(|(name, _)| names.contains(&&**name));
        with_name.last().map(|(_, value)| value.into_owned())
    }

    /// The database for people, and to tell it from others: the same for all addresses that differ only in user,
    /// password, options and in a default that is written out.
    pub fn shown(&self) -> String {
        let decoded =
            |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (scheme, host, socket) = match self.kind {
            Kind::Postgres => ("postgres", self.option(&["host", "hostaddr"]), "host"),
            Kind::MySql => ("mysql", self.option(&["socket"]), "socket"),
        };
        let host = host.unwrap_or_else(|| decoded(self.url.host_str().unwrap_or_default()));
        let of_postgres = |name| self.option(&[name]).filter(|_| self.is_postgres());
        let port = of_postgres("port").and_then(|port| port.parse().ok()).or(self.url.port());
        let port = port.filter(|port| *port != self.kind.port());
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let name = of_postgres("dbname").unwrap_or_else(|| decoded(self.url.path().trim_start_matches('/')));
        match host.starts_with('/') {
            true => format!("{scheme}://{port}/{name}?{socket}={host}"),
            false => format!("{scheme}://{}{port}/{name}", host.to_lowercase()),
        }
    }
}

/// True if a database's address is the address of a server.
pub fn is_address(url: &str) -> bool {
    Kind::of(url).is_some()
}

/// A server's address to show to people: without user, password and options.
pub fn shown_address(url: &str) -> String {
    ServerAddress::read(url).map_or_else(|_| "the database server".to_owned(), |address| address.shown())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> AddressFault {
        match ServerAddress::read(text) {
            Ok(address) => panic!("{text} is read as {}", address.shown()),
            Err(fault) => fault,
        }
    }

    #[test]
    fn a_password_with_a_sign_that_ends_a_part_is_refused_and_not_repeated() {
        for text in [
            "postgres://kozmic:p@ss/w#rd%1@127.0.0.1/kozmic",
            "mysql://kozmic:p@ss@host/kozmic",
            "mysql://kozmic:12/ss@host/kozmic",
            "mysql://kozmic:12?ss@host/kozmic",
            "postgres://kozmic:12#ss@host/kozmic",
            "postgres://host/kozmic#ss",
        ] {
            assert_eq!(fault(text), AddressFault::Sign, "{text}");
            assert_eq!(shown_address(text), "the database server");
        }
        for text in ["postgres://kozmic:p/ss", "mysql://kozmic:ss", "mysql://host/", "postgres://host/a/b"] {
            let fault = fault(text);
            assert_eq!(fault, AddressFault::NoAddress, "{text}");
            assert!(fault.to_string().contains("/ as %2F"), "{fault}");
        }
    }

    #[test]
    fn an_unknown_option_is_refused_with_the_nearest_known_one() {
        for (text, nearest) in [
            ("postgres://kozmic@host/kozmic?sslmod=verify-full", "sslmode"),
            ("mysql://kozmic@host/kozmic?ssl_mode=VERIFY_IDENTITY", "ssl-mode"),
            ("postgres://host/kozmic?sslmode=require&passwort=topsecret", "password"),
        ] {
            let words = fault(text).to_string();
            assert!(words.ends_with(&format!("did you mean {nearest}?")), "{words}");
        }
        let words = fault("postgres://host/kozmic?password=a&bc=topsecret").to_string();
        assert!(!words.contains("bc") && !words.contains("topsecret"), "{words}");
    }

    #[test]
    fn a_wrong_value_of_an_option_is_refused_with_the_right_ones() {
        let words = fault("mysql://host/kozmic?ssl-mode=verify-full").to_string();
        assert!(words.ends_with(
            "whose option ssl-mode is DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY"
        ));
        let words = fault("postgres://host/kozmic?sslmode=hush").to_string();
        assert!(words.contains("verify-full") && !words.contains("hush"), "{words}");
        for option in ["port=x", "hostaddr=host", "statement-cache-capacity=-1"] {
            assert!(
                matches!(fault(&format!("postgres:///k?{option}")), AddressFault::Value { .. }),
                "{option}"
            );
        }
        for right in [
            "postgres:///k?port=1&options[a]=b&sslmode=Verify-Full",
            "mysql://h/k?ssl-mode=VERIFY_IDENTITY&sslca=x",
        ] {
            assert!(ServerAddress::read(right).is_ok(), "{right}");
        }
    }

    #[test]
    fn a_literal_address_of_ipv6_is_given_without_brackets() {
        let options = ServerAddress::read("postgres://kozmic@[::1]:5433/kozmic").unwrap().postgres().unwrap();
        assert_eq!((options.get_host(), options.get_port()), ("::1", 5433));
        let options = ServerAddress::read("mysql://kozmic@[2001:db8::1]/kozmic").unwrap().mysql().unwrap();
        assert!(format!("{options:?}").contains("host: \"2001:db8::1\""), "{options:?}");
    }

    #[test]
    fn a_database_is_shown_without_user_and_password_and_the_same_in_each_form() {
        for (text, shown) in [
            (
                "postgresql://kozmic:p%40ss@DB.example.org:5432/kozmic?sslmode=require",
                "postgres://db.example.org/kozmic",
            ),
            ("mariadb://kozmic:hush@h:3307/ci", "mysql://h:3307/ci"),
            (
                "postgres:///kozmic?host=/run/postgresql&user=u&password=hush",
                "postgres:///kozmic?host=/run/postgresql",
            ),
            ("postgres://%2Frun%2Fpostgresql/kozmic", "postgres:///kozmic?host=/run/postgresql"),
            ("postgres://u:hush@/kozmic?host=/run/postgresql", "postgres:///kozmic?host=/run/postgresql"),
            ("mysql://localhost/kozmic?socket=/run/my.sock", "mysql:///kozmic?socket=/run/my.sock"),
            ("postgres://a/b?host=h&port=7&dbname=c", "postgres://h:7/c"),
            ("mysql://[::1]/kozmic", "mysql://[::1]/kozmic"),
        ] {
            assert_eq!(shown_address(text), shown);
        }
    }
}
