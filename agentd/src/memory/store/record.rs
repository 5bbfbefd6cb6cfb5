//! One record as bytes: what is written into the store's cells, and the distrust with which they are read back.
//!
//! Owns the layout: a head {format, version, length, plain length, pieces, SHA-256} and the compressed body behind it,
//! cut into pieces. A piece is a cell of its own under shelf, id and number; the head rides in piece 0. Refuses to
//! return a body whose every byte is not covered by the hash, or that does not stand under its own name.
//! Knows nothing of disks. Invariants: no piece is longer than [`PIECE_MAX`]; nothing is decompressed before the hash
//! is right, nor beyond [`BODY_MAX`]; reading arbitrary bytes never panics (there is a fuzz target for that).

use sha2::{Digest, Sha256};

/// Longest cell. sled splits a page at 16 values whatever their size, and moves a page of more than a quarter segment
/// (32 KiB, see `disk`) into a file that it never removes: 16 cells of 1 KiB stay well below that.
pub(super) const PIECE_MAX: usize = 1024;
/// Longest body before compression. A record is an answer or a conversation; what is longer is a mistake, and its
/// decompression would be a way to fill the memory. And a batch must stay small, see `disk`.
pub(super) const BODY_MAX: usize = 512 * 1024;
/// Most pieces of a record: the longest body, if compression gains nothing, with some slack for zstd's frame.
const PIECES_MAX: usize = BODY_MAX / PIECE_MAX + 8;
/// Speed over size: a record is written while somebody may wait for its acknowledgement.
const ZSTD_LEVEL: i32 = 3;
/// The layout below. A reader leaves records of a later one alone.
const FORMAT: u8 = 1;
const HASH_LEN: usize = 32;
const HEAD_LEN: usize = 13 + HASH_LEN;
/// Bytes of a cell's key: shelf, id, number of the piece.
const KEY_LEN: usize = 1 + 16 + 2;

/// Shelf byte and id: the name of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name {
    pub(super) shelf: u8,
    pub(super) id: [u8; 16],
}

impl Name {
    /// The key of one piece. Big-endian, so that a scan meets the pieces in order.
    pub(super) fn key(&self, piece: u16) -> Vec<u8> {
        let mut key = Vec::with_capacity(KEY_LEN);
        key.push(self.shelf);
        key.extend(self.id);
        key.extend(piece.to_be_bytes());
        key
    }

    /// Reads a cell's key back.
    pub(super) fn parse(key: &[u8]) -> Option<(Self, u16)> {
        let (shelf, rest) = key.split_first()?;
        let (id, piece) = rest.split_first_chunk::<16>()?;
        let piece: [u8; 2] = piece.try_into().ok()?;
        Some((Self { shelf: *shelf, id: *id }, u16::from_be_bytes(piece)))
    }
}

/// Why a record cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TooLong {
    /// The body exceeds the cap.
    #[error("a record of {0} bytes exceeds the {BODY_MAX} bytes that the store takes")]
    Body(usize),
    /// zstd failed, which only a lack of memory explains.
    #[error("a record of {0} bytes could not be compressed")]
    Compression(usize),
}

/// The pieces of a record, in order.
pub(super) fn encode(name: Name, version: u16, body: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
    if body.len() > BODY_MAX {
        return Err(TooLong::Body(body.len()));
    }
    let packed = zstd::bulk::compress(body, ZSTD_LEVEL).map_err(|_| TooLong::Compression(body.len()))?;
    let pieces = (HEAD_LEN + packed.len()).div_ceil(PIECE_MAX);
    // Both fit: a body has at most half a MiB, and zstd adds less than a percent to what it cannot compress.
    let (Ok(length), Ok(plain), Ok(count)) =
        (u32::try_from(packed.len()), u32::try_from(body.len()), u16::try_from(pieces))
    else {
        return Err(TooLong::Body(body.len()));
    };
    let head = Head { version, length, plain, pieces: count };
    let mut bytes = Vec::with_capacity(HEAD_LEN + packed.len());
    bytes.extend(head.bytes());
    bytes.extend(head.hash(name, &packed));
    bytes.extend(packed);
    Ok(bytes.chunks(PIECE_MAX).map(<[u8]>::to_vec).collect())
}

/// What the cells under one name turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read {
    /// Every byte is as it was written.
    Whole {
        /// Version of the body's struct.
        version: u16,
        /// The body.
        body: Vec<u8>,
    },
    /// Written by a later layout: not ours to judge.
    Foreign,
    /// Not what was written; the reason.
    Damaged(&'static str),
}

/// Reads the cells under one name, in order of their numbers.
pub(super) fn decode(name: Name, cells: &[(u16, Vec<u8>)]) -> Read {
    let Some((0, first)) = cells.first() else { return Read::Damaged("the first piece is missing") };
    match first.first() {
        Some(&FORMAT) => {}
        Some(format) if *format > FORMAT => return Read::Foreign,
        _ => return Read::Damaged("no head"),
    }
    match whole(name, cells, first) {
        Ok((version, body)) => Read::Whole { version, body },
        Err(why) => Read::Damaged(why),
    }
}

