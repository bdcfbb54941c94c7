//! Programs: checked when they are stored, and run on a stack and a budget of their own.

use std::{any::Any, thread};

use jaq_core::{
    Compiler, Ctx, DataT, Lut, Vars,
    data::HasLut,
    load::{self, Arena, File, Loader, lex::Lexer, lex::Tok, lex::Token},
    native::{Fun, run as native},
    unwrap_valr,
};
use serde_json::Value;
use thiserror::Error;

use crate::{budget, budget::Bound, natives::natives, value::Val};

/// Longest program, in bytes.
pub const MAX_PROGRAM: usize = 16 * 1024;
/// Most tokens of a program: as deep as it can nest without brackets.
const MAX_TOKENS: usize = 4_000;
/// Deepest nesting of brackets in a program.
const MAX_BRACKETS: usize = 64;
/// The stack that programs are compiled and run on. Only what is used of it takes memory.
const STACK: usize = 4 * budget::MAX_STACK;
/// Longest text of an error that is told, in characters.
const MAX_WORDS: usize = 500;
/// Longest document that a program may make, in bytes.
const MAX_DOCUMENT: usize = 256 * 1024;

/// What is wrong with a program, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct Fault {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

/// Why a program made no document of a payload.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RunError {
    /// It is no program.
    #[error("the mapping is not a program: {}", .0.first().map(ToString::to_string).unwrap_or_default())]
    Program(Vec<Fault>),
    /// It ended with an error: its own, or the language's.
    #[error("the mapping ended with an error: {0}")]
    Failed(String),
    /// It would take more than it may.
    #[error("the mapping was stopped: {0}")]
    Stopped(Bound),
    /// It made nothing.
    #[error("the mapping made no document")]
    Nothing,
    /// It made more than one.
    #[error("the mapping made more than one document")]
    Several,
    /// A number of the document has more digits than JSON values keep: an amount would be another.
    #[error("the mapping made a document that can't be kept: {0}")]
    Inexact(String),
    /// The document is too large.
    #[error("the mapping made a document of {0} bytes; at most {MAX_DOCUMENT} are taken")]
    TooLarge(usize),
    /// It could not be run at all.
    #[error("the mapping could not be run: {0}")]
    Broken(String),
}

/// What programs work on: our values. Every step of a program looks up what is next, which is where
/// steps are counted.
pub(crate) struct Program;

/// The parts of the program that is run.
#[derive(Clone)]
pub(crate) struct Parts<'a>(&'a Lut<Program>);

impl DataT for Program {
    type V<'a> = Val;
    type Data<'a> = Parts<'a>;
}

impl<'a> HasLut<'a, Program> for Parts<'a> {
    fn lut(&self) -> &'a Lut<Program> {
        budget::step(1);
        self.0
    }
}

type Filter = jaq_core::Filter<Program>;

/// Checks that a program compiles.
///
/// # Errors
/// All that is wrong with it.
pub fn check(program: &str) -> Result<(), Vec<Fault>> {
    let checked = apart(|| compile(program).map(drop));
    checked.unwrap_or_else(|broken| Err(vec![fault(program, 0, &broken.to_string())]))
}

/// Runs a program on a payload. `$channel` is what the second value says.
///
/// # Errors
/// When it is no program, fails, is stopped, or makes anything but one document.
pub fn run(program: &str, payload: &Value, channel: &Value) -> Result<Value, RunError> {
    let made = apart(|| -> Result<Value, RunError> {
        let filter = compile(program).map_err(RunError::Program)?;
        let read = |value: &Value| {
            let refuse = |number| RunError::Failed(format!("{number} has more than 28 digits"));
            Val::of_json(value).map_err(refuse)
        };
        let (payload, channel) = (read(payload)?, read(channel)?);
        let context = Ctx::<Program>::new(Parts(&filter.lut), Vars::new([channel]));
        let mut documents = filter.id.run((context, payload)).map(unwrap_valr);
        let first = documents.next().ok_or(RunError::Nothing)?;
        let first = first.map_err(failed)?;
        match documents.next() {
            None => {}
            Some(Ok(_)) => return Err(RunError::Several),
            Some(Err(error)) => return Err(failed(error)),
        }
        first.to_json().map_err(|inexact| RunError::Inexact(inexact.to_string()))
    });
    let document = made??;
    let bytes = document.to_string().len();
    if bytes > MAX_DOCUMENT { Err(RunError::TooLarge(bytes)) } else { Ok(document) }
}

/// An error as its words, where it has some.
fn failed(error: jaq_core::Error<Val>) -> RunError {
    match error.into_val() {
        Val::Str(words) => RunError::Failed(words.chars().take(MAX_WORDS).collect()),
        other => RunError::Failed(other.to_string()),
    }
}

