//! The directory that keeps a stack's data, held by one process at a time.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Why a data directory can't be used.
#[derive(Debug, Error)]
pub enum DataError {
    /// Another process uses it.
    #[error(
        "the data directory {} is in use by another process; stop that, or choose another with \
         --data", .0.display()
    )]
    InUse(PathBuf),
    /// It can't be made or locked.
    #[error("the data directory {} can't be used: {source}", .path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

/// A locked data directory. The lock ends with the process, however that ends.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    _lock: File,
}

impl DataDirectory {
    /// Makes the directory if it is missing, and locks it.
    ///
    /// # Errors
    /// [`DataError`].
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let unusable = |source| DataError::Unusable { path: path.to_owned(), source };
        std::fs::create_dir_all(path).map_err(unusable)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
