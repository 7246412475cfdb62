//! Time series: the intervals of a ring in order, and how they are drawn.

use bt_abi::types::{Series, SeriesMode};

use super::clock;
use crate::value::{self, Int};

/// The intervals from the first that has a value to the last of all series of the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeSeries {
    /// When each begins, in nanoseconds of CLOCK_TAI, and what it holds.
    pub points: Vec<(u64, Option<Int>)>,
    /// Nanoseconds.
    pub interval: u64,
}

/// A bucket: `u64` or `i64` value, `u64` that says how many there are or when it came, `u64` number of the interval.
struct Bucket {
    value: Int,
    meta: u64,
    epoch: u64,
}

fn buckets(series: &Series, bytes: &[u8]) -> impl Iterator<Item = Bucket> {
    let signed = series.signed;
    let size = bt_abi::types::SERIES_BUCKET as usize;
    bytes.chunks_exact(size).filter_map(move |bytes| {
        let word = |at: usize| value::int(bytes.get(at..)?, 8, false).map(|i| i.bits);
        let bucket = Bucket {
            value: value::int(bytes, 8, signed)?,
            meta: word(8)?,
            epoch: word(16)?,
        };
        // an interval that was never used
        (bucket.epoch != 0).then_some(bucket)
    })
}

/// One ring for all CPUs: of each bucket the newest interval, with what all of them recorded in it.
pub fn merge(series: &Series, cpus: &[Vec<u8>]) -> Vec<u8> {
    let size = bt_abi::types::SERIES_BUCKET as usize;
    let mut merged = vec![0; size * series.count as usize];
    for (index, place) in merged.chunks_exact_mut(size).enumerate() {
        let range = index * size..(index + 1) * size;
        let own =
            |cpu: &Vec<u8>| -> Option<Bucket> { buckets(series, cpu.get(range.clone())?).next() };
        let mut found: Option<Bucket> = None;
        for next in cpus.iter().filter_map(own) {
            found = Some(match found {
                Some(old) if old.epoch > next.epoch => old,
                Some(old) if old.epoch == next.epoch => both(series, old, next),
                _ => next,
            });
        }
        if let Some(bucket) = found {
            let words = [bucket.value.bits, bucket.meta, bucket.epoch];
            for (to, word) in place.chunks_exact_mut(8).zip(words) {
                to.copy_from_slice(&word.to_ne_bytes());
            }
        }
    }
    merged
}

/// What two CPUs recorded in one interval.
fn both(series: &Series, a: Bucket, b: Bucket) -> Bucket {
    let first = match series.mode {
        SeriesMode::Last => a.meta >= b.meta,
        SeriesMode::Min => a.value.value() <= b.value.value(),
        SeriesMode::Max => a.value.value() >= b.value.value(),
        SeriesMode::Avg | SeriesMode::Sum => {
            let bits = a.value.bits.wrapping_add(b.value.bits);
            return Bucket {
                value: Int { bits, ..a.value },
                meta: a.meta.wrapping_add(b.meta),
                epoch: a.epoch,
            };
        }
    };
    if first { a } else { b }
}

/// The number of the last interval that has a value.
pub fn last_epoch(series: &Series, bytes: &[u8]) -> u64 {
    buckets(series, bytes).map(|b| b.epoch).max().unwrap_or(0)
}

/// A series up to the interval `last`, which is the newest of all series of the map.
pub fn points(series: &Series, bytes: &[u8], last: u64) -> TimeSeries {
    let oldest = (last + 1).saturating_sub(u64::from(series.count));
    let recent = buckets(series, bytes).filter(|b| (oldest..=last).contains(&b.epoch));
    let mut recent: Vec<Bucket> = recent.collect();
    recent.sort_unstable_by_key(|b| b.epoch);
    let first = recent.first().map(|b| b.epoch);
    let epochs = first.map_or(0..0, |first| first..last + 1);
    let point = |epoch: u64| {
        let found = recent.iter().find(|b| b.epoch == epoch);
        let value = found.map(|b| match series.mode {
            SeriesMode::Avg => value::divided(b.value, b.meta.max(1)),
            _ => b.value,
        });
        (epoch.wrapping_mul(series.interval), value)
    };
    TimeSeries {
        points: epochs.map(point).collect(),
        interval: series.interval,
    }
}

