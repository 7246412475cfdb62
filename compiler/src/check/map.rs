//! Maps: their keys, their values, and how uses of one map agree.

use bt_grammar::ast;
use bt_grammar::diag::Diagnostic;
use bt_grammar::span::Span;

use super::merge::merge;
use super::{Checker, MapInfo};
use crate::typed::{Declared, Expr, ExprKind, MapId};
use crate::types::Ty;

/// Kernels before 5.11 refuse larger keys.
const KEY_LIMIT: u32 = 512;

/// No string in a key is cut below this.
const SHORTEST: u32 = 16;

/// The key with its strings cut so that it is not too large, the longest first; `None` if that does not suffice.
fn fit_key(ty: &Ty) -> Option<Ty> {
    let mut ty = ty.clone();
    loop {
        let size = ty.size();
        if size <= KEY_LIMIT {
            return Some(ty);
        }
        let longest = longest_string(&mut ty)?;
        if *longest <= SHORTEST {
            return None;
        }
        *longest = longest.saturating_sub(size - KEY_LIMIT).max(SHORTEST) / 8 * 8;
    }
}

fn longest_string(ty: &mut Ty) -> Option<&mut u32> {
    match ty {
        Ty::Str(size) => Some(size),
        Ty::Named(fields) => fields
            .iter_mut()
            .filter_map(|(_, ty)| longest_string(ty))
            .max_by_key(|size| **size),
        Ty::Tuple(items) => items
            .iter_mut()
            .filter_map(longest_string)
            .max_by_key(|size| **size),
        _ => None,
    }
}

