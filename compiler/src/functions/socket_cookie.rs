//! `socket_cookie()`: the number of a socket that stays the same for its life.

use super::{Function, traced};
use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::llvm::IntValue;
use crate::llvm::helper::GET_SOCKET_COOKIE;
use crate::lower::Lower;
use crate::typed::{Call, CallData, Expr};
use crate::types::UINT64;

pub struct SocketCookie;

impl Function for SocketCookie {
    fn name(&self) -> &'static str {
        "socket_cookie"
    }

    fn signature(&self) -> &'static str {
        "uint64 socket_cookie(struct sock *socket)"
    }

    fn about(&self) -> &'static str {
        "the number that the kernel gives a socket for its life, made now if it has none (fentry, fexit, rawtracepoint; from Linux 5.12 on)"
    }

    fn examples(&self) -> &'static [Example] {
        const {
            &[Example::new(
                "fentry:tcp_rcv_established { @[socket_cookie(args.sk)] = hist(args.skb.len); }",
            )]
        }
    }

    fn wants_types(&self) -> bool {
        true
    }

    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr {
        if !cx.arity(site, self, 1, 1) {
            return Expr::poison(site.span);
        }
        match traced::pointer(cx, site, 0, "sock") {
            Some(socket) => cx.made(site, self, UINT64, vec![socket], CallData::None),
            None => Expr::poison(site.span),
        }
    }

    fn lower<'c>(&self, lower: &mut Lower<'c, '_>, call: &Call) -> Option<IntValue<'c>> {
        let socket = lower.traced_pointer(call.args.first()?);
        Some(lower.helper(GET_SOCKET_COOKIE, &[socket.into()]))
    }
}
