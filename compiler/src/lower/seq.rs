//! Output of pinned iterators: into the file of whoever reads it.

use super::Lower;
use super::event::Early;
use crate::llvm::builder::Arg;
use crate::llvm::helper::{PROBE_READ_KERNEL_STR, SEQ_PRINTF, SEQ_WRITE};
use crate::llvm::{IntValue, PointerValue};
use crate::pinned::{self, Piece};
use crate::typed::{Call, Expr};

/// Arguments of one `bpf_seq_printf`: the kernel takes twelve, but they should lie on the stack.
const ARGUMENTS: usize = 8;

/// Strings of one: Linux 5.10 has room for six.
const STRINGS: usize = 6;

/// The longest string that Linux 5.10 does not cut, NUL included. Six of them are more than newer kernels have room for: they write
/// what is left of 512 bytes.
const LONGEST: u32 = 128;
const ROOM: u32 = 512;

/// The next call of `bpf_seq_printf`.
#[derive(Default)]
struct Group<'c> {
    format: String,
    data: Vec<Datum<'c>>,
    strings: usize,
    bytes: u32,
}

enum Datum<'c> {
    Int(IntValue<'c>),
    Ptr(PointerValue<'c>),
}

/// An argument that was evaluated.
#[derive(Clone, Copy)]
enum Value<'c> {
    Int(IntValue<'c>),
    /// A string, in a buffer of so many bytes.
    Str(PointerValue<'c>, u32),
}

impl<'c> Lower<'c, '_> {
    /// The kernel prints for this program, not btrun.
    pub fn is_pinned(&self) -> bool {
        self.program.probe.is_some_and(pinned::is_pinned)
    }

    /// Writes the text of a `printf` or `print`.
    pub fn write_text(&mut self, call: &Call) {
        // what the kernel cannot write was refused before
        let pieces = pinned::pieces(call).unwrap_or_default();
        let values: Vec<Value<'c>> = self.values(&call.args);
        let mut group = Group::default();
        for piece in &pieces {
            self.piece(piece, &values, &mut group);
        }
        self.write_group(&mut group);
    }

    fn values(&mut self, args: &[Expr]) -> Vec<Value<'c>> {
        let of = |(index, arg): (usize, &Expr)| {
            let in_order = args[index + 1..].iter().any(|other| !other.is_pure());
            match self.evaluate_early(arg, in_order) {
                Some(Early::Scalar(value)) => Value::Int(value),
                Some(Early::Memory(at)) => Value::Str(at, arg.ty.size()),
                None => Value::Str(self.memory(arg), arg.ty.size()),
            }
        };
        args.iter().enumerate().map(of).collect()
    }

    fn piece(&mut self, piece: &Piece, values: &[Value<'c>], group: &mut Group<'c>) {
        match piece {
            // the helper takes plain ASCII only
            Piece::Text(text)
                if text
                    .bytes()
                    .all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) =>
            {
                group.format.push_str(&text.replace('%', "%%"));
            }
            Piece::Text(text) => {
                self.write_group(group);
                let from = self.text(text.as_bytes());
                let length = self.int(text.len() as i64);
                self.seq_write(from, length);
            }
            Piece::Number {
                arg,
                padding,
                base,
                bits,
                prefix,
            } => {
                let Some(Value::Int(value)) = values.get(*arg).copied() else {
                    return;
                };
                let value = self.b.narrow(value, bits / 8, *base == 'd');
                self.make_room(group, 2, 8);
                if !prefix.is_empty() {
                    group.format.push_str("%s");
                    let prefix = self.one_of(value, prefix, "");
                    group.data.push(Datum::Ptr(prefix));
                    group.strings += 1;
                }
                group.format.push_str(&format!("%{padding}l{base}"));
                group.data.push(Datum::Int(value));
            }
            Piece::Char { arg, padding } => {
                let Some(Value::Int(value)) = values.get(*arg).copied() else {
                    return;
                };
                let text = self.temp(8);
                let low = self.b.narrow(value, 1, false);
                self.b.store(text, low, 8);
                self.push_string(group, padding, text, 8);
            }
            Piece::Bool { arg, padding } => {
                let Some(Value::Int(value)) = values.get(*arg).copied() else {
                    return;
                };
                let text = self.one_of(value, "true", "false");
                self.push_string(group, padding, text, 8);
            }
            Piece::Str {
                arg,
                left,
                width,
                most,
            } => {
                let Some(Value::Str(from, size)) = values.get(*arg).copied() else {
                    return;
                };
                let kept = most.map_or(size, |most| size.min(most.saturating_add(1)));
                if kept > LONGEST {
                    self.write_group(group);
                    self.write_long(from, kept, *left, *width);
                    return;
                }
                // one that was cut to its type's size may have no NUL
                let from = match kept < size || self.shows_cuts(size) {
                    true => self.cut(from, kept),
                    false => from,
                };
                let sign = if *left { "-" } else { "" };
                let padding = match width {
                    0 => String::new(),
                    width => format!("{sign}{width}"),
                };
                self.push_string(group, &padding, from, kept);
            }
        }
    }

    fn push_string(
        &mut self,
        group: &mut Group<'c>,
        padding: &str,
        from: PointerValue<'c>,
        size: u32,
    ) {
        self.make_room(group, 1, size);
        group.format.push_str(&format!("%{padding}s"));
        group.data.push(Datum::Ptr(from));
        group.strings += 1;
        group.bytes += size;
    }

    /// Writes what there is if so many arguments more would be too many.
    fn make_room(&mut self, group: &mut Group<'c>, arguments: usize, bytes: u32) {
        let full = group.data.len() + arguments > ARGUMENTS
            || group.strings >= STRINGS
            || group.bytes + bytes > ROOM;
        if full {
            self.write_group(group);
        }
    }

    fn write_group(&mut self, group: &mut Group<'c>) {
        let Group { format, data, .. } = std::mem::take(group);
        if format.is_empty() {
            return;
        }
        if data.is_empty() {
            let text = format.replace("%%", "%");
            let from = self.text(text.as_bytes());
            let length = self.int(text.len() as i64);
            self.seq_write(from, length);
            return;
        }
        let words = self.temp(8 * ARGUMENTS as u32);
        for (index, datum) in data.iter().enumerate() {
            let at = self.b.offset(words, 8 * index as u32);
            match datum {
                Datum::Int(value) => self.b.store(at, *value, 8),
                Datum::Ptr(from) => self.b.store_ptr(at, *from),
            }
        }
        let bytes = [format.as_bytes(), b"\0"].concat();
        let format = self.text(&bytes);
        let seq = self.seq_file();
        let (size, words_size) = (bytes.len() as i64, 8 * data.len() as i64);
        self.helper(
            SEQ_PRINTF,
            &[
                Arg::Ptr(seq),
                Arg::Ptr(format),
                self.int(size).into(),
                Arg::Ptr(words),
                self.int(words_size).into(),
            ],
        );
    }

    /// A string that `bpf_seq_printf` would cut.
    fn write_long(&mut self, from: PointerValue<'c>, size: u32, left: bool, width: u32) {
        let room = size.next_power_of_two();
        let copy = self.temp(room);
        let copied = self.copy_text(copy, size, from);
        // the verifier knows from the mask how long it can be
        let length = self.b.sub(copied, self.int(1));
        let length = self.b.and(length, self.int(i64::from(room) - 1));
        if !left {
            self.write_spaces(width, length);
        }
        self.seq_write(copy, length);
        if left {
            self.write_spaces(width, length);
        }
    }

    /// What a text of this length lacks of a width.
    fn write_spaces(&mut self, width: u32, length: IntValue<'c>) {
        if width == 0 {
            return;
        }
        let room = (width + 1).next_power_of_two();
        let width = self.int(i64::from(width));
        let [short, done] = ["short", "done"].map(|name| self.b.block(name));
        let is_short = self.b.compare(inkwell::IntPredicate::ULT, length, width);
        self.b.branch(is_short, short, done);
        self.b.at_end(short);
        let spaces = self.text(&vec![b' '; room as usize]);
        let missing = self.b.sub(width, length);
        let missing = self.b.and(missing, self.int(i64::from(room) - 1));
        self.seq_write(spaces, missing);
        self.b.jump(done);
        self.b.at_end(done);
    }

    /// A copy of the first bytes of a string, with a NUL.
    fn cut(&mut self, from: PointerValue<'c>, size: u32) -> PointerValue<'c> {
        let copy = self.temp(size);
        self.copy_text(copy, size, from);
        copy
    }

    fn copy_text(
        &mut self,
        to: PointerValue<'c>,
        size: u32,
        from: PointerValue<'c>,
    ) -> IntValue<'c> {
        let size = self.int(i64::from(size));
        self.helper(
            PROBE_READ_KERNEL_STR,
            &[to.into(), size.into(), from.into()],
        )
    }

    /// One of two texts.
    fn one_of(&mut self, condition: IntValue<'c>, then: &str, otherwise: &str) -> PointerValue<'c> {
        let [then, otherwise] =
            [then, otherwise].map(|text| self.text(&[text.as_bytes(), b"\0"].concat()));
        let (then, otherwise) = (self.b.to_int(then), self.b.to_int(otherwise));
        let some = self
            .b
            .compare(inkwell::IntPredicate::NE, condition, self.int(0));
        let chosen = self.b.select(some, then, otherwise);
        self.b.to_ptr(chosen)
    }

    fn seq_write(&mut self, from: PointerValue<'c>, length: IntValue<'c>) {
        let seq = self.seq_file();
        self.helper(SEQ_WRITE, &[Arg::Ptr(seq), Arg::Ptr(from), length.into()]);
    }

    /// The context of every iterator begins with `struct bpf_iter_meta *`, and that with `struct seq_file *`.
    pub(super) fn seq_file(&mut self) -> PointerValue<'c> {
        let meta = self.b.load_ptr(self.context());
        self.b.load_ptr(meta)
    }
}
