//! Recorded tracepoint formats: condenses the `format` files of tracefs to one line per event, and merges recordings.
//!
//! The compiler reads the result where it cannot or must not read the host's tracefs. Offsets are those of the recorded
//! kernel: good for types and sizes, never for code (objects relocate them on the target).
//!
//! A line: `category:event<TAB>declaration;offset;size;signed<TAB>...`, without the `common_*` fields; a file is sorted.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

/// All events of a tracefs, as condensed lines by `category:event`.
pub fn record(events: &Path) -> Result<BTreeMap<String, String>> {
    let mut lines = BTreeMap::new();
    for category in subfolders(events)? {
        for event in subfolders(&events.join(&category))? {
            let format = events.join(&category).join(&event).join("format");
            // Folders such as `ftrace` hold entries that are no tracepoints; those have no `id` to attach to, or no format.
            let Ok(text) = std::fs::read_to_string(&format) else {
                continue;
            };
            if category != "ftrace" {
                let name = format!("{category}:{event}");
                let line = condense(&name, &text);
                lines.insert(name, line);
            }
        }
    }
    Ok(lines)
}

fn subfolders(path: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(entries
        .flatten()
        .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
        .filter_map(|e| e.file_name().into_string().ok())
        .collect())
}

/// One event's line from its `format` file.
pub fn condense(name: &str, format: &str) -> String {
    let mut line = name.to_string();
    for field in format.lines().filter_map(field) {
        line.push('\t');
        line.push_str(&field);
    }
    line
}

/// `field:char comm[16];\toffset:8;\tsize:16;\tsigned:0;` to `char comm[16];8;16;0`.
fn field(line: &str) -> Option<String> {
    let mut parts = line.trim().strip_prefix("field:")?.split(';');
    let declaration = parts.next()?.trim();
    if declaration
        .rsplit([' ', '*'])
        .next()?
        .starts_with("common_")
    {
        return None;
    }
    let mut numbers = ["offset:", "size:", "signed:"]
        .into_iter()
        .map(|key| parts.next()?.trim().strip_prefix(key));
    let (offset, size, signed) = (numbers.next()??, numbers.next()??, numbers.next()??);
    Some(format!("{declaration};{offset};{size};{signed}"))
}

/// Reads condensed text; `#` lines are comments.
pub fn parse(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .map(str::trim_end)
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .filter_map(|l| {
            let name = l.split('\t').next()?;
            Some((name.to_string(), l.to_string()))
        })
        .collect()
}

/// The first recording that has an event wins.
pub fn merge(
    recordings: impl IntoIterator<Item = BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for recording in recordings {
        for (name, line) in recording {
            all.entry(name).or_insert(line);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWITCH: &str = "name: sched_switch\nID: 314\nformat:\n\
        \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\
        \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\
        \tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n\
        \tfield:const char * filename;\toffset:24;\tsize:8;\tsigned:0;\n\
        \tfield:__data_loc char[] name;\toffset:32;\tsize:4;\tsigned:0;\n\n\
        print fmt: \"%s; field:x\", REC->prev_comm\n";

    #[test]
    fn condenses_a_format() {
        assert_eq!(
            condense("sched:sched_switch", SWITCH),
            "sched:sched_switch\tchar prev_comm[16];8;16;0\tconst char * filename;24;8;0\t__data_loc char[] name;32;4;0"
        );
    }

    #[test]
    fn merges_and_keeps_the_first() {
        let a = parse("# made by\nx:y\tint a;8;4;1\n");
        let b = parse("x:y\tint b;8;4;1\nx:z\n");
        let all = merge([a, b]);
        assert_eq!(all["x:y"], "x:y\tint a;8;4;1");
        assert_eq!(all["x:z"], "x:z");
    }
}
