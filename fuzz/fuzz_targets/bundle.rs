#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    lockstorm_fuzz::bundle(data);
});
