//! No `RefCell` or `Mutex` guard of a head lives while its body may call foreign code.
//!
//! A guard that is a temporary in the head of `match`, `while let` or `for` lives until the end of the body; in the head of
//! `if let` until the end of the first block (edition 2024). What a body does with it is checked by name:
//! the calls in [`HARMLESS`] neither run a protocol, a callback or a `Drop` of one, nor drop a value.
//! Any other call needs a comment directly above the head that begins with `// Borrowed:` and says why
//! no foreign code runs.
//!
//! Invariant: a head in a closure or a block of the head is a head of its own; its guard ends there.

use std::collections::BTreeSet;
use std::path::Path;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Expr, ExprCall, ExprForLoop, ExprIf, ExprMatch, ExprMethodCall, ExprWhile, Macro};

use crate::excused::is_excused;
use crate::names::packages;
use crate::source::{Read, Source, product, real};
use crate::workspace::assert_none;

/// Methods that give a guard.
const GUARDS: [&str; 5] = ["borrow", "borrow_mut", "lock", "try_borrow", "try_borrow_mut"];

/// Methods that run no foreign code and drop no value.
const HARMLESS: [&str; 25] = [
    "as_deref",
    "as_mut",
    "as_ref",
    "as_slice",
    "as_str",
    "clone",
    "cloned",
    "contains",
    "copied",
    "extend_from_slice",
    "first",
    "get",
    "get_mut",
    "is_empty",
    "is_none",
    "is_some",
    "iter",
    "iter_mut",
    "last",
    "len",
    "min",
    "max",
    "push",
    "push_back",
    "to_owned",
];

/// Macros that run no foreign code, as long as all is well.
const HARMLESS_MACROS: [&str; 7] =
    ["assert", "assert_eq", "debug_assert", "debug_assert_eq", "matches", "panic", "unreachable"];

/// The beginning of the comment that says why no foreign code runs.
const REASON: &str = "// Borrowed: ";

#[test]
fn no_guard_in_a_head_lives_while_foreign_code_runs() {
    let packages = packages().into_iter().filter(|(directory, _)| !is_excused(directory));
    let roots: BTreeSet<_> = packages.flat_map(|(_, roots)| roots).collect();
    let findings = roots.iter().flat_map(|root| findings(root, &real));
    assert_none(&findings.collect::<Vec<_>>());
}

/// The heads with a guard, below one root.
fn findings(root: &Path, read: Read<'_>) -> Vec<String> {
    let mut findings = Vec::new();
    for source in product(root, read) {
        let text = read(&source.file).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let unreasoned = heads(&source).into_iter().filter(|head| !has_reason(&lines, head.line));
        findings.extend(unreasoned.map(|Head { line, keyword, call }| {
            let place = format!("{}:{line}", source.file.display());
            format!("{place} the guard in the head of this `{keyword}` lives while `{call}` runs")
        }));
    }
    findings
}

/// Whether the comment directly above a line gives the reason.
fn has_reason(lines: &[&str], line: usize) -> bool {
    let above = lines[..line - 1].iter().rev().map(|line| line.trim());
    above.take_while(|line| line.starts_with("//")).any(|line| line.starts_with(REASON))
}

/// A head with a guard, whose body calls what may be foreign.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    line: usize,
    keyword: &'static str,
    call: String,
}

fn heads(source: &Source) -> Vec<Head> {
    let mut visitor = Heads(Vec::new());
    visitor.visit_file(&source.syntax);
    visitor.0
}

struct Heads(Vec<Head>);

impl Heads {
    fn check(&mut self, head: &Expr, line: usize, keyword: &'static str, body: Calls) {
        let mut guards = Guards(false);
        guards.visit_expr(head);
        if let Some(call) = body.0.filter(|_| guards.0) {
            self.0.push(Head { line, keyword, call });
        }
    }
}

impl Visit<'_> for Heads {
    fn visit_expr_match(&mut self, expression: &ExprMatch) {
        let mut body = Calls(None);
        expression.arms.iter().for_each(|arm| body.visit_arm(arm));
        let line = expression.match_token.span.start().line;
        self.check(&expression.expr, line, "match", body);
        visit::visit_expr_match(self, expression);
    }

    fn visit_expr_if(&mut self, expression: &ExprIf) {
        if lets(&expression.cond) {
            let mut body = Calls(None);
            body.visit_block(&expression.then_branch);
            let line = expression.if_token.span.start().line;
            self.check(&expression.cond, line, "if let", body);
        }
        visit::visit_expr_if(self, expression);
    }

    fn visit_expr_while(&mut self, expression: &ExprWhile) {
        if lets(&expression.cond) {
            let mut body = Calls(None);
            body.visit_block(&expression.body);
            let line = expression.while_token.span.start().line;
            self.check(&expression.cond, line, "while let", body);
        }
        visit::visit_expr_while(self, expression);
    }

    fn visit_expr_for_loop(&mut self, expression: &ExprForLoop) {
        let mut body = Calls(None);
        body.visit_block(&expression.body);
        let line = expression.for_token.span.start().line;
        self.check(&expression.expr, line, "for", body);
        visit::visit_expr_for_loop(self, expression);
    }
}

