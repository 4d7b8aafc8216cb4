//! Random names from the operating system's generator: ids and secrets that cannot be guessed.

/// `bytes` random bytes as lower-case hexadecimal digits.
pub fn hexadecimal(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    // Without the operating system's randomness no secret can be made: going on would be worse than stopping.
    getrandom::fill(&mut buffer).expect("the operating system gives random bytes");
    encode(&buffer)
}

/// Bytes as lower-case hexadecimal digits.
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
