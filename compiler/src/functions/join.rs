//! `join()`: the strings of an array of pointers, as one line.

use bt_abi::manifest::EventKind;
use bt_abi::record::HEADER_SIZE;
use inkwell::IntPredicate;

use super::Function;
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::layout::EventLayout;
use crate::llvm::builder::Arg;
use crate::llvm::{FunctionValue, IntValue};
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::{Space, Ty};

pub struct Join;

/// As in bpftrace: so many strings.
const STRINGS: u32 = 16;
/// Bytes of a string, NUL included: a mask, which tells the verifier what to expect.
const LENGTH: u32 = 1023;

impl Function for Join {
    fn name(&self) -> &'static str {
        "join"
    }

    fn signature(&self) -> &'static str {
        "join(char *array[][, const string separator])"
    }

    fn about(&self) -> &'static str {
        "prints the strings of an array that ends with a null pointer, at most 16, joined by spaces or the separator"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                "tracepoint:syscalls:sys_enter_execve { join(args.argv); }",
            )]
        }
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 2) {
            return Expr::poison(site.span);
        }
        let Some(arg) = cx.arg(site, 0) else {
            return Expr::poison(site.span);
        };
        let separator = match site.args.len() {
            1 => " ".to_string(),
            _ => match cx.literal_str(site, 1, "the separator") {
                Some(separator) => separator,
                None => return Expr::poison(site.span),
            },
        };
        let array = cx.value(arg);
        match &array.ty {
            Ty::Unknown => Expr::poison(site.span),
            Ty::Int(_) | Ty::Ptr(..) => {
                let data = CallData::Text(separator);
                cx.made(site, self, Ty::Unit, vec![array], data)
            }
            _ => cx.wrong_arg(site, &array, "the address of an array of strings"),
        }
    }

    /// The record has what the strings need, behind its header.
    fn event(&self, call: &Call, _: &mut EventLayout) -> Option<EventKind> {
        let CallData::Text(separator) = &call.data else {
            return None;
        };
        Some(EventKind::Join {
            separator: separator.clone(),
        })
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        let array = call.args.first()?;
        let space = lower.space_of(&array.ty);
        let array = lower.scalar(array);
        // The last string is read into as much room as any other.
        let record = lower.temp(HEADER_SIZE + (STRINGS + 1) * (LENGTH + 1));
        let function = pack(lower, space);
        let to = lower.b.offset(record, HEADER_SIZE);
        let bytes = lower.b.call(function, &[Arg::Ptr(to), array.into()]);
        let size = lower.b.add(bytes, lower.int(i64::from(HEADER_SIZE)));
        lower.send_memory(call, record, size);
        None
    }
}

/// `long btc_join_SPACE(char *to, long array)`: copies the strings with their NULs, one behind the other; gives the bytes.
fn pack<'c>(lower: &mut Lower<'c, '_>, space: Space) -> FunctionValue<'c> {
    let name = match space {
        Space::User => "btc_join_user",
        Space::Any => "btc_join_any",
        Space::Kernel | Space::Context | Space::Own => "btc_join_kernel",
    };
    lower.has_loop();
    lower.subroutine(name, &["to", "array"], &[true, false], |lower, function| {
        let (to, array) = (
            lower.b.param_ptr(function, 0),
            lower.b.param_int(function, 1),
        );
        let [head, load, copy, next, end] =
            ["head", "load", "copy", "next", "end"].map(|n| lower.b.append_block(function, n));
        let [index, end_at, pointer] = [(); 3].map(|()| lower.b.alloca(8));
        lower.b.store(index, lower.int(0), 8);
        lower.b.store(end_at, lower.int(0), 8);
        lower.b.jump(head);

        lower.b.at_end(head);
        let at = lower.b.load(index, 8, false);
        let limit = lower.int(i64::from(STRINGS));
        let more = lower.b.compare(IntPredicate::ULT, at, limit);
        lower.b.branch(more, load, end);

        lower.b.at_end(load);
        let place = lower.b.add(array, lower.b.shl(at, lower.int(3)));
        let eight = lower.int(8);
        lower.read_at(space, pointer, eight, place);
        let string = lower.b.load(pointer, 8, false);
        lower.b.branch(string, copy, end);

        lower.b.at_end(copy);
        let bytes = lower.b.load(end_at, 8, false);
        let room = lower.b.offset_by(to, bytes);
        let copied = lower.read_string_at(space, room, LENGTH, string.into());
        let some = lower.b.compare(IntPredicate::SGT, copied, lower.int(0));
        lower.b.branch(some, next, end);

        lower.b.at_end(next);
        let copied = lower.b.and(copied, lower.int(i64::from(LENGTH)));
        lower.b.store(end_at, lower.b.add(bytes, copied), 8);
        lower.b.store(index, lower.b.add(at, lower.int(1)), 8);
        lower.b.jump(head);

        lower.b.at_end(end);
        let bytes = lower.b.load(end_at, 8, false);
        lower.b.ret_value(bytes);
    })
}
