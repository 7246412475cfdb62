//! Look-ups that need not be made again: `/@start[tid]/ { $time = nsecs - @start[tid]; ... }` asks the map once.
//!
//! What a look-up found stays known until a statement writes to the map. Only look-ups that every way through the rest of the program has
//! passed are remembered, and only for keys that do not change during an event.

use super::Lower;
use crate::llvm::PointerValue;
use crate::typed::visit::{self, Node};
use crate::typed::{Expr, ExprKind, MapId, Step, Stmt};
use crate::types::{Space, Ty};

/// The key of a look-up, as far as keys can be compared; none for a map without key.
#[derive(Debug, Clone, PartialEq)]
enum Key {
    Int(i64),
    Text(Vec<u8>),
    Builtin(&'static str),
    /// A field of the context, by record and index.
    Argument(Vec<crate::types::FieldRef>),
    Tuple(Vec<Key>),
}

/// What look-ups found, in the order in which they were made.
#[derive(Default)]
pub struct Known<'c> {
    found: Vec<(MapId, Option<Key>, PointerValue<'c>)>,
    /// Around what is being built: statements within statements, and operands that are not always evaluated.
    pub depth: u32,
}

impl Known<'_> {
    /// For a function that runs again and again: nothing is known, nor will be.
    pub fn nothing() -> Self {
        Known {
            found: Vec::new(),
            depth: ALWAYS + 1,
        }
    }
}

/// A look-up at this depth or above is on every way: in the predicate, or in a statement of the probe's own block.
const ALWAYS: u32 = 1;

impl<'c> Lower<'c, '_> {
    /// Builds what is not evaluated on every way.
    pub(super) fn sometimes<T>(&mut self, build: impl FnOnce(&mut Self) -> T) -> T {
        self.program.known.depth += 1;
        let built = build(self);
        self.program.known.depth -= 1;
        built
    }

    /// The entry of a map, or null, by a look-up now or before.
    pub(super) fn entry(&mut self, map: MapId, key: Option<&Expr>) -> PointerValue<'c> {
        let comparable = match key {
            None => Some(None),
            Some(key) => simple(key).map(Some),
        };
        if let Some(key) = &comparable {
            let known = &self.program.known.found;
            let same = known.iter().find(|(m, k, _)| *m == map && k == key);
            if let Some((.., found)) = same {
                return *found;
            }
        }
        let memory = self.map_key(map, key);
        let found = self.lookup(map, memory);
        if let (Some(key), true) = (comparable, self.program.known.depth <= ALWAYS) {
            self.program.known.found.push((map, key, found));
        }
        found
    }

    /// Forgets what a statement may change. Called before it, since it may read what it writes.
    pub(super) fn forget_entries(&mut self, stmt: &Stmt) {
        let mut written = Vec::new();
        visit::stmts(std::slice::from_ref(stmt), &mut |node| match node {
            Node::SetMap(map) => written.push(map),
            // The map itself as an argument: `delete`, `clear` and the like.
            Node::Expr(expr) => {
                if let ExprKind::MapRef(map) = expr.kind {
                    written.push(map);
                }
            }
            _ => {}
        });
        let known = &mut self.program.known.found;
        known.retain(|(map, ..)| !written.contains(map));
    }
}

/// The key, if it is the same throughout an event.
fn simple(key: &Expr) -> Option<Key> {
    Some(match &key.kind {
        ExprKind::Int(value) => Key::Int(*value),
        ExprKind::Str(bytes) => Key::Text(bytes.clone()),
        ExprKind::Builtin(builtin) => {
            let name = builtin.names()[0];
            let lasting = matches!(name, "pid" | "tid" | "uid" | "gid" | "cpu" | "curtask")
                || name.starts_with("arg") && name != "args"
                || name == "retval";
            lasting.then_some(Key::Builtin(name))?
        }
        // A conversion changes nothing that the key's place in the map does not.
        ExprKind::Cast(inner) if key.ty.is_scalar() && inner.ty.size() <= key.ty.size() => {
            simple(inner)?
        }
        ExprKind::Read(place) if matches!(place.base.ty, Ty::Ptr(_, Space::Context)) => {
            let field = |step: &Step| match step {
                Step::Field(field) => Some(*field),
                Step::Index { .. } => None,
            };
            Key::Argument(place.steps.iter().map(field).collect::<Option<_>>()?)
        }
        ExprKind::Tuple(items) => Key::Tuple(items.iter().map(simple).collect::<Option<_>>()?),
        _ => return None,
    })
}