/// Columns of the graph, its borders included.
const WIDTH: usize = 53;

/// Columns that the lower bound takes above the graph.
const LEFT: usize = 21;

/// The text format.
pub fn draw(out: &mut Vec<u8>, series: &TimeSeries) {
    let values = || series.points.iter().filter_map(|(_, v)| *v);
    let (Some(least), Some(most)) = (
        values().min_by_key(|v| v.value()),
        values().max_by_key(|v| v.value()),
    ) else {
        out.extend_from_slice(b"<no data>");
        return;
    };
    let (low, high) = bounds(least, most);
    let (unit, digits) = match series.interval {
        _ if series.points.len() < 2 => (".ns", 9),
        1_000_000_000.. => ("", 0),
        1_000_000.. => (".ms", 3),
        1_000.. => (".us", 6),
        _ => (".ns", 9),
    };
    let time = 8 + if digits > 0 { 1 + digits } else { 0 };
    let scale = format!("{low:<LEFT$}{high:>right$}\n", right = WIDTH - LEFT);
    let margin = " ".repeat(time + 1);
    let mut text = format!("{margin}{scale}");
    let heading = format!("hh:mm:ss{unit}");
    text += &format!("{heading:<margin$}", margin = time + 1);
    text += &format!("|{}|\n", "_".repeat(WIDTH - 2));
    let column = |width: usize, value: i128| {
        // in single precision, as bpftrace computes it: the columns must agree
        (width as f32 * (value - low) as f32 / (high - low) as f32) as usize
    };
    let zero = (low < 0 && high > 0).then(|| column(WIDTH, 0));
    for (start, value) in &series.points {
        let mut line = vec![b' '; WIDTH];
        line[0] = b'|';
        line[WIDTH - 1] = b'|';
        if let Some(place) = zero.filter(|z| *z > 0).and_then(|z| line.get_mut(z)) {
            *place = b'.';
        }
        let mut shown = String::from("-");
        if let Some(value) = value {
            let at = match high > low {
                true => column(WIDTH - 1, value.value()),
                false => WIDTH / 2,
            };
            line[at.min(WIDTH - 1)] = b'*';
            shown = value.value().to_string();
        }
        let moment = moment("%H:%M:%S", digits, *start);
        text += &format!("{moment} {} {shown}\n", String::from_utf8_lossy(&line));
    }
    text += &format!("{margin}v{}v\n{margin}{scale}", "_".repeat(WIDTH - 2));
    out.extend_from_slice(text.as_bytes());
}

/// A little room on both sides where all values are the same, but not beyond what the type has.
fn bounds(least: Int, most: Int) -> (i128, i128) {
    if least.value() != most.value() {
        return (least.value(), most.value());
    }
    let (lowest, highest) = match least.signed {
        true => (i128::from(i64::MIN), i128::from(i64::MAX)),
        false => (0, i128::from(u64::MAX)),
    };
    let value = least.value();
    ((value - 1).max(lowest), (value + 1).min(highest))
}

