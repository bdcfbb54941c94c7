//! DynamoDB storage of Perennial: keys, items, conditional writes, journal, due index.
