//! "did you mean": the nearest of many names.

/// Keeps the best candidate of a stream of names, so that a list as long as /proc/kallsyms is never held in memory.
pub struct Nearest<'a> {
    wanted: &'a str,
    best: Option<String>,
    distance: usize,
}

impl<'a> Nearest<'a> {
    pub fn new(wanted: &'a str) -> Nearest<'a> {
        // a third of the letters may differ; more is another name
        let limit = (wanted.chars().count() / 3).clamp(1, 4);
        Nearest {
            wanted,
            best: None,
            distance: limit + 1,
        }
    }

    pub fn consider(&mut self, name: &str) {
        if name == self.wanted || name.len().abs_diff(self.wanted.len()) >= self.distance {
            return;
        }
        let distance = distance(self.wanted, name);
        if distance < self.distance {
            self.distance = distance;
            self.best = Some(name.to_string());
        }
    }

    pub fn found(self) -> Option<String> {
        self.best
    }
}

/// The nearest of `names` to `wanted`, if one is near enough to be meant.
pub fn nearest<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let mut nearest = Nearest::new(wanted);
    for name in names {
        nearest.consider(name);
    }
    nearest.found()
}

/// Levenshtein's distance over bytes; a swap of neighbours counts as one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let names = ["vfs_write", "vfs_read", "vfs_readv", "read"];
        assert_eq!(nearest("vfs_raed", names).as_deref(), Some("vfs_read"));
        assert_eq!(nearest("vfs_reed", names).as_deref(), Some("vfs_read"));
        assert_eq!(nearest("completely_else", names), None);
        assert_eq!(nearest("x", ["y"]).as_deref(), Some("y"));
        assert_eq!(nearest("", ["abc"]), None);
    }
}
