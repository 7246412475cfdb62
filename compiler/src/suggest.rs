//! "Did you mean": the nearest of some known names.

/// The known name closest to `name`, if one is near enough to be a slip.
pub fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(name, k), k))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn finds_slips_only() {
        assert_eq!(closest("pritnf", ["printf", "print"]), Some("printf"));
        assert_eq!(closest("kprob", ["kprobe", "uprobe"]), Some("kprobe"));
        assert_eq!(closest("x", ["printf"]), None);
    }
}
