//! Parses the text of a setting about the isolation of jobs. On failure it describes a right value.

use super::values::{Parsed, list};
use kozmic_edges::engine::Subnet;

/// The range from which the networks of single jobs are taken, eight addresses each.
pub(super) fn job_subnets(text: &str) -> Parsed<Subnet> {
    const RIGHT: &str =
        "a range of private IPv4 addresses between /8 and /24 that nothing else uses, such as 10.213.0.0/16";
    let range = text.parse::<Subnet>().map_err(|_| RIGHT)?;
    let is_private = PRIVATE.iter().any(|whole| {
        whole.parse::<Subnet>().is_ok_and(|whole| whole.overlaps(&range) && whole.prefix() <= range.prefix())
    });
    if is_private && (8..=24).contains(&range.prefix()) { Ok(range) } else { Err(RIGHT) }
}

/// The private and reserved ranges of addresses (RFC 1918, 6598, 2544).
const PRIVATE: [&str; 5] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15"];

/// Capabilities of Linux, as `capability.h` names them up to 6.x, without `CAP_`; `ALL` means all of them.
const CAPABILITIES: &str = "ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN \
                            DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE \
                            MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON \
                            SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE \
                            SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM";

/// Capabilities that engines know. An engine refuses each container with an unknown name.
pub(super) fn capabilities(text: &str) -> Parsed<Vec<String>> {
    let is_known = |name: &String| {
        let name = name.to_uppercase();
        let name = name.strip_prefix("CAP_").unwrap_or(&name);
        CAPABILITIES.split_whitespace().any(|known| known == name)
    };
    let names = list(text)?;
    match names.iter().all(is_known) {
        true => Ok(names),
        false => {
            Err("capabilities of Linux, such as SYS_ADMIN, MKNOD or NET_RAW, with commas between, or ALL")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_jobs_are_made_of_private_addresses() {
        for text in ["10.213.0.0/16", "172.20.0.0/24", "192.168.4.0/22", "10.0.0.0/8", "100.100.0.0/16"] {
            assert!(job_subnets(text).is_ok(), "{text}");
        }
        for text in [
            "127.0.0.0/16",
            "8.8.8.0/24",
            "192.0.2.0/24",
            "169.254.0.0/16",
            "172.0.0.0/8",
            "fd00::/64",
            "10.0.0.0/25",
        ] {
            assert!(job_subnets(text).unwrap_err().contains("private"), "{text}");
        }
    }

    #[test]
    fn a_capability_that_there_is_not_is_refused() {
        assert_eq!(capabilities("SYS_ADMIN, cap_mknod").unwrap(), ["SYS_ADMIN", "cap_mknod"]);
        assert!(capabilities("all").is_ok() && capabilities("").unwrap().is_empty());
        for text in ["MKNODE", "SYS_ADMIN,SYS_ADMINN", "CAP_", "CAP_CAP_MKNOD"] {
            assert!(capabilities(text).is_err(), "{text}");
        }
    }
}
