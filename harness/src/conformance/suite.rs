//! A foreign test program on a client's mount: started, and left alone while faults strike and end.

use crate::fault::Strike;
use crate::plan::Plan;
use crate::run::lab::{Lab, NoAnswer};
use crate::site::{NodeId, Resources};
use crate::units::Nanos;
use lockstorm_agent::SUPPLEMENT;
use lockstorm_agent::probe::{Answer, Call};
use lockstorm_reports::text::clean;
use std::str::FromStr;

const EXAMPLE: &str = "{cut: {node: c1}} at 5s for 60s";

/// A fault, and when it strikes and ends, counted from the program's start.
pub struct Planned {
    pub strike: Strike,
    pub at: Nanos,
    /// `None`: it lasts until the program has ended.
    pub lasts: Option<Nanos>,
}

/// Read from `{cut: {node: c1}} at 5s for 60s`.
impl FromStr for Planned {
    type Err = String;

    fn from_str(text: &str) -> Result<Planned, String> {
        #[derive(serde::Deserialize)]
        struct Spec {
            #[serde(with = "serde_yaml::with::singleton_map")]
            strike: Strike,
        }
        let wrong = |why: String| format!("{}; expected such as `{EXAMPLE}`", clean(&why));
        let (fault, times) = text.rsplit_once('}').ok_or_else(|| wrong("no fault".into()))?;
        let spec = serde_yaml::from_str::<Spec>(&format!("strike: {fault}}}"));
        let strike = spec.map_err(|error| wrong(error.to_string()))?.strike;
        if strike.fault().needs_message() {
            return Err(wrong("this fault needs a call that it can wait for".into()));
        }
        if strike.fault().watches().is_some() {
            let why = "this fault needs a lock's adapter, whose system calls are watched";
            return Err(wrong(why.into()));
        }
        if let Some((_, why)) = strike.fault().problems().into_iter().next() {
            return Err(clean(&why));
        }
        let time = |text: &str| text.parse::<Nanos>().map_err(wrong);
        let words: Vec<&str> = times.split_whitespace().collect();
        let (at, lasts) = match words[..] {
            [] => (Nanos::ZERO, None),
            ["at", at] => (time(at)?, None),
            ["for", lasts] => (Nanos::ZERO, Some(time(lasts)?)),
            ["at", at, "for", lasts] => (time(at)?, Some(time(lasts)?)),
            _ => return Err(wrong(format!("`{}` is no time", times.trim()))),
        };
        Ok(Planned { strike, at, lasts })
    }
}

/// How a program ended.
pub struct Ended {
    /// In words; `None`: it did not, in the time that it had.
    pub how: Option<String>,
    pub code: Option<i32>,
    /// The end of what it wrote.
    pub output: String,
    /// How long it took, in virtual time.
    pub took: Nanos,
}

/// Runs a program of the plan's second image on a client, in a directory of its own on the mount.
pub fn run(
    plan: &Plan,
    resources: Resources,
    client: NodeId,
    argv: &[String],
    faults: &[Planned],
    within: Nanos,
) -> Result<Ended, NoAnswer> {
    let mut lab = Lab::new(plan, resources)?;
    let hand = lab.hand(client)?;
    lab.call(&hand, Call::Mkdir { path: "suite".into() })?;
    let mut argv = argv.to_vec();
    if let Some(program) = argv.first_mut() {
        *program = format!("{SUPPLEMENT}/{program}");
    }
    let begun = lab.now();
    let ticket = lab.begin(&hand, Call::Program { argv, path: "suite".into() })?;
    let until =
        |lab: &Lab, at: Nanos| Nanos((begun.0.saturating_add(at.0)).saturating_sub(lab.now().0));
    // What happens when, in order: a fault strikes, or ends.
    let begins = faults.iter().enumerate().map(|(index, fault)| (fault.at, index, true));
    let ends = faults.iter().enumerate().filter_map(|(index, fault)| {
        Some((Nanos(fault.at.0.saturating_add(fault.lasts?.0)), index, false))
    });
    let mut turns: Vec<(Nanos, usize, bool)> = begins.chain(ends).collect();
    turns.sort_by_key(|(at, index, strikes)| (*at, !*strikes, *index));
    let mut in_force = vec![None; faults.len()];
    for (at, index, strikes) in turns {
        let wait = until(&lab, at);
        if at > within || lab.answer(ticket, wait)?.is_some() {
            break;
        }
        match strikes {
            true => in_force[index] = Some(lab.strike(&faults[index].strike)?),
            false => {
                if let Some(fault) = in_force[index].take() {
                    lab.end(fault)?;
                }
            }
        }
    }
    let wait = until(&lab, within);
    let answer = lab.answer(ticket, wait)?;
    let took = Nanos(lab.now().0.saturating_sub(begun.0));
    lab.finish()?;
    Ok(match answer {
        Some(Answer::Ended { how, code, output }) => Ended { how: Some(how), code, output, took },
        Some(Answer::Error(errno)) => {
            let output = format!("the program cannot be started: {errno}\n");
            Ended { how: Some(errno), code: None, output, took }
        }
        _ => Ended { how: None, code: None, output: String::new(), took },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_with_its_times() {
        let fault: Planned = "{cut: {node: c1}} at 5s for 1m".parse().unwrap();
        assert_eq!((fault.at, fault.lasts), (Nanos::from_secs(5), Some(Nanos::from_secs(60))));
        assert_eq!(fault.strike.kind(), "cut");
        assert_eq!("{crash: {node: server}}".parse::<Planned>().unwrap().at, Nanos::ZERO);
        for wrong in ["cut", "{cut: {nod: c1}}", "{cut: {node: c1}} after 5s", "{lose: {}}"] {
            assert!(wrong.parse::<Planned>().is_err(), "{wrong}");
        }
        let told = |text: &str| text.parse::<Planned>().err().unwrap_or_default();
        let unwatched = told("{errno: {node: c1, call: open, with: EIO}} at 5s");
        assert!(unwatched.contains("needs a lock's adapter"), "{unwatched}");
        let on_the_server = told("{kill: {node: server}}");
        assert!(on_the_server.contains("server"), "{on_the_server}");
    }
}