/// The JSON format: `interval_start` and `value` of each interval that has one.
pub fn json(series: &TimeSeries, number: impl Fn(Int) -> String) -> String {
    let known = series.points.iter();
    let known = known.filter_map(|(start, value)| Some((start, (*value)?)));
    let one = |(start, value): (&u64, Int)| {
        let moment = moment("%Y-%m-%dT%H:%M:%S", 9, *start);
        let value = number(value);
        format!(r#"{{"interval_start":"{moment}","value":{value}}}"#)
    };
    let all: Vec<String> = known.map(one).collect();
    format!("[{}]", all.join(","))
}

/// A moment of CLOCK_TAI as local time, with so many digits behind the point.
fn moment(format: &str, digits: usize, nanoseconds: u64) -> String {
    let (whole, rest) = clock::local_time(format, libc::CLOCK_TAI, nanoseconds);
    let mut text = String::from_utf8_lossy(&whole).into_owned();
    if digits > 0 {
        let rest = format!("{rest:09}");
        text += &format!(".{}", rest.get(..digits).unwrap_or(&rest));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES: Series = Series {
        interval: 100_000_000,
        count: 4,
        mode: SeriesMode::Last,
        signed: true,
    };

    fn ring(buckets: &[[i64; 3]]) -> Vec<u8> {
        let words = buckets.iter().flatten();
        words.flat_map(|w| w.to_ne_bytes()).collect()
    }

    /// What is drawn, without the times.
    fn drawn(series: &Series, bytes: &[u8]) -> Vec<String> {
        let mut out = Vec::new();
        draw(&mut out, &points(series, bytes, last_epoch(series, bytes)));
        let text = String::from_utf8(out).expect("text");
        text.lines().map(|l| l[13..].to_string()).collect()
    }

    #[test]
    fn cpus_are_merged_by_interval() {
        let one = ring(&[[4, 10, 8], [5, 20, 5], [0, 0, 0], [7, 1, 7]]);
        let two = ring(&[[6, 20, 8], [9, 20, 9], [0, 0, 0], [3, 9, 3]]);
        let merged = |mode| merge(&Series { mode, ..SERIES }, &[one.clone(), two.clone()]);
        let first = |mode| merged(mode)[..24].to_vec();
        assert_eq!(merged(SeriesMode::Last)[24..48], ring(&[[9, 20, 9]]));
        assert_eq!(merged(SeriesMode::Last)[72..], ring(&[[7, 1, 7]]));
        assert_eq!(first(SeriesMode::Last), ring(&[[6, 20, 8]]));
        assert_eq!(first(SeriesMode::Min), ring(&[[4, 10, 8]]));
        assert_eq!(first(SeriesMode::Max), ring(&[[6, 20, 8]]));
        assert_eq!(first(SeriesMode::Sum), ring(&[[10, 30, 8]]));
    }

    #[test]
    fn the_average_is_of_all_values() {
        let series = Series {
            mode: SeriesMode::Avg,
            ..SERIES
        };
        let merged = merge(&series, &[ring(&[[7, 2, 8]]), ring(&[[-20, 1, 8]])]);
        let points = points(&series, &merged, 8).points;
        assert_eq!(points, [(800_000_000, Some(Int::signed(-4)))]);
    }

    #[test]
    fn a_graph_has_its_bounds_zero_and_gaps() {
        let bytes = ring(&[[5, 1, 8], [0, 0, 0], [-5, 1, 6], [0, 1, 7]]);
        let line = |at: usize, text: &str| {
            let mut line = vec![b' '; WIDTH];
            (line[0], line[WIDTH - 1]) = (b'|', b'|');
            line[WIDTH / 2] = b'.';
            line[at] = b'*';
            format!("{} {text}", String::from_utf8_lossy(&line))
        };
        let bounds = format!("-5{}5", " ".repeat(50));
        let lines = [
            bounds.clone(),
            format!("|{}|", "_".repeat(51)),
            line(0, "-5"),
            line(26, "0"),
            line(52, "5"),
            format!("v{}v", "_".repeat(51)),
            bounds,
        ];
        assert_eq!(drawn(&SERIES, &bytes), lines);
        // bucket 2 is one behind: the interval between has no value
        let gap = ring(&[[5, 1, 8], [0, 0, 0], [-5, 1, 6], [0, 0, 0]]);
        assert!(drawn(&SERIES, &gap)[3].ends_with("| -"));
        let mut nothing = Vec::new();
        draw(&mut nothing, &points(&SERIES, &ring(&[[0; 3]]), 0));
        assert_eq!(nothing, b"<no data>");
    }
}
