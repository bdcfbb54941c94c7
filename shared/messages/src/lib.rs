//! What travels on SQS and EventBridge, and how it is sent.
