//! Buckets and their bounds, for `hist` and `lhist`.

/// The buckets from the first that is not empty to the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    pub buckets: Vec<Bucket>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Inclusive; `None`: no bound.
    pub low: Option<Bound>,
    /// Exclusive; `None`: no bound.
    pub high: Option<Bound>,
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    pub value: i64,
    pub text: String,
    /// Written as the number that it is: two of these in a row make a bucket of one value, `[3]`.
    pub plain: bool,
}

impl Bound {
    fn plain(value: i64) -> Bound {
        Bound {
            value,
            text: value.to_string(),
            plain: true,
        }
    }
}

impl Histogram {
    pub fn counts(&self) -> impl Iterator<Item = u64> {
        self.buckets.iter().map(|b| b.count)
    }
}

/// `hist(n, bits)`; bucket 0 is for negative values. Counts are divided by `div`.
pub fn logarithmic(counts: &[u64], bits: u32, div: u64) -> Histogram {
    let bucket = |i: usize| Bucket {
        low: (i > 0).then(|| start(i - 1, bits)),
        high: Some(start(i, bits)),
        count: counts[i] / div,
    };
    Histogram {
        buckets: used(counts).map(bucket).collect(),
    }
}

/// The first value of the bucket after `index` (and so the bound between the two).
fn start(index: usize, bits: u32) -> Bound {
    let (index, each) = (index as u64, 1u64 << bits);
    if index <= 2 * each {
        return Bound::plain(index as i64);
    }
    // `each` buckets to a power of two, all of the same width
    let power = (index >> bits) as u32 - 1;
    let within = each + (index & (each - 1));
    let (unit, rest) = (power / 10, power % 10);
    let suffix = ["", "K", "M", "G", "T", "P", "E"].get(unit as usize);
    Bound {
        value: (u128::from(within) << power) as i64,
        text: format!("{}{}", within << rest, suffix.unwrap_or(&"")),
        plain: false,
    }
}

/// `lhist(n, min, max, step)`; the first bucket is for values below `min`, the last for those from `max` on.
pub fn linear(counts: &[u64], min: i64, max: i64, step: i64) -> Histogram {
    let last = counts.len().saturating_sub(1);
    let bound = |i: usize| -> Bound {
        let value = i128::from(min) + i as i128 * i128::from(step);
        linear_bound(value.min(i128::from(max)) as i64, step)
    };
    let bucket = |i: usize| Bucket {
        low: (i > 0).then(|| bound(i - 1)),
        high: (i < last).then(|| bound(i)),
        count: counts[i],
    };
    Histogram {
        buckets: used(counts).map(bucket).collect(),
    }
}

/// Bounds are shortened where all of them are multiples of 1024.
fn linear_bound(value: i64, step: i64) -> Bound {
    const K: i64 = 1 << 10;
    const M: i64 = 1 << 20;
    if step % K != 0 {
        return Bound::plain(value);
    }
    let text = match value {
        0 => "0".to_string(),
        v if v % M == 0 => format!("{}M", v / M),
        v if v % K == 0 => format!("{}K", v / K),
        v => v.to_string(),
    };
    Bound {
        value,
        text,
        plain: false,
    }
}

fn used(counts: &[u64]) -> std::ops::Range<usize> {
    let first = counts.iter().position(|c| *c > 0);
    let last = counts.iter().rposition(|c| *c > 0);
    match (first, last) {
        (Some(first), Some(last)) => first..last + 1,
        _ => 0..0,
    }
}
