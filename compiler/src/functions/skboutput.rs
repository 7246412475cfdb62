//! `skboutput()`: a packet of the network into a file of captures.

use bt_abi::manifest::EventKind;
use bt_abi::record::{HEADER_SIZE, Packet};
use bt_grammar::diag::Diagnostic;

use super::{Function, traced};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::layout::EventLayout;
use crate::llvm::IntValue;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr, ExprKind};
use crate::types::{INT64, Ty};

pub struct SkbOutput;

impl Function for SkbOutput {
    fn name(&self) -> &'static str {
        "skboutput"
    }

    fn signature(&self) -> &'static str {
        "int32 skboutput(const string path, struct sk_buff *skb, uint64 length, uint64 offset)"
    }

    fn about(&self) -> &'static str {
        "writes the first `length` bytes of a packet's data, less the first `offset` of them, to a pcap file that tcpdump reads as raw IP \
         (an Ethernet header, where the data begins with one, is left out by an offset of 14); gives 0, or a negative error \
         (fentry, fexit, rawtracepoint). The path may be a parameter. At most 65280 bytes of a packet are kept"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[
                Example::new(
                    r#"fentry:__dev_queue_xmit { skboutput("sent.pcap", args.skb, args.skb.len, 14); }"#,
                ),
                Example::new(
                    r#"rawtracepoint:netif_receive_skb { skboutput(str($1), args.skb, args.skb.len, 0); }"#,
                ),
            ]
        }
    }

    fn wants_types(&self) -> bool {
        true
    }

    /// Arguments: the packet, the length, the offset, and the path where it is a parameter.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 4, 4) {
            return Expr::poison(site.span);
        }
        let path = path(cx, site);
        let packet = traced::pointer(cx, site, 1, "sk_buff");
        let (Some(path), Some(packet), Some(length), Some(offset)) =
            (path, packet, cx.arg(site, 2), cx.arg(site, 3))
        else {
            return Expr::poison(site.span);
        };
        let mut args = vec![packet];
        for (arg, what) in [(length, "the length"), (offset, "the offset")] {
            let value = cx.scalar(arg, what);
            if value.flexible_int().is_some_and(|n| n < 0) {
                let error = Diagnostic::error("E0402", value.span, format!("{what} is negative"));
                cx.report(error.here("expected a number of bytes"));
                return Expr::poison(site.span);
            }
            args.push(cx.convert_silently(value, &INT64));
        }
        let data = match path.kind {
            ExprKind::Str(ref bytes) => CallData::Text(String::from_utf8_lossy(bytes).into_owned()),
            _ => {
                args.push(path);
                CallData::None
            }
        };
        cx.made(site, self, Ty::int(4, true), args, data)
    }

    fn event(&self, call: &Call, layout: &mut EventLayout) -> Option<EventKind> {
        layout.words((Packet::SIZE - HEADER_SIZE) / 8);
        match (&call.data, call.args.get(3).map(|path| &path.kind)) {
            (CallData::Text(path), _) => Some(EventKind::Packet {
                path: path.clone(),
                slot: None,
            }),
            (_, Some(ExprKind::Slot(slot))) => Some(EventKind::Packet {
                path: String::new(),
                slot: Some(slot.index() as u32),
            }),
            _ => None,
        }
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        let [packet, length, offset, ..] = call.args.as_slice() else {
            return None;
        };
        let numbers = [length, offset].map(|number| lower.scalar(number));
        let packet = lower.traced_pointer(packet);
        Some(lower.send_packet(call, packet, numbers))
    }
}

/// A literal, or what a parameter says; `None` if that was reported.
fn path(cx: &mut Checker, site: &CallSite) -> Option<Expr> {
    let arg = cx.arg(site, 0)?;
    let path = cx.value_as_string(arg);
    match (&path.ty, &path.kind) {
        (Ty::Unknown, _) => None,
        (Ty::Str(_), ExprKind::Str(_) | ExprKind::Slot(_)) => Some(path),
        _ => {
            let message = "the path must be a string literal or a parameter";
            let error = Diagnostic::error("E0406", path.span, message);
            cx.report(
                error
                    .here("known only while the program runs")
                    .help("write it in double quotes, or `str($1)`"),
            );
            None
        }
    }
}