fn whole(name: Name, cells: &[(u16, Vec<u8>)], first: &[u8]) -> Result<(u16, Vec<u8>), &'static str> {
    let head = Head::parse(first).ok_or("the head is short")?;
    if usize::from(head.pieces) != cells.len() || cells.len() > PIECES_MAX {
        return Err("pieces are missing or left over");
    }
    if (0..).zip(cells).any(|(wanted, (number, _))| wanted != *number) {
        return Err("pieces are out of order");
    }
    let bytes: Vec<u8> = cells.iter().flat_map(|(_, piece)| piece.iter().copied()).collect();
    let (Some(hash), Some(packed)) = (bytes.get(HEAD_LEN - HASH_LEN..HEAD_LEN), bytes.get(HEAD_LEN..)) else {
        return Err("the head is short");
    };
    if usize::try_from(head.length) != Ok(packed.len()) {
        return Err("the length is wrong");
    }
    if head.hash(name, packed)[..] != *hash {
        return Err("the checksum is wrong");
    }
    let plain = usize::try_from(head.plain).ok().filter(|plain| *plain <= BODY_MAX).ok_or("the body is too long")?;
    let body = zstd::bulk::decompress(packed, plain).map_err(|_| "the body does not unpack")?;
    if body.len() == plain { Ok((head.version, body)) } else { Err("the body is short") }
}

/// The fixed beginning of a record, without its hash.
struct Head {
    version: u16,
    length: u32,
    plain: u32,
    pieces: u16,
}

impl Head {
    fn bytes(&self) -> [u8; HEAD_LEN - HASH_LEN] {
        let mut bytes = [FORMAT; HEAD_LEN - HASH_LEN];
        let fields = self.version.to_le_bytes().into_iter().chain(self.length.to_le_bytes());
        let fields = fields.chain(self.plain.to_le_bytes()).chain(self.pieces.to_le_bytes());
        for (place, byte) in bytes.iter_mut().skip(1).zip(fields) {
            *place = byte;
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.get(1..)?.split_first_chunk::<2>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (plain, rest) = rest.split_first_chunk::<4>()?;
        let (pieces, _) = rest.split_first_chunk::<2>()?;
        Some(Self {
            version: u16::from_le_bytes(*version),
            length: u32::from_le_bytes(*length),
            plain: u32::from_le_bytes(*plain),
            pieces: u16::from_le_bytes(*pieces),
        })
    }

    /// Over the name too: sled has been seen to return one key's bytes under another.
    fn hash(&self, name: Name, packed: &[u8]) -> [u8; HASH_LEN] {
        let mut hash = Sha256::new();
        hash.update([name.shelf]);
        hash.update(name.id);
        hash.update(self.bytes());
        hash.update(packed);
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Name = Name { shelf: 2, id: [7; 16] };

    fn cells(pieces: Vec<Vec<u8>>) -> Vec<(u16, Vec<u8>)> {
        (0..).zip(pieces).collect()
    }

    /// Bytes that do not compress.
    fn noise(len: usize) -> Vec<u8> {
        let mut rng = fastrand::Rng::with_seed(1);
        (0..len).map(|_| rng.u8(..)).collect()
    }

    #[test]
    fn a_record_of_any_length_is_read_back_from_small_pieces() {
        for len in [0, 1, 4000, 4051, 4096, 50_000, BODY_MAX] {
            let body = noise(len);
            let pieces = encode(NAME, 3, &body).unwrap();
            assert!(pieces.iter().all(|piece| piece.len() <= PIECE_MAX), "{len}");
            assert_eq!(decode(NAME, &cells(pieces)), Read::Whole { version: 3, body }, "{len}");
        }
        assert_eq!(encode(NAME, 1, &vec![0; BODY_MAX + 1]), Err(TooLong::Body(BODY_MAX + 1)));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let cells = cells(encode(NAME, 1, &noise(9000)).unwrap());
        for piece in 0..cells.len() {
            for byte in (0..cells[piece].1.len()).step_by(7).chain(0..HEAD_LEN) {
                let mut bad = cells.clone();
                let Some(place) = bad[piece].1.get_mut(byte) else { continue };
                *place ^= 1 << (byte % 8);
                assert!(!matches!(decode(NAME, &bad), Read::Whole { .. }), "piece {piece} byte {byte}");
                bad[piece].1.truncate(byte);
                assert!(!matches!(decode(NAME, &bad), Read::Whole { .. }), "piece {piece} cut at {byte}");
            }
            let mut bad = cells.clone();
            bad.remove(piece);
            assert!(matches!(decode(NAME, &bad), Read::Damaged(_)));
        }
    }

    #[test]
    fn a_record_under_another_name_is_damaged_and_a_later_layout_is_foreign() {
        let good = cells(encode(NAME, 1, b"body").unwrap());
        assert!(matches!(decode(Name { shelf: 3, ..NAME }, &good), Read::Damaged(_)));
        assert!(matches!(decode(Name { id: [8; 16], ..NAME }, &good), Read::Damaged(_)));
        assert_eq!(decode(NAME, &[(0, vec![FORMAT + 1, 9, 9])]), Read::Foreign);
    }

    #[test]
    fn the_bytes_of_the_first_layout_stay_readable() {
        // Written on the day the layout was fixed; a reader that cannot read this loses every user's memory.
        let golden = "01010010000000070000000100";
        let pieces = encode(NAME, 1, b"answer!").unwrap();
        let head: String = pieces[0][..13].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(head, golden);
    }

    #[test]
    fn keys_sort_by_shelf_id_and_piece() {
        let keys = [NAME.key(0), NAME.key(1), NAME.key(256), Name { id: [8; 16], ..NAME }.key(0)];
        assert!(keys.is_sorted());
        assert_eq!(Name::parse(&keys[2]), Some((NAME, 256)));
        assert_eq!(Name::parse(b"short"), None);
    }
}
