//! Times as text, in local time through strftime(3).

use std::ffi::CString;
use std::mem::MaybeUninit;

const SECOND: i128 = 1_000_000_000;

/// The time of day now.
pub fn now(format: &str) -> Vec<u8> {
    local(format, (read(libc::CLOCK_REALTIME) / SECOND) as i64)
}

/// A moment of a clock of the kernel. In the format, `%f` stands for its microsecond.
pub fn timestamp(format: &str, clock: i32, nanoseconds: u64) -> Vec<u8> {
    let moment = i128::from(nanoseconds) + read(libc::CLOCK_REALTIME) - read(clock);
    let micros = format!("{:06}", moment.rem_euclid(SECOND) / 1000);
    local(
        &format.replace("%f", &micros),
        moment.div_euclid(SECOND) as i64,
    )
}

/// The local time at a moment of a clock, and the nanoseconds of its second.
pub fn local_time(format: &str, clock: i32, nanoseconds: u64) -> (Vec<u8>, i128) {
    // clocks that agree but for whole seconds: their readings lie microseconds apart
    let apart = (read(libc::CLOCK_REALTIME) - read(clock) + SECOND / 2).div_euclid(SECOND);
    let moment = i128::from(nanoseconds) + apart * SECOND;
    let seconds = moment.div_euclid(SECOND) as i64;
    (local(format, seconds), moment.rem_euclid(SECOND))
}

/// Nanoseconds of a clock.
pub fn read(clock: libc::clockid_t) -> i128 {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: `time` is valid as zeroes, written by the call, and lives through it.
    let time = unsafe {
        libc::clock_gettime(clock, time.as_mut_ptr());
        time.assume_init()
    };
    i128::from(time.tv_sec) * SECOND + i128::from(time.tv_nsec)
}

fn local(format: &str, seconds: i64) -> Vec<u8> {
    let Ok(format) = CString::new(format) else {
        return Vec::new();
    };
    let mut text = vec![0u8; 1024];
    let mut parts = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: `parts` is written by localtime_r and valid as zeroes; strftime writes at most the length it is given; all
    // memory lives through the calls.
    let length = unsafe {
        libc::localtime_r(&raw const seconds, parts.as_mut_ptr());
        libc::strftime(
            text.as_mut_ptr().cast(),
            text.len(),
            format.as_ptr(),
            parts.as_ptr(),
        )
    };
    text.truncate(length);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_the_time_of_day_at_that_moment() {
        let boot = read(libc::CLOCK_BOOTTIME) as u64;
        let text = timestamp("%s.%f", libc::CLOCK_BOOTTIME, boot);
        let text = String::from_utf8(text).expect("digits");
        let (seconds, micros) = text.split_once('.').expect("a point");
        let now = (read(libc::CLOCK_REALTIME) / SECOND) as i64;
        assert!((now - seconds.parse::<i64>().expect("a number")).abs() <= 1);
        assert_eq!(micros.len(), 6);
    }
}
