//! What processes on the server's own machine meet when clients have written a file. NFSv3 has no
//! OPEN and no CLOSE, so that a server has a file open for as long as it thinks fit
//! (nfs-ganesha#871, #902), and to the kernel beneath a file that is open is in use.

use super::errors_programs::{executed, put_program};
use crate::conformance::bench::{Bench, WRITE};
use crate::conformance::probe::{Needs, Probe, Seen, broken, seen};
use crate::units::SECOND;

/// What a server keeps open is closed by then, if it ever is (s).
const LONGEST_S: u64 = 200;

pub const PROBES: &[Probe] = &[
    Probe {
        name: "exec-at-server",
        rule: "a program that a client has written and closed can be executed on the server's own \
               machine, and at once",
        source: "execve(2), ETXTBSY",
        alone: true,
        needs: Needs::Network,
        run: |bench| exec_at_server(bench, false),
    },
    Probe {
        name: "exec-at-server-reopened",
        rule: "a program that a client has opened for writing, and closed without a change, can be \
               executed on the server's own machine, and at once",
        source: "execve(2), ETXTBSY",
        alone: true,
        needs: Needs::Network,
        run: |bench| exec_at_server(bench, true),
    },
];

fn exec_at_server(bench: &mut Bench, reopens: bool) -> Seen {
    let (one, server) = (bench.client(0)?, bench.server()?);
    put_program(bench, &one, "marker-exec-at-server")?;
    if reopens {
        bench.seconds(LONGEST_S)?;
        bench.open(&one, "program", WRITE, "f")?;
        bench.close(&one, "f")?;
    }
    let begun = bench.now();
    let at_once = executed(bench, &server)?;
    if at_once == "exit 0" {
        return seen("ok");
    }
    while bench.now().0 < begun.0 + LONGEST_S * SECOND {
        bench.seconds(1)?;
        if executed(bench, &server)? == "exit 0" {
            let seconds = (bench.now().0 - begun.0) / SECOND;
            return broken(format!("{at_once}; ok after {seconds} s"));
        }
    }
    broken(format!("{at_once}, and so for {LONGEST_S} s"))
}
