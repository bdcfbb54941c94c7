//! What a stack is started with.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use crate::{identity::SigningKey, invoke::FunctionFactory, template::TemplateError};

/// The template as it was when this program was compiled.
pub const EMBEDDED_TEMPLATE: &str = include_str!("../../../../template.yaml");

/// The template's name in a checkout.
const FILE: &str = "template.yaml";

/// What a stack is started with.
#[derive(Clone)]
pub struct StackOptions {
    /// The port on 127.0.0.1; 0 for any free one.
    pub port: u16,
    /// Where data is kept; `None` for memory only.
    pub data: Option<PathBuf>,
    /// The template's text.
    pub template: String,
    /// Values for the template's parameters, over its defaults.
    pub parameters: BTreeMap<String, String>,
    /// How functions are built.
    pub functions: FunctionFactory,
    /// Whether consumed capacity is counted from the start.
    pub metered: bool,
    /// What signs tokens; `None` for the key that is kept with the data, or in memory for a new one.
    pub signing_key: Option<Arc<SigningKey>>,
}

impl std::fmt::Debug for StackOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("StackOptions")
            .field("port", &self.port)
            .field("data", &self.data)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

impl StackOptions {
    /// Perennial's own template and functions, on any free port, in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            port: 0,
            data: None,
            template: EMBEDDED_TEMPLATE.to_owned(),
            parameters: BTreeMap::new(),
            functions: Arc::new(perennial_functions::build::named),
            metered: true,
            signing_key: None,
        }
    }
}

/// The text of the template at `path`; without a path, of `template.yaml` in the current directory
/// or the nearest one above it, or else the one that was compiled in.
///
/// # Errors
/// [`TemplateError::Unreadable`].
pub fn find_template(path: Option<PathBuf>) -> Result<String, TemplateError> {
    let found = path.or_else(|| {
        let current = std::env::current_dir().ok()?;
        current.ancestors().map(|directory| directory.join(FILE)).find(|file| file.is_file())
    });
    match found {
        Some(path) => std::fs::read_to_string(&path)
            .map_err(|source| TemplateError::Unreadable { path, source }),
        None => Ok(EMBEDDED_TEMPLATE.to_owned()),
    }
}
