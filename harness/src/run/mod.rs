//! The run: workloads drive the clients, faults strike, the witness writes the history.
