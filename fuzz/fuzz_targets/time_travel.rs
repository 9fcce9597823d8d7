#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = lockstorm_fuzz::time_travel(data);
});
