//! A log's page under a person's hands, in each browser: any number of lines, by wheel, keys, finger and scrollbar.

mod long;
mod marks;
mod running;
mod reader;
