//! The table of the bench.

/// What is to be reached. A goal that is missed is marked, and fails nothing: the machine may be busy.
pub enum Goal {
    None,
    AtMost(f64),
    /// So many times faster than the other.
    TimesFaster(f64),
}

struct Row {
    what: String,
    ours: Option<f64>,
    theirs: Option<f64>,
    goal: Goal,
}

#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

impl Table {
    pub fn add(&mut self, what: &str, ours: Option<f64>, theirs: Option<f64>, goal: Goal) {
        self.rows.push(Row {
            what: what.to_string(),
            ours,
            theirs,
            goal,
        });
    }

    pub fn print(&self) {
        println!(
            "{:<56} {:>10} {:>10} {:>8}  goal",
            "", "btc/btrun", "bpftrace", "factor"
        );
        for row in &self.rows {
            let factor = match (row.ours, row.theirs) {
                (Some(ours), Some(theirs)) => format!("{:.1}", theirs / ours),
                _ => "-".to_string(),
            };
            println!(
                "{:<56} {:>10} {:>10} {factor:>8}  {}",
                row.what,
                number(row.ours),
                number(row.theirs),
                row.verdict()
            );
        }
    }
}

impl Row {
    fn verdict(&self) -> String {
        let Some(ours) = self.ours else {
            return String::new();
        };
        let (text, met) = match (&self.goal, self.theirs) {
            (Goal::None, _) => return String::new(),
            (Goal::AtMost(most), _) => (format!("at most {most}"), ours <= *most),
            (Goal::TimesFaster(times), Some(theirs)) => {
                (format!("{times} times faster"), theirs >= ours * times)
            }
            (_, None) => return "bpftrace is not installed".to_string(),
        };
        format!("{text}: {}", if met { "reached" } else { "MISSED" })
    }
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_string(),
        Some(v) if v >= 100.0 => format!("{v:.0}"),
        Some(v) => format!("{v:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_goals() {
        let row = |ours, theirs, goal| Row {
            what: String::new(),
            ours: Some(ours),
            theirs,
            goal,
        };
        assert!(
            row(3.0, None, Goal::AtMost(5.0))
                .verdict()
                .ends_with("reached")
        );
        assert!(
            row(3.0, Some(29.0), Goal::TimesFaster(10.0))
                .verdict()
                .ends_with("MISSED")
        );
    }
}