/// Whether a condition binds with `let`, and so keeps its temporaries for the block.
fn lets(condition: &Expr) -> bool {
    match condition {
        Expr::Let(_) => true,
        Expr::Binary(both) => lets(&both.left) || lets(&both.right),
        Expr::Paren(inner) => lets(&inner.expr),
        _ => false,
    }
}

/// Whether a head has a guard that is a temporary of its own.
struct Guards(bool);

impl Visit<'_> for Guards {
    fn visit_expr_method_call(&mut self, call: &ExprMethodCall) {
        self.0 |= call.args.is_empty() && GUARDS.iter().any(|guard| call.method == guard);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_closure(&mut self, _: &syn::ExprClosure) {}

    fn visit_block(&mut self, _: &syn::Block) {}
}

/// The first call of a body that may be foreign.
struct Calls(Option<String>);

impl Calls {
    fn found(&mut self, name: impl FnOnce() -> String) {
        self.0.get_or_insert_with(name);
    }
}

impl Visit<'_> for Calls {
    fn visit_expr_call(&mut self, call: &ExprCall) {
        match &*call.func {
            Expr::Path(function) if is_constructor(&function.path) => {}
            Expr::Path(function) => self.found(|| written(&function.path)),
            _ => self.found(|| format!("the closure on line {}", call.span().start().line)),
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &ExprMethodCall) {
        if !HARMLESS.iter().any(|harmless| call.method == harmless) {
            self.found(|| call.method.to_string());
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, invocation: &Macro) {
        if !HARMLESS_MACROS.iter().any(|harmless| invocation.path.is_ident(harmless)) {
            self.found(|| format!("{}!", written(&invocation.path)));
        }
    }
}

/// Whether a call makes a value: `Some`, `Self`, `Rc::clone`.
fn is_constructor(path: &syn::Path) -> bool {
    let last = path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
    last.starts_with(char::is_uppercase)
        || matches!(written(path).as_str(), "Rc::clone" | "Rc::downgrade")
}

fn written(path: &syn::Path) -> String {
    let names: Vec<String> = path.segments.iter().map(|it| it.ident.to_string()).collect();
    names.join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of the findings in a function with this body, which begins on line 2.
    fn lines(body: &str) -> Vec<usize> {
        let text = format!("fn f(a: &A) {{\n{body}\n}}\n");
        let findings = findings(Path::new("p/src/lib.rs"), &|_| Some(text.clone()));
        let line = |finding: String| finding.split([':', ' ']).nth(1)?.parse().ok();
        findings.into_iter().filter_map(line).collect()
    }

    #[test]
    fn each_head_that_keeps_its_guard_is_found() {
        assert_eq!(lines("if let Some(b) = a.b.borrow().clone() { b.call(); }"), [2]);
        assert_eq!(lines("while let Some(b) = a.b.borrow_mut().pop() { b(); }"), [2]);
        assert_eq!(lines("match a.b.lock().state { 1 => run(), _ => {} }"), [2]);
        assert_eq!(lines("for b in a.b.borrow().iter() {\n b.call(); }"), [2]);
        assert_eq!(
            lines("let c = true;\nif c && let Some(b) = a.b.borrow().as_ref() { (b.run)(); }"),
            [3]
        );
        assert_eq!(lines("if a.c {} else if let Ok(b) = a.b.try_borrow_mut() { b.call(); }"), [2]);
        assert_eq!(lines("match a.b.borrow().c { 1 if a.call() => 1, _ => 2 };"), [2]);
        assert_eq!(lines("if let Some(b) = &*a.b.borrow() { log!(\"{b}\"); }"), [2]);
    }

    #[test]
    fn a_guard_that_ends_before_the_body_is_not_found() {
        assert_eq!(lines("let b = a.b.borrow_mut().pop();\nif let Some(b) = b { b.call(); }"), []);
        assert_eq!(lines("if a.b.borrow().is_some() { a.call(); }"), []);
        assert_eq!(lines("while a.b.borrow().len() > 1 { a.call(); }"), []);
        assert_eq!(lines("while let Some(b) = { a.b.borrow_mut().pop() } { b.call(); }"), []);
        assert_eq!(lines("if let Some(b) = next(|| a.b.borrow_mut().pop()) { b.call(); }"), []);
        assert_eq!(lines("if let Some(b) = a.b.borrow().c { 1 } else { a.call() }"), []);
    }

    #[test]
    fn a_body_that_calls_nothing_foreign_is_not_found() {
        assert_eq!(
            lines("match &*a.b.borrow() { Some(b) => Some(Rc::clone(b)), None => None }"),
            []
        );
        assert_eq!(
            lines("for b in a.b.borrow().iter() { count += b.len(); assert!(count > 0); }"),
            []
        );
    }

    #[test]
    fn a_comment_above_the_head_gives_the_reason() {
        let head = "if let Some(b) = a.b.borrow().as_ref() { b.call(); }";
        assert_eq!(lines(&format!("// Borrowed: `call` only counts.\n{head}")), []);
        assert_eq!(
            lines(&format!("// Borrowed: `call` only counts,\n// and b is ours.\n{head}")),
            []
        );
        assert_eq!(lines(&format!("// It is fine.\n{head}")), [3]);
        assert_eq!(lines(&format!("// Borrowed: not above.\nlet c = 1;\n{head}")), [4]);
    }
}
