//! Receipt handles: which message, in which receive, of which run of this program.

use super::{SqsError, queue::Sequence};

/// What a receipt handle says. A later receive of the same message, or a restart, makes it stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Receipt {
    /// Differs between two runs of the program, so that handles from before a restart are stale.
    pub(super) incarnation: u32,
    pub(super) sequence: Sequence,
    pub(super) receive_count: u32,
}

impl Receipt {
    pub(super) fn handle(self) -> String {
        let Self { incarnation, sequence, receive_count } = self;
        format!("{incarnation:08x}-{sequence:x}-{receive_count:x}")
    }

    pub(super) fn parse(handle: &str) -> Result<Self, SqsError> {
        let mut parts = handle.split('-');
        let mut part = || parts.next();
        let parsed = (|| {
            let receipt = Self {
                incarnation: u32::from_str_radix(part()?, 16).ok()?,
                sequence: Sequence::from_str_radix(part()?, 16).ok()?,
                receive_count: u32::from_str_radix(part()?, 16).ok()?,
            };
            part().is_none().then_some(receipt)
        })();
        parsed.ok_or_else(|| SqsError::ReceiptHandleIsInvalid(handle.to_owned()))
    }
}
