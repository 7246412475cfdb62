//! By which means a probe was attached, where there was a choice: for `-v` and the JSON report.

use bt_abi::manifest::{Attach, Program};

use crate::report::How;
use crate::targets::Site;
use crate::targets::alternatives::Choice;
use crate::targets::sessions;
use crate::targets::variants::Variant;

/// `None` where there was no choice.
pub fn of(
    program: &Program,
    choice: Option<&Choice>,
    loaded: &[&Variant],
    places: usize,
) -> Option<How> {
    let multi = loaded.iter().any(|v| v.multi);
    let means = match &program.attach {
        _ if loaded.iter().any(|v| v.partner.is_some()) => sessions::MEANS,
        _ if choice.is_none() && !program.attach.is_pattern() => return None,
        Attach::Kprobe { .. } if multi => "kprobe_multi",
        Attach::Kprobe { .. } => "kprobe",
        Attach::Kretprobe { .. } if multi => "kretprobe_multi",
        Attach::Kretprobe { .. } => "kretprobe",
        Attach::Uprobe { .. } if multi => "uprobe_multi",
        Attach::Uprobe { .. } => "uprobe",
        Attach::Uretprobe { .. } if multi => "uretprobe_multi",
        Attach::Uretprobe { .. } => "uretprobe",
        _ => choice?.taken,
    };
    Some(How {
        probe: program.probe.clone(),
        means,
        places,
        refused: choice.map_or_else(Vec::new, |c| c.refused.clone()),
    })
}

/// What was attached, and how: for `-v`.
pub fn summary(
    program: &Program,
    how: Option<&How>,
    loaded: &[&Variant],
    found: &[&Site],
) -> String {
    if found.is_empty() && !program.attach.is_pattern() {
        return String::new();
    }
    let mut text = format!("attached `{}`", program.probe);
    if program.attach.is_pattern() {
        text.push_str(match loaded.iter().any(|v| v.multi) {
            true => " at once",
            false => " one by one",
        });
        let (places, programs) = (found.len(), loaded.len());
        text.push_str(&format!(", places: {places}, programs: {programs}"));
    }
    if let Some(how) = how {
        text.push_str(&format!(", by {}", how.means));
        for (means, why) in &how.refused {
            text.push_str(&format!("; not by {means}: {why}"));
        }
    }
    text.push('\n');
    if program.attach.is_pattern() {
        for site in found {
            text.push_str(&format!("  {}\n", site.probe));
        }
    }
    text
}
