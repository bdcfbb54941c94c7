//! Every interleaving of a run: its worker dies at each of its await points and is started again, or
//! waits at each of them while somebody else acts. Whatever happens, one number makes one order and
//! at most one charge.
//!
//! Each call to AWS, the provider's included, has two await points: before the request has left, and
//! after it took effect but before its answer is seen. What lies between two calls has no effect that
//! outlives the process, so these are all the points that matter.

mod crashes;
mod orders;
mod others;
mod stage;
mod stuck;
