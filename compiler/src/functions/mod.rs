//! The functions: one file each, with signature, check, lowering and what it sends.

mod address_space;
mod assert;
mod assert_str;
mod avg;
mod bswap;
mod buf;
mod cat;
mod cgroup;
mod clear;
mod comm;
mod container_of;
mod count;
mod delete;
mod dw_ustack;
mod exit;
pub mod external;
mod extreme;
mod find;
mod getopt;
mod has_key;
mod hist;
mod is_err;
mod is_type;
mod join;
mod kaddr;
pub mod kernel;
mod kfunc;
mod len;
mod lhist;
mod macaddr;
mod memcmp;
mod message;
mod named;
mod nsecs;
mod ntop;
mod override_return;
mod path;
mod percpu_kaddr;
mod pid;
mod print;
mod printf;
mod pton;
mod reg;
mod relative;
mod signal;
mod skboutput;
mod socket_cookie;
mod stack;
mod str;
mod str_concat;
mod strcap;
mod strftime;
mod strlen;
mod strncmp;
mod strstr;
mod sum;
mod symbol;
mod system;
mod time;
mod traced;
mod tseries;
mod uaddr;
mod unwatch;
mod write_user;

pub use str::string_at;
pub use uaddr::mask as uaddr_mask;

use std::fmt;

use bt_abi::manifest::EventKind;

use crate::check::{CallSite, Checker};
use crate::docs::Example;
use crate::layout::EventLayout;
use crate::llvm::{IntValue, PointerValue};
use crate::lower::Lower;
use crate::typed::{Call, Expr};
use crate::types::Ty;

pub trait Function: Sync {
    fn name(&self) -> &'static str;
    /// As the documentation shows it.
    fn signature(&self) -> &'static str;
    /// One sentence for the documentation.
    fn about(&self) -> &'static str;
    /// Scripts that show it, and what they print.
    fn examples(&self) -> &'static [Example] {
        &[]
    }
    /// Checks the arguments and gives the typed call, or whatever expression the call stands for.
    fn check(&'static self, cx: &mut Checker, site: &CallSite) -> Expr;
    /// Whether a call changes something, or runs commands: `--unsafe` allows that.
    fn is_unsafe(&self) -> bool {
        false
    }
    /// Whether a call changes nothing.
    fn is_pure(&self) -> bool {
        false
    }
    /// Whether the verifier must know the types of arguments: then no kprobe can stand for a probe that calls it.
    fn wants_types(&self) -> bool {
        false
    }
    /// The record that a call sends; names its fields in the order of the arguments.
    fn event(&self, _: &Call, _: &mut EventLayout) -> Option<EventKind> {
        None
    }
    /// Does it, and gives the value of what has one.
    fn lower<'c>(&self, _: &mut Lower<'c, '_>, _: &Call) -> Option<IntValue<'c>> {
        None
    }
    /// Writes a value that is no scalar, of at most so many bytes.
    fn lower_into<'c>(&self, _: &mut Lower<'c, '_>, _: &Call, _: PointerValue<'c>, _size: u32) {}
    /// The words of an entry after the first call, if they are few and known: a map that has no entry yet gets it in one call.
    fn first<'c>(&self, _: &Lower<'c, '_>, _args: &[IntValue<'c>]) -> Option<Vec<IntValue<'c>>> {
        None
    }
    /// Adds the arguments to the entry of a map.
    fn aggregate<'c>(
        &self,
        _: &mut Lower<'c, '_>,
        _: &Ty,
        _args: &[IntValue<'c>],
        _entry: PointerValue<'c>,
    ) {
    }
}

impl fmt::Debug for dyn Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Every function.
pub static FUNCTIONS: &[&dyn Function] = &[
    &address_space::Kptr,
    &address_space::Uptr,
    &assert::Assert,
    &assert_str::AssertStr,
    &assert::Fail,
    &assert::StaticAssert,
    &avg::Avg,
    &avg::Stats,
    &bswap::Bswap,
    &buf::Buf,
    &cat::Cat,
    &cgroup::CgroupId,
    &cgroup::CgroupPath,
    &clear::Clear,
    &clear::Zero,
    &comm::Comm,
    &container_of::ContainerOf,
    &count::Count,
    &delete::Delete,
    &exit::Exit,
    &extreme::Max,
    &extreme::Min,
    &find::Find,
    &getopt::Getopt,
    &has_key::HasKey,
    &hist::Hist,
    &is_err::IsErr,
    &is_type::IsArray,
    &is_type::IsInteger,
    &is_type::IsLiteral,
    &is_type::IsPtr,
    &is_type::IsStr,
    &is_type::IsUnsignedInteger,
    &join::Join,
    &kaddr::Kaddr,
    &kfunc::KfuncAllowed,
    &kfunc::KfuncExist,
    &len::Len,
    &lhist::LinearHist,
    &macaddr::Macaddr,
    &memcmp::Memcmp,
    &message::Errorf,
    &message::Warnf,
    &named::SIGNAL_NAME,
    &named::STRERROR,
    &named::SYSCALL_NAME,
    &nsecs::Nsecs,
    &ntop::Ntop,
    &override_return::Override,
    &path::FilePath,
    &percpu_kaddr::PercpuKaddr,
    &pid::PID,
    &pid::TID,
    &print::Print,
    &printf::Printf,
    &pton::Pton,
    &reg::Reg,
    &relative::LEADER_COMM,
    &relative::LEADER_TID,
    &relative::PCOMM,
    &relative::PPID,
    &signal::Signal,
    &signal::SignalThread,
    &skboutput::SkbOutput,
    &socket_cookie::SocketCookie,
    &stack::KernelStack,
    &stack::UserStack,
    &dw_ustack::DwarfStack,
    &str::Str,
    &str_concat::StrConcat,
    &strcap::Strcap,
    &strftime::Strftime,
    &strlen::Strlen,
    &strncmp::Strncmp,
    &strstr::Strcontains,
    &strstr::Strstr,
    &sum::Sum,
    &symbol::KernelSymbol,
    &symbol::UserSymbol,
    &system::System,
    &time::Time,
    &tseries::TimeSeries,
    &uaddr::Uaddr,
    &unwatch::Unwatch,
    &write_user::WriteUser,
];

pub fn find(name: &str) -> Option<&'static dyn Function> {
    FUNCTIONS.iter().copied().find(|f| f.name() == name)
}

pub fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|f| f.name())
}
