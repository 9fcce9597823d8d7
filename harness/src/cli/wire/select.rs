//! Which calls are shown.

use super::Args;
use crate::cli::exit::Failure;
use crate::plan::Plan;
use crate::rpc::capture::Call;
use crate::rpc::operations;
use crate::suggest::{closest, listed};
use lockstorm_agent::glob;
use std::ops::RangeInclusive;

pub struct Select {
    node: Option<String>,
    path: Option<String>,
    operation: Option<String>,
    times: RangeInclusive<u64>,
}

impl Select {
    /// Refuses what no call can match.
    pub fn new(args: &Args, plan: &Plan) -> Result<Select, Failure> {
        if let Some(node) = &args.client {
            let names: Vec<&str> =
                plan.blueprint.nodes.iter().map(|node| node.name.as_str()).collect();
            if !names.contains(&node.as_str()) {
                let message =
                    format!("--client {node}: the run has no such node; it has {}", listed(&names));
                return Err(Failure::Argument(message));
            }
        }
        let times = match args.around {
            None => 0..=u64::MAX,
            Some(around) => {
                around.0.saturating_sub(args.within.0)..=around.0.saturating_add(args.within.0)
            }
        };
        Ok(Select {
            node: args.client.clone(),
            path: args.path.clone(),
            operation: args.op.as_deref().map(operation).transpose()?,
            times,
        })
    }

    pub fn takes(&self, call: &Call) -> bool {
        let is_node = |node: &String| [&call.from, &call.to].contains(&node);
        let is_operation =
            |name: &String| call.operations.iter().any(|done| done.operation == *name);
        let is_path = |pattern: &String| {
            let paths = call.operations.iter().flat_map(|done| [&done.path, &done.from]);
            paths.flatten().any(|path| glob::matches(pattern, path))
        };
        self.times.contains(&call.at_ns())
            && self.node.as_ref().is_none_or(is_node)
            && self.operation.as_ref().is_none_or(is_operation)
            && self.path.as_ref().is_none_or(is_path)
    }
}

/// The operation of a name, however it is written.
fn operation(name: &str) -> Result<String, Failure> {
    let upper = name.to_uppercase();
    if operations().any(|known| known == upper) {
        return Ok(upper);
    }
    let lower: Vec<String> = operations().map(str::to_lowercase).collect();
    let mend = match closest(name, lower.iter().map(String::as_str)) {
        Some(known) => format!("did you mean {}?", known.to_uppercase()),
        None => "expected one of NFS, such as LINK, OPEN or REMOVE".into(),
    };
    Err(Failure::Argument(format!("--op {name}: there is no such operation; {mend}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_may_be_written_small_and_a_slip_is_told_with_the_mend() {
        assert_eq!(operation("cb_recall").unwrap(), "CB_RECALL");
        let said = operation("LINKK").unwrap_err().to_string();
        assert_eq!(said, "--op LINKK: there is no such operation; did you mean LINK?");
        assert!(operation("banana").unwrap_err().to_string().contains("such as LINK"));
    }
}
