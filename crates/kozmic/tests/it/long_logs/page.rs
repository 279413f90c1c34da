//! A log's page with a person's input in each browser: any number of lines, by wheel, keys, finger and scrollbar.

mod long;
mod marks;
mod running;
mod reader;
