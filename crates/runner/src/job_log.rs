//! An attempt's log as the steps write it: output as it comes, Kozmic's own lines between, the coordinator told each time.

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
    /// Whether the last byte ended a line.
    at_line_start: bool,
    length: u64,
    /// The length before the container whose output comes now, or before this process.
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

    /// The end of what this process has read of the container that printed last, as text.
    pub(crate) async fn last_words(&self) -> Result<String> {
        let start = self.length.saturating_sub(LAST_WORDS as u64).max(self.begun_at);
        let bytes = self.reader.read(start, LAST_WORDS).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Kozmic's own words, on lines of their own.
    pub(crate) async fn say(&mut self, text: &str) -> Result<()> {
        let gap = if self.at_line_start { "" } else { "\n" };
        let end = if text.ends_with('\n') { "" } else { "\n" };
        self.append(Source::Kozmic, format!("{gap}{text}{end}").into()).await
    }

    /// Kozmic's own words about something that is not as it should be, in yellow.
    pub(crate) async fn warn(&mut self, text: &str) -> Result<()> {
        self.say(&format!("\u{1b}[1;33m{text}\u{1b}[0m")).await
    }

    /// Output of the container.
    pub(crate) async fn print(&mut self, channel: Channel, bytes: Bytes) -> Result<()> {
        self.append(source(channel), bytes).await
    }

    /// Says that what is printed from now on comes from another container.
    pub(crate) async fn begin_container(&mut self) -> Result<()> {
        self.begun_at = self.length;
        self.writer.begin_container(clock::now()).await
    }

    /// Says that the container's output is read anew from its start; gives what of it is here already.
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

/// Source of the bytes that a channel brings.
pub(crate) fn source(channel: Channel) -> Source {
    match channel {
        Channel::Output => Source::Output,
        Channel::Error => Source::ErrorOutput,
    }
}
