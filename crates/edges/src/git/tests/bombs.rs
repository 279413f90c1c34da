//! Objects for tests that are small in transit and large when unpacked.

use super::forge::Forge;
use crate::git::{Git, GitError};
use flate2::{Compression, write::ZlibEncoder};
use sha1::{Digest, Sha1};
use std::{io::Write, path::Path};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStdin, ChildStdout},
};

/// The size of the object on which a delta is based.
const BASE: usize = 0xff_ffff;

/// A pack with a blob and a delta that repeats the blob this number of times.
fn pack(times: usize) -> Vec<u8> {
    let mut pack = [b"PACK".as_slice(), &2_u32.to_be_bytes(), &2_u32.to_be_bytes()].concat();
    let begin = pack.len();
    pack.extend(head(3, BASE));
    pack.extend(deflated(&vec![0; BASE]));
    let copy = [0xf0, 0xff, 0xff, 0xff];
    let delta = [number(BASE), number(BASE * times), copy.repeat(times)].concat();
    let distance = pack.len() - begin;
    pack.extend(head(6, delta.len()));
    pack.extend(offset(distance));
    pack.extend(deflated(&delta));
    let sum = Sha1::digest(&pack);
    pack.extend(sum);
    pack
}

/// The header of an object: its kind and size.
fn head(kind: u8, size: usize) -> Vec<u8> {
    let (mut left, mut bytes) = (size >> 4, vec![(kind << 4) | (size & 0xf) as u8]);
    while left > 0 {
        *bytes.last_mut().unwrap() |= 0x80;
        bytes.push((left & 0x7f) as u8);
        left >>= 7;
    }
    bytes
}

/// A size in a delta, its low bits first.
fn number(mut left: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while left > 0x7f {
        bytes.push(0x80 | (left & 0x7f) as u8);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes
}

/// The distance to the object on which a delta is based, its high bits first.
fn offset(distance: usize) -> Vec<u8> {
    let (mut left, mut bytes) = (distance >> 7, vec![(distance & 0x7f) as u8]);
    while left > 0 {
        left -= 1;
        bytes.insert(0, 0x80 | (left & 0x7f) as u8);
        left >>= 7;
    }
    bytes
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn take_in(forge: &Forge, pack: &[u8]) -> Result<(), GitError> {
    let git = Git::new(&Path::new(&forge.url()).join(".git"));
    let feed = async |mut input: ChildStdin, mut output: ChildStdout| {
        let (io, mut words) = (GitError::io("index-pack"), Vec::new());
        input.write_all(pack).await.map_err(&io)?;
        drop(input);
        output.read_to_end(&mut words).await.map(drop).map_err(&io)
    };
    git.converse("index-pack", ["index-pack", "--stdin", "--threads=1"], feed).await
}

#[tokio::test]
async fn a_delta_that_stands_for_gigabytes_takes_no_memory() {
    let forge = Forge::new();
    take_in(&forge, &pack(2)).await.unwrap();
    let bomb = pack(100);
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    let fault = take_in(&forge, &bomb).await.unwrap_err();
    assert!(fault.to_string().contains("over limit"), "{fault}");
}
