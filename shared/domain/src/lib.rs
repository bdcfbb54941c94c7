//! The rules of Perennial, pure: time, money, lifecycle, dunning.
