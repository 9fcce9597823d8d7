//! Stories that once went wrong, told to the run's code.