/// Runs something on a stack and a budget of its own.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, RunError> {
    thread::scope(|scope| {
        let budgeted = || {
            budget::begin();
            work()
        };
        let thread = thread::Builder::new().name("mapping".to_owned()).stack_size(STACK);
        let thread = thread.spawn_scoped(scope, budgeted);
        let thread = thread.map_err(|error| RunError::Broken(error.to_string()))?;
        thread.join().map_err(|payload| ended(payload.as_ref()))
    })
}

/// Why a thread unwound.
fn ended(payload: &(dyn Any + Send)) -> RunError {
    match payload.downcast_ref::<Bound>() {
        Some(bound) => RunError::Stopped(*bound),
        None => RunError::Broken("it panicked".to_owned()),
    }
}

fn compile(program: &str) -> Result<Filter, Vec<Fault>> {
    check_size(program)?;
    let prelude = load::parse(include_str!("prelude.jq"), |parser| parser.defs());
    let broken = || vec![fault(program, 0, "the prelude is broken")];
    let prelude = prelude.ok_or_else(broken)?;
    let arena = Arena::default();
    let loader = Loader::new(jaq_core::defs().chain(prelude));
    let modules = loader.load(&arena, File { code: program, path: () });
    let modules = modules.map_err(|errors| {
        errors.into_iter().flat_map(|(_, error)| unread(program, error)).collect::<Vec<_>>()
    })?;
    let ours = natives().into_iter().map(native::<Program>);
    let functions: Vec<Fun<Program>> = jaq_core::funs::<Program>().chain(ours).collect();
    let compiler = Compiler::<_, Program>::default().with_funs(functions);
    let compiled = compiler.with_global_vars(["$channel"]).compile(modules);
    compiled.map_err(|errors| {
        let undefined = errors.into_iter().flat_map(|(_, undefined)| undefined);
        let told = |(name, what): (&str, jaq_core::compile::Undefined)| {
            at(program, name, &format!("there is no {} {name}", what.as_str()))
        };
        undefined.map(told).collect::<Vec<_>>()
    })
}

/// Refuses what could not be parsed on any stack.
fn check_size(program: &str) -> Result<(), Vec<Fault>> {
    let refuse = |place: usize, reason: String| Err(vec![fault(program, place, &reason)]);
    if program.len() > MAX_PROGRAM {
        let reason =
            format!("the program has {} bytes; at most {MAX_PROGRAM} are taken", program.len());
        return refuse(MAX_PROGRAM, reason);
    }
    let mut open = 0_usize;
    for (place, byte) in program.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > MAX_BRACKETS {
            return refuse(place, format!("brackets nest more than {MAX_BRACKETS} deep"));
        }
    }
    let tokens = Lexer::new(program).lex().unwrap_or_default();
    match counted(&tokens) > MAX_TOKENS {
        true => refuse(0, format!("the program has more than {MAX_TOKENS} tokens")),
        false => Ok(()),
    }
}

fn counted(tokens: &[Token<&str>]) -> usize {
    let within = |token: &Token<&str>| match &token.1 {
        Tok::Block(tokens) => counted(tokens),
        Tok::Str(parts) => {
            let terms = parts.iter().filter_map(|part| match part {
                load::lex::StrPart::Term(token) => Some(counted(std::slice::from_ref(token))),
                load::lex::StrPart::Str(_) | load::lex::StrPart::Char(_) => None,
            });
            terms.sum()
        }
        Tok::Word | Tok::Var | Tok::Fmt | Tok::Num | Tok::Sym => 0,
    };
    tokens.iter().map(|token| 1 + within(token)).sum()
}

/// What the loader says is wrong.
fn unread(program: &str, error: load::Error<&str>) -> Vec<Fault> {
    match error {
        load::Error::Io(missing) => {
            let told =
                |(path, _): (&str, String)| at(program, path, "a mapping can't import anything");
            missing.into_iter().map(told).collect()
        }
        load::Error::Lex(errors) => {
            let told = |(expected, found): load::lex::Error<&str>| {
                at(program, found, &format!("a {} is expected", expected.as_str()))
            };
            errors.into_iter().map(told).collect()
        }
        load::Error::Parse(errors) => {
            let told = |(expected, found): load::parse::Error<&str>| {
                at(program, found, &format!("{} is expected", expected.as_str()))
            };
            errors.into_iter().map(told).collect()
        }
    }
}

/// A fault at a part of the program.
fn at(program: &str, part: &str, reason: &str) -> Fault {
    let (start, length) = (program.as_ptr().addr(), program.len());
    let place = part.as_ptr().addr().checked_sub(start).filter(|place| *place <= length);
    fault(program, place.unwrap_or(length), reason)
}

fn fault(program: &str, place: usize, reason: &str) -> Fault {
    let mut place = place.min(program.len());
    while !program.is_char_boundary(place) {
        place -= 1;
    }
    let before = program.get(..place).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Fault { line, column, reason: reason.to_owned() }
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
