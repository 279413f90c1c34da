//! An attempt's log as the steps write it: output as it comes, Kozmic's own lines between, viewers woken each time.

use anyhow::Result;
use bytes::Bytes;
use kozmic_edges::{
    Edges,
    broker::{Broker, Topic},
    clock,
    engine::Channel,
    logs::{Known, LogWriter, Source},
};
use kozmic_model::job::Job;

pub(crate) struct JobLog {
    writer: LogWriter,
    broker: Broker,
    topics: Vec<Topic>,
    /// Whether the last byte ended a line.
    at_line_start: bool,
    length: u64,
}

impl JobLog {
    pub(crate) async fn open(edges: &Edges, job: &Job) -> Result<Self> {
        let attempt = job.attempt();
        let writer = edges.logs.writer(attempt).await?;
        let reader = edges.logs.reader(attempt);
        let length = reader.len().await?;
        let last = reader.read(length.saturating_sub(1), 1).await?;
        let at_line_start = last.is_empty() || last == "\n";
        let monitor = job.spec.origin.is_automatic().then_some(Topic::Monitor);
        let topics = [Topic::Log(job.id)].into_iter().chain(monitor).collect();
        Ok(Self { writer, broker: edges.broker.clone(), topics, at_line_start, length })
    }

    /// Length in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
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
        self.topics.iter().for_each(|topic| self.broker.ring(*topic));
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
