//! The cost of a process and the load of the machine, as Linux reports them.

use anyhow::{Context, Result};

/// Ticks a second of the times in `/proc`. They are the same on every Linux.
const TICKS: f64 = 100.0;
/// Variables by which an allocator gives memory back, as the services and images of Kozmic have them.
pub(super) const ALLOCATOR: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "2"), ("MALLOC_MMAP_THRESHOLD_", "131072"), ("MALLOC_TRIM_THRESHOLD_", "131072")];
/// Kilobytes a megabyte, in units of 1,024.
const KILOBYTES: f64 = 1024.0;

/// The processor time of a process and its ended children, in seconds.
pub(super) fn processor_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("read a process's times")?;
    // The name is in brackets and may contain anything.
    let (_, fields) = stat.rsplit_once(')').context("a process has a name")?;
    let ticks = fields.split_whitespace().skip(11).take(4).filter_map(|field| field.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() / TICKS)
}

/// The memory that a process holds now, in MB.
pub(super) fn memory(pid: u32) -> Result<f64> {
    status(pid, "VmRSS:")
}

/// The memory that a process holds now, in MB; memory that several processes share counts in parts.
pub(super) fn proportional_memory(pid: u32) -> Result<f64> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
    field(&maps.context("read a process's memory")?, "Pss:").map(|kilobytes| kilobytes / KILOBYTES)
}

/// Number of KB that a process wrote to disks.
pub(super) fn written(pid: u32) -> Result<f64> {
    let counts = std::fs::read_to_string(format!("/proc/{pid}/io")).context("read a process's writes")?;
    field(&counts, "write_bytes:").map(|bytes| bytes / KILOBYTES)
}

/// The most memory that a process held since [`forget_peak`], in MB.
pub(super) fn peak_memory(pid: u32) -> Result<f64> {
    status(pid, "VmHWM:")
}

/// Resets the peak.
pub(super) fn forget_peak(pid: u32) -> Result<()> {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").context("begin a process's peak anew")
}

/// Number of processes that wanted to run in the last 1, 5 and 15 minutes.
pub(super) fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

fn status(pid: u32, name: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("read a process's state")?;
    field(&status, name).map(|kilobytes| kilobytes / KILOBYTES)
}

/// The number after a name at the beginning of a line.
fn field(text: &str, name: &str) -> Result<f64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    Ok(value.with_context(|| format!("the kernel reports {name}"))?.parse()?)
}
