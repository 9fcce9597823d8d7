//! What the agent and the harness share: the control protocol.
