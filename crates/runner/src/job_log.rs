//! An attempt's log as the steps write it: the container's output, with Kozmic's own lines between. Each write wakes
//! the readers through the coordinator.

use crate::{
    Runner,
    coordinator::Coordinator,
    order::{Limits, Order},
};
use anyhow::Result;
use bytes::Bytes;
use kozmic_edges::{
    clock,
    engine::Channel,
    logs::{Known, LogReader, LogWriter, Source},
};
use kozmic_model::ending::LAST_WORDS;
use std::sync::Arc;

pub(crate) struct JobLog {
    writer: LogWriter,
    reader: LogReader,
    coordinator: Arc<dyn Coordinator>,
    order: Arc<Order>,
    /// True if the last byte ended a line.
    at_line_start: bool,
    length: u64,
    /// The length at the beginning of the current container's output, or at the start of this process.
    begun_at: u64,
}

impl JobLog {
    pub(crate) async fn open(runner: &Runner, order: &Arc<Order>) -> Result<Self> {
        let logs = &runner.tools.logs;
        let writer = logs.writer(order.attempt).await?;
        let reader = logs.reader(order.attempt);
        let length = reader.len().await?;
        let last = reader.read(length.saturating_sub(1), 1).await?;
        let at_line_start = last.is_empty() || last == "\n";
        let (coordinator, order) = (Arc::clone(&runner.coordinator), Arc::clone(order));
        Ok(Self { writer, reader, coordinator, order, at_line_start, length, begun_at: length })
    }

    /// The limits of the attempt.
    pub(crate) fn limits(&self) -> &Limits {
        &self.order.limits
    }

    /// Length in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The end of the current container's output, as far as this process has read it, as text.
    pub(crate) async fn last_words(&self) -> Result<String> {
        let start = self.length.saturating_sub(LAST_WORDS as u64).max(self.begun_at);
        let bytes = self.reader.read(start, LAST_WORDS).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Writes Kozmic's own text, on lines of its own.
    pub(crate) async fn say(&mut self, text: &str) -> Result<()> {
        let gap = if self.at_line_start { "" } else { "\n" };
        let end = if text.ends_with('\n') { "" } else { "\n" };
        self.append(Source::Kozmic, format!("{gap}{text}{end}").into()).await
    }

    /// Writes Kozmic's own warning, in yellow.
    pub(crate) async fn warn(&mut self, text: &str) -> Result<()> {
        self.say(&format!("\u{1b}[1;33m{text}\u{1b}[0m")).await
    }

    /// Writes output of the container.
    pub(crate) async fn print(&mut self, channel: Channel, bytes: Bytes) -> Result<()> {
        self.append(source(channel), bytes).await
    }

    /// Marks that the following output comes from another container.
    pub(crate) async fn begin_container(&mut self) -> Result<()> {
        self.begun_at = self.length;
        self.writer.begin_container(clock::now()).await?;
        self.coordinator.log_grew(&self.order);
        Ok(())
    }

    /// Marks that the container's output is read again from its start. Returns the part that the log already has.
    pub(crate) fn read_again(&mut self) -> Known {
        self.writer.read_again()
    }

    async fn append(&mut self, source: Source, bytes: Bytes) -> Result<()> {
        let Some(last) = bytes.last() else { return Ok(()) };
        self.at_line_start = *last == b'\n';
        self.length = self.writer.append(source, bytes, clock::now()).await?;
        self.coordinator.log_grew(&self.order);
        Ok(())
    }
}

/// The source that stands for a channel.
pub(crate) fn source(channel: Channel) -> Source {
    match channel {
        Channel::Output => Source::Output,
        Channel::Error => Source::ErrorOutput,
    }
}
