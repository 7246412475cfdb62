//! Look-ups that need not be made again: `/@start[tid]/ { $time = nsecs - @start[tid]; ... }` asks the map once.
//!
//! Only what a predicate looks up is remembered, where every way to the body has passed it and the predicate does not write to the map
//! itself; only for keys that do not change during an event; and only until the first statement that writes to the map, anywhere in it.

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

/// What a predicate's look-ups found.
#[derive(Default)]
pub struct Known<'c> {
    found: Vec<(MapId, Option<Key>, PointerValue<'c>)>,
    /// Maps whose look-ups are remembered: while a predicate is built, those that it does not write to.
    watched: Vec<MapId>,
    /// Operands around that are not always evaluated.
    depth: u32,
}

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
        let known = &mut self.program.known;
        if let Some(key) = comparable
            && known.depth == 0
            && known.watched.contains(&map)
        {
            known.found.push((map, key, found));
        }
        found
    }

    /// A predicate is built from here on. Entries of LRU maps may go to another key at any time.
    pub(super) fn watch_lookups(&mut self, predicate: &Expr) {
        let written = self.written_in(|visit| visit::expression(predicate, visit));
        let maps = self.script.maps.iter().enumerate();
        let lasting = maps.filter(|(_, map)| map.declared.is_none_or(|d| !d.lru));
        let ids = lasting.map(|(index, _)| MapId(index as u32));
        self.program.known.watched = ids.filter(|map| !written.contains(map)).collect();
    }

    /// The predicate is over: nothing more is remembered.
    pub(super) fn stop_watching(&mut self) {
        self.program.known.watched.clear();
    }

    /// Forgets what a statement may change. Called before it, since it may read what it writes.
    pub(super) fn forget_entries(&mut self, stmt: &Stmt) {
        if self.program.known.found.is_empty() {
            return;
        }
        let written = self.written_in(|visit| visit::stmts(std::slice::from_ref(stmt), visit));
        let known = &mut self.program.known.found;
        known.retain(|(map, ..)| !written.contains(map));
    }

    /// The maps that are written to in what a walk meets.
    fn written_in<'t>(&self, walk: impl FnOnce(&mut dyn FnMut(Node<'t>))) -> Vec<MapId> {
        let mut written = Vec::new();
        walk(&mut |node| match node {
            Node::SetMap(map) => written.push(map),
            // The map itself as an argument: `delete`, `clear` and the like.
            Node::Expr(expr) => {
                if let ExprKind::MapRef(map) = expr.kind {
                    written.push(map);
                }
            }
            _ => {}
        });
        written
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
        ExprKind::Read(place) if matches!(place.base.ty, Ty::Ptr(_, Space::Context)) => {
            let field = |step: &Step| match step {
                Step::Field(field) => Some(*field),
                Step::Index { .. } => None,
            };
            Key::Argument(place.steps.iter().map(field).collect::<Option<_>>()?)
        }
        ExprKind::Tuple(items) if matches!(key.ty, Ty::Tuple(_)) => {
            Key::Tuple(items.iter().map(simple).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}
