//! Small files that survive a crash whole: written beside, synced, and renamed into place.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

/// Replaces a file's content in one step. It outlives the process, however that ends; a power
/// failure may bring the old content back.
///
/// # Errors
/// When the file can't be written; the old content then stands.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, content)?;
    std::fs::rename(&beside, path)
}

/// Replaces a file's content in one step, and waits until it is on the disk.
///
/// # Errors
/// When the file can't be written; the old content then stands.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    synced(path, content, &mut OpenOptions::new())
}

/// Like [`write`], for a file that only its owner may read.
///
/// # Errors
/// When the file can't be written.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    synced(path, content, &mut options)
}

fn synced(path: &Path, content: &[u8], options: &mut OpenOptions) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = options.write(true).create(true).truncate(true).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    // The new name is on disk only when its directory is.
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