impl Checker<'_> {
    /// The map of that name, made known if it is not.
    pub fn map_id(&mut self, name: &str, span: Span) -> MapId {
        if let Some(id) = self.map_ids.get(name) {
            self.maps[id.index()].used = true;
            return *id;
        }
        let id = MapId(self.maps.len() as u32);
        self.maps.push(MapInfo {
            name: name.into(),
            span,
            key: None,
            value: Ty::Unknown,
            value_span: span,
            declared: None,
            shared: false,
            counted: None,
            used: true,
        });
        self.map_ids.insert(name.into(), id);
        id
    }

    /// Programs read the map's aggregation: it is kept in one place, not on each CPU.
    pub fn share(&mut self, id: MapId) {
        self.maps[id.index()].shared = true;
    }

    /// `let @map = kind(max_entries);`
    pub(super) fn map_declaration(&mut self, decl: &ast::MapDecl) {
        let used = self.map_ids.contains_key(&decl.map.node);
        let id = self.map_id(&decl.map.node, decl.map.span);
        self.maps[id.index()].used = used;
        let (lru, per_cpu) = match decl.kind.node.as_str() {
            "hash" => (false, false),
            "lruhash" => (true, false),
            "percpuhash" => (false, true),
            "percpulruhash" => (true, true),
            kind => {
                let message = format!("unknown kind of map `{kind}`");
                let error = Diagnostic::error("E0312", decl.kind.span, message);
                let kinds = "kinds are hash, lruhash, percpuhash and percpulruhash";
                self.report(error.here("no such kind").help(kinds));
                return;
            }
        };
        let max_entries = match decl.max_entries.as_ref().map(|size| self.constant(size)) {
            Some(Some(size @ 1..=0x7fff_ffff)) => size as u32,
            _ => {
                let span = decl.max_entries.as_ref().map_or(decl.span, |e| e.span);
                let error = Diagnostic::error("E0406", span, "the size of a map must be a literal");
                self.report(error.here("expected a number of entries above 0"));
                return;
            }
        };
        if self.maps[id.index()].declared.is_some() {
            let message = format!("map `{}` is declared twice", decl.map.node);
            let error = Diagnostic::error("E0208", decl.map.span, message).here("declared again");
            self.report(error.also(self.maps[id.index()].span, "first here"));
            return;
        }
        self.maps[id.index()].declared = Some(Declared {
            lru,
            per_cpu,
            max_entries,
        });
    }

    /// Kinds of maps that do not fit what is in them, and maps that nothing uses.
    pub(super) fn declared_maps(&mut self) {
        let mut found = Vec::new();
        for map in &self.maps {
            let Some(declared) = map.declared else {
                continue;
            };
            if !map.used {
                let message = format!("map `{}` is never used", map.name);
                found.push(Diagnostic::warning("W0921", map.span, message).here("declared here"));
                continue;
            }
            let aggregation = matches!(map.value, Ty::Agg(_));
            if map.value.is_unknown() || aggregation == declared.per_cpu {
                continue;
            }
            let (message, help) = match aggregation {
                true => (
                    "an aggregation needs a map that is kept per CPU",
                    "declare it as percpuhash or percpulruhash",
                ),
                false => (
                    "a map that is kept per CPU holds aggregations alone",
                    "declare it as hash or lruhash",
                ),
            };
            let value = format!("`{}` is assigned here", self.show(&map.value));
            let error = Diagnostic::error("E0312", map.span, message).here("of another kind");
            found.push(error.also(map.value_span, value).help(help));
        }
        found.into_iter().for_each(|d| self.report(d));
    }

    pub fn map(&self, id: MapId) -> &MapInfo {
        &self.maps[id.index()]
    }

    /// A use of a map, `@x` or `@x[key]`: the map and the checked key.
    pub fn map_use(&mut self, expr: &ast::Expr) -> Option<(MapId, Option<Expr>)> {
        match &expr.kind {
            ast::ExprKind::Map(name) => {
                let map = self.map_id(name, expr.span);
                self.unify_key(map, None, expr.span);
                Some((map, None))
            }
            ast::ExprKind::Index { base, indices } => {
                let ast::ExprKind::Map(name) = &base.kind else {
                    return None;
                };
                let map = self.map_id(name, base.span);
                let key = self.map_key(indices, expr.span);
                Some((map, Some(self.keyed(map, key))))
            }
            _ => None,
        }
    }

    /// Several indices are one tuple.
    pub fn map_key(&mut self, indices: &[ast::Expr], span: Span) -> Expr {
        indices.iter().for_each(|i| self.warn_of_open_param(i));
        let mut keys: Vec<Expr> = indices.iter().map(|i| self.value(i)).collect();
        match keys.len() {
            1 => keys.remove(0),
            _ => {
                let ty = Ty::Tuple(keys.iter().map(|k| k.ty.clone()).collect());
                let unknown = keys.iter().any(|k| k.ty.is_unknown());
                Expr {
                    kind: ExprKind::Tuple(keys),
                    ty: if unknown { Ty::Unknown } else { ty },
                    span,
                }
            }
        }
    }

    /// Fits a key to its map: the map's key type grows, the key is converted.
    pub fn keyed(&mut self, map: MapId, key: Expr) -> Expr {
        let span = key.span;
        let ty = key.ty.clone();
        if !ty.is_unknown() && ty.to_abi().is_none() {
            self.report(
                Diagnostic::error(
                    "E0302",
                    span,
                    format!("a value of type `{}` cannot be a map key", self.show(&ty)),
                )
                .here("this is the key")
                .help("use a field of it, or its address"),
            );
            return Expr::poison(span);
        }
        let ty = match fit_key(&ty) {
            Some(fitted) => fitted,
            None => {
                let size = ty.size();
                let error = Diagnostic::error(
                    "E0309",
                    span,
                    format!("this key has {size} bytes, a map key has {KEY_LIMIT} at most"),
                );
                self.report(
                    error
                        .here("too large")
                        .help("use fewer or shorter values as the key"),
                );
                return Expr::poison(span);
            }
        };
        self.unify_key(map, Some(ty), span);
        match self.maps[map.index()].key.clone() {
            Some((Some(target), _)) => self.convert(key, &target),
            _ => key,
        }
    }

    fn unify_key(&mut self, map: MapId, ty: Option<Ty>, span: Span) {
        let info = &self.maps[map.index()];
        let Some((known, known_span)) = info.key.clone() else {
            if ty.as_ref().is_none_or(|t| !t.is_unknown()) {
                self.maps[map.index()].key = Some((ty, span));
                self.changed = true;
            }
            return;
        };
        let name = info.name.clone();
        match (known, ty) {
            (None, None) => {}
            (Some(known), Some(ty)) => match merge(&known, &ty) {
                Some(merged) if merged == known => {}
                Some(merged) => {
                    self.maps[map.index()].key = Some((Some(merged), known_span));
                    self.changed = true;
                }
                None => self.report(
                    Diagnostic::error("E0302", span, format!("wrong key type for map `{name}`"))
                        .here(format!("this key is `{}`", self.show(&ty)))
                        .also(
                            known_span,
                            format!("first used with a key of type `{}`", self.show(&known)),
                        ),
                ),
            },
            (None, Some(_)) => self.report(
                Diagnostic::error(
                    "E0308",
                    span,
                    format!("map `{name}` is used with and without a key"),
                )
                .here("with a key here")
                .also(known_span, "without one here"),
            ),
            (Some(_), None) => self.report(
                Diagnostic::error(
                    "E0308",
                    span,
                    format!("map `{name}` is used with and without a key"),
                )
                .here("without a key here")
                .also(known_span, "with one here")
                .help(format!("write `{name}[...]`")),
            ),
        }
    }

    /// Fits a value to its map: the map's value type grows. Reports a mismatch and gives false.
    pub fn unify_value(&mut self, map: MapId, ty: &Ty, span: Span) -> bool {
        let info = &self.maps[map.index()];
        let (known, known_span, name) = (info.value.clone(), info.value_span, info.name.clone());
        match merge(&known, ty) {
            Some(merged) if merged == known => true,
            Some(merged) => {
                let info = &mut self.maps[map.index()];
                info.value = merged;
                if known.is_unknown() {
                    info.value_span = span;
                }
                self.changed = true;
                true
            }
            None => {
                self.report(
                    Diagnostic::error("E0301", span, format!("type mismatch for map `{name}`"))
                        .here(format!("this is `{}`", self.show(ty)))
                        .also(
                            known_span,
                            format!("the map holds `{}` since here", self.show(&known)),
                        )
                        .help("use another map for values of another type"),
                );
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::INT64;

    #[test]
    fn long_strings_in_keys_are_cut() {
        assert_eq!(fit_key(&Ty::Str(1024)), Some(Ty::Str(512)));
        assert_eq!(fit_key(&Ty::Str(64)), Some(Ty::Str(64)));
        let two = fit_key(&Ty::Tuple(vec![INT64, Ty::Str(1024), Ty::Str(1024)])).expect("fits");
        assert!(two.size() <= KEY_LIMIT, "{two:?}");
        assert_eq!(fit_key(&Ty::Array(Box::new(INT64), 100)), None);
    }
}
