//! Avatars: a small picture in a colour of its own for each person.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;

/// Width and height, in pixels.
const SIZE: u32 = 40;

/// `GET /avatars/u/{id}`.
pub(super) async fn picture(Path(id): Path<u64>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "image/png"), (CACHE_CONTROL, "max-age=300")], png(colour(id)))
}

fn colour(id: u64) -> [u8; 3] {
    let mixed = id.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    [mixed[0] / 2 + 64, mixed[1] / 2 + 64, mixed[2] / 2 + 96]
}

/// A PNG of one colour, with a palette of that one entry.
fn png(colour: [u8; 3]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [SIZE.to_be_bytes(), SIZE.to_be_bytes()].concat();
    header.extend([1, 3, 0, 0, 0]); // one bit a pixel, palette, no interlacing
    chunk(&mut file, *b"IHDR", &header);
    chunk(&mut file, *b"PLTE", &colour);
    chunk(&mut file, *b"IDAT", &stored(&vec![0; (SIZE * (1 + SIZE.div_ceil(8))) as usize]));
    chunk(&mut file, *b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, name: [u8; 4], data: &[u8]) {
    file.extend(u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
    let body = [&name, data].concat();
    file.extend(&body);
    file.extend(crc32(&body).to_be_bytes());
}

/// A zlib stream of one block that is stored as it is.
fn stored(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    let mut stream = vec![0x78, 0x01, 0x01];
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend(data);
    stream.extend(adler32(data).to_be_bytes());
    stream
}

fn crc32(data: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !data.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn adler32(data: &[u8]) -> u32 {
    let (low, high) = data.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65521;
        (low, (high + low) % 65521)
    });
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::{adler32, crc32};

    #[test]
    fn the_checksums_are_the_known_ones() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }
}
