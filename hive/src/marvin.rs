//! Marvin32, the hash of log entries: 64 bits, two lanes of 32.
//!
//! Each lane begins with half of the seed. Every 4 bytes are added to the low lane and mixed in;
//! what is left over, and a byte 0x80 behind it, make the last number, mixed in twice.

/// The seed of the registry's logs. Often listed as bytes, in this order; the low lane takes the low half
/// of the number, as the test with a real entry shows.
const SEED: u64 = 0x82EF_4D88_7A4E_55C5;

/// The hash of a part of a log entry.
pub(crate) fn marvin32(bytes: &[u8]) -> u64 {
    seeded(SEED, bytes)
}

fn seeded(seed: u64, bytes: &[u8]) -> u64 {
    let [a, b, c, d, e, f, g, h] = seed.to_le_bytes();
    let mut low = u32::from_le_bytes([a, b, c, d]);
    let mut high = u32::from_le_bytes([e, f, g, h]);
    let mut mix = |number: u32| {
        low = low.wrapping_add(number);
        high ^= low;
        low = low.rotate_left(20).wrapping_add(high);
        high = high.rotate_left(9) ^ low;
        low = low.rotate_left(27).wrapping_add(high);
        high = high.rotate_left(19);
    };
    let (numbers, rest) = bytes.as_chunks::<4>();
    numbers.iter().for_each(|number| mix(u32::from_le_bytes(*number)));
    let mut last = [0_u8; 4];
    last.iter_mut().zip(rest.iter().chain(&[0x80])).for_each(|(to, from)| *to = *from);
    mix(u32::from_le_bytes(last));
    mix(0);
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the tests of dotnet/runtime (MIT), which publish them.
    #[test]
    fn known_hashes() {
        let seed = 0x004F_B61A_001B_DBCC;
        for (bytes, hash) in [
            (&[][..], 0x30ED_35C1_00CD_3C7D_u64),
            (&[0xAF], 0x48E7_3FC7_7D75_DDC1),
            (&[0xE7, 0x0F], 0xB5F6_E1FC_485D_BFF8),
            (&[0x37, 0xF4, 0x95], 0xF0B0_7C78_9B8C_F7E8),
            (&[0x86, 0x42, 0xDC, 0x59], 0x7008_F2E8_7E9C_F556),
            (&[0x15, 0x3F, 0xB7, 0x98, 0x26], 0xE6C0_8C6D_A2AF_A997),
            (&[0x09, 0x32, 0xE6, 0x24, 0x6C, 0x47], 0x6F04_BF1A_5EA2_4060),
            (&[0xAB, 0x42, 0x7E, 0xA8, 0xD1, 0x0F, 0xC7], 0xE118_47E4_F067_8C41),
        ] {
            assert_eq!(seeded(seed, bytes), hash, "{bytes:x?}");
        }
    }

    /// An entry that Windows wrote (19,968 bytes, sequence number 3, 4 pages): its first 32 bytes, and
    /// the hash of them that stands behind.
    #[test]
    fn the_hash_of_a_real_entry() {
        let mut head = b"HvLE\x00\x4E\0\0\0\0\0\0\x03\0\0\0\x00\x40\x02\0\x04\0\0\0".to_vec();
        head.extend([0x56, 0xD5, 0x29, 0xCE, 0xC6, 0x32, 0x4B, 0x36]);
        assert_eq!(marvin32(&head), 0xD71F_F415_0787_EF0C);
    }
}
