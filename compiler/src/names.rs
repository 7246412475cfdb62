//! Tables of numbers and names: errors, signals, system calls. A value of one is a number in the object; its name comes from
//! the manifest, which has the table.

use bt_abi::Type;
use bt_abi::types::Variant;

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    Errors,
    /// As strsignal(3) says them.
    Signals,
    SignalNames,
    /// Of the object's architecture.
    Syscalls,
}

impl Table {
    fn text(self) -> &'static str {
        match self {
            Table::Errors => include_str!("../facts/errors.txt"),
            Table::Signals | Table::SignalNames => include_str!("../facts/signals.txt"),
            Table::Syscalls => include_str!("../facts/syscalls-x86_64.txt"),
        }
    }

    /// Numbers and names, in the order of the numbers.
    pub fn rows(self) -> impl Iterator<Item = (i64, &'static str)> {
        let lines = self.text().lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(move |line| {
            let (number, text) = line.split_once(' ')?;
            let name = match self {
                Table::Signals => text.split_once(' ')?.1,
                Table::SignalNames => text.split_once(' ')?.0,
                Table::Errors | Table::Syscalls => text,
            };
            Some((number.parse().ok()?, name))
        })
    }

    pub fn name(self, number: i64) -> Option<&'static str> {
        self.rows()
            .find(|(n, _)| *n == number)
            .map(|(_, name)| name)
    }

    pub fn number(self, name: &str) -> Option<i64> {
        self.rows()
            .find(|(_, n)| *n == name)
            .map(|(number, _)| number)
    }

    /// A number of 4 bytes that is printed by name.
    pub fn to_abi(self) -> Type {
        let name = match self {
            Table::Errors => "errno",
            Table::Signals | Table::SignalNames => "signal",
            Table::Syscalls => "syscall",
        };
        let variants = self.rows().map(|(value, name)| Variant {
            name: name.to_string(),
            value,
        });
        Type::Enum {
            name: name.to_string(),
            size: 4,
            signed: true,
            kernel: false,
            variants: variants.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables() {
        assert_eq!(Table::Errors.name(1), Some("Operation not permitted"));
        assert_eq!(Table::SignalNames.number("SIGKILL"), Some(9));
        assert_eq!(Table::Signals.name(2), Some("Interrupt"));
        assert_eq!(Table::Signals.rows().count(), 32);
        assert_eq!(Table::Syscalls.name(59), Some("execve"));
        assert_eq!(Table::Syscalls.name(-1), None);
    }
}
