//! What queries an operation takes.

/// What queries an operation takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepts {
    /// The list that it answers; `None` for a single resource, which takes only `include` and
    /// `fields`.
    pub(crate) list: Option<List>,
}

/// A list, as far as queries go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    /// The attribute by which it stands in storage; `None` where it has an order of its own.
    pub(crate) by: Option<&'static str>,
    /// Whether that which has the most of it comes first, unless asked otherwise.
    pub(crate) descending: bool,
    /// Whether storage reads it in both directions.
    pub(crate) reversible: bool,
    /// Whether storage narrows it to a range of that attribute, which is an instant.
    pub(crate) narrowed: bool,
    /// Filters that lead straight to what is wanted.
    pub(crate) served: &'static [&'static str],
    /// Of these, those without which it does not answer.
    pub(crate) required: &'static [&'static str],
    /// Attributes that are found out only for what is answered: nothing is filtered or sorted by
    /// them.
    pub(crate) computed: &'static [&'static str],
}

impl Accepts {
    /// Only `include` and `fields`: a single resource.
    pub(crate) const SINGLE: Self = Self { list: None };
    /// What an organization has of a kind, by the time of creation, with all that can be asked.
    pub(crate) const INDEXED: Self = Self { list: Some(List::INDEXED) };
    /// A few that belong to one resource, in an order of their own.
    pub(crate) const WHOLE: Self = Self { list: Some(List::WHOLE) };

    /// The same, with these filters.
    pub(crate) const fn filtered(self, served: &'static [&'static str]) -> Self {
        match self.list {
            Some(list) => Self { list: Some(List { served, ..list }) },
            None => self,
        }
    }

    /// The same, newest first unless asked otherwise.
    pub(crate) const fn newest_first(self) -> Self {
        match self.list {
            Some(list) => Self { list: Some(List { descending: true, ..list }) },
            None => self,
        }
    }
}

impl List {
    /// A few, in an order of their own.
    pub(crate) const WHOLE: Self = Self {
        by: None,
        descending: false,
        reversible: false,
        narrowed: false,
        served: &[],
        required: &[],
        computed: &[],
    };
    /// What an organization has of a kind, by the time of creation.
    pub(crate) const INDEXED: Self =
        Self { by: Some("created_at"), reversible: true, narrowed: true, ..Self::WHOLE };
}
