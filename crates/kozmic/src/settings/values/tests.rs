//! Tests right and wrong values.

use super::*;

#[test]
fn sizes_and_shares_are_read_as_people_write_them() {
    assert_eq!(bytes("2g").unwrap(), 2 << 30);
    assert_eq!(bytes("512M").unwrap(), 512 << 20);
    assert_eq!(memory("512m").unwrap(), MemoryLimit::Bytes(512 << 20));
    assert_eq!([memory("none"), memory("0")], [Ok(MemoryLimit::None); 2]);
    assert_eq!([processes("64"), processes("None"), processes("0")], [Ok(Some(64)), Ok(None), Ok(None)]);
    assert!(processes("-1").is_err() && memory("5m").is_err());
    assert!(bytes("1").is_err() && bytes("9999999999g").is_err());
    assert_eq!([reserve("0"), reserve("64k"), reserve("1g")], [Ok(0), Ok(64 << 10), Ok(1 << 30)]);
    assert!(reserve("-1").is_err() && reserve("lots").is_err());
    assert_eq!(millicores("1.5").unwrap(), 1_500);
    assert!(millicores("NaN").is_err() && millicores("0").is_err());
}

#[test]
fn a_repository_is_an_owner_and_a_name() {
    for text in ["zero-os/0-initramfs", "Adlift/.github", "a_b/c.d"] {
        assert_eq!(repository(text).unwrap(), text);
    }
    for text in ["core", "a/b/c", "/b", "a/", "a/..", "a.b/c", "a/b c", "https://github.com/a/b", "a/ü"] {
        assert!(repository(text).is_err(), "{text}");
    }
}

#[test]
fn a_place_in_a_container_stays_where_it_is() {
    assert_eq!(place("/tmp/archives/").unwrap(), "/tmp/archives");
    assert_eq!(place("/0-initramfs/autobuild/..build.sh").unwrap(), "/0-initramfs/autobuild/..build.sh");
    for text in
        ["/", "", "tmp", "/tmp/../etc", "/tmp/.", "//tmp", "/tmp//x", "/a\nb", "/kozmic/src", "/kozmic"]
    {
        assert!(place(text).is_err(), "{text}");
    }
}

#[test]
fn the_logs_levels_are_read() {
    assert!(log_filter("info,kozmic_flow=debug").is_ok() && log_filter("warn").is_ok());
    assert!(log_filter("INFO, kozmic_flow=debug").is_ok() && log_filter("off,[step{a=1}]=trace").is_ok());
    for text in ["nonsense=1=", "kozmic_flow=loud", "inof", "info,kozmic_flow", "[step{a=1}]", ","] {
        assert!(log_filter(text).is_err(), "{text}");
    }
}

#[test]
fn the_server_has_an_address_of_its_own() {
    assert_eq!(public_url("https://ci.example.org").unwrap(), public_url("https://ci.example.org/").unwrap());
    assert!(public_url("http://[::1]:8080").is_ok());
    for more in ["/ci", "/ci/", "//", "/#top", "/?a=b", "?"] {
        assert!(public_url(&format!("https://ci.example.org{more}")).is_err(), "{more}");
    }
    for user in ["anna@", "anna:hush@", ":hush@"] {
        assert!(public_url(&format!("https://{user}ci.example.org")).is_err(), "{user}");
    }
}

#[test]
fn a_database_is_a_file_whatever_its_path_is_called() {
    for address in [
        "sqlite:///var/lib/kozmic.db?mode=rwc",
        "sqlite:kozmic.db",
        "sqlite://data/kozmic.db",
        "sqlite:///srv/:memory:/kozmic.db",
        "sqlite:///srv/mode=memory.db",
        "postgres://kozmic:hush@db.example.org/kozmic?sslmode=verify-full",
        "postgresql:///kozmic?host=/run/postgresql",
        "mysql://kozmic@localhost:3307/kozmic",
        "mariadb://localhost/kozmic",
    ] {
        assert!(database_url(address).is_ok(), "{address}");
    }
    for address in [
        "postgres://localhost",
        "mysql://localhost/",
        "mysql://kozmic:p@ss@localhost/kozmic",
        "postgres://kozmic:p@ss/w#rd%1@127.0.0.1/kozmic",
        "postgres://localhost/kozmic?sslmod=verify-full",
        "redis://localhost/0",
        "kozmic.db",
        "sqlite:",
        "sqlite://",
        "sqlite://?cache=shared",
        "sqlite::memory:",
        "sqlite://:memory:",
        "sqlite://%3Amemory%3A",
        "sqlite://%3Amemory%3A?mode=rwc",
        "sqlite://file%3Afoo%3Fmode%3Dmemory%26cache%3Dshared",
        "sqlite://file:foo",
        "sqlite://x?mode=memory",
        "sqlite://x?mode=m%65mory",
        "sqlite://x?mode=rwc&mode=memory",
        "sqlite:///x?mode=rwc&vfs=memdb",
        "sqlite:///x?mode=odd",
    ] {
        assert!(database_url(address).is_err(), "{address}");
    }
}

#[test]
fn registries_are_named_as_in_images_names() {
    assert_eq!(registries("localhost:5000, registry.internal").unwrap().len(), 2);
    assert_eq!(registries("*").unwrap(), ["*"]);
    for text in ["team", "http://localhost:5000", "localhost:5000/team", "a.b c", "*.internal"] {
        assert!(registries(text).is_err(), "{text}");
    }
}

#[test]
fn a_database_server_gets_two_connections_or_more() {
    for (text, is_right) in [("2", true), ("1000", true), ("1", false), ("1001", false), ("many", false)] {
        assert_eq!(connections(text).is_ok(), is_right, "{text}");
    }
}

#[test]
fn extra_hosts_are_names_with_addresses() {
    let text = "registry.internal:10.0.0.5, six:::1, seven:[fe80::1], outside:host-gateway";
    assert_eq!(hosts(text).unwrap().len(), 4);
    for text in ["registry.internal", ":10.0.0.5", "a:10.0.0", "a b:10.0.0.5", "a:10.0.0.5,b"] {
        assert!(hosts(text).is_err(), "{text}");
    }
}

#[test]
fn a_comma_that_is_missing_between_names_shuts_nobody_out() {
    assert_eq!(logins("anna, adlift").unwrap(), ["anna", "adlift"]);
    for wrong in ["anna adlift", ",", "@anna", "anna, https://github.com/adlift", "anna@example.com"] {
        assert!(logins(wrong).is_err(), "{wrong}");
    }
}
