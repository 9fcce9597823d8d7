//! Maps of sweeps that were never made, and look as if they were.

use lockstorm_reports::map::*;
use lockstorm_reports::{Class, Invariant, Verdict};
use std::collections::BTreeMap;

/// The points of one round: the call of the lock, and the rest of the name.
const ROUND: [(&str, &str); 18] = [
    ("acquire", ""),
    ("acquire", "OPEN-lock.call1"),
    ("acquire", "OPEN-lock.reply1"),
    ("acquire", "WRITE-lock.call1"),
    ("acquire", "WRITE-lock.reply1"),
    ("acquire", "LINK-lock.call1"),
    ("acquire", "LINK-lock.reply1"),
    ("acquire", "GETATTR-lock.call1"),
    ("acquire", "GETATTR-lock.reply1"),
    ("entered", ""),
    ("refresh", ""),
    ("refresh", "SETATTR-lock.call1"),
    ("refresh", "SETATTR-lock.reply1"),
    ("left", ""),
    ("release", "GETATTR-lock.call2"),
    ("release", "GETATTR-lock.reply2"),
    ("release", "REMOVE-lock.call1"),
    ("release", "REMOVE-lock.reply1"),
];

const FAULTS: [(&str, &str); 25] = [
    ("lose", "the message is lost, and its connection breaks"),
    ("hold", "the message comes when the lock's lifetime and the lease are over"),
    ("error", "the server answers with an error"),
    ("kill", "the client's process is killed, and started again"),
    ("crash", "the client loses power, and comes back"),
    ("pause", "the client stands still until lifetime and lease are over"),
    ("cut", "the client is cut off until lifetime and lease are over"),
    ("power", "the server loses power, and what its disk had not flushed"),
    ("flushed", "the server loses power, and its disk keeps all"),
    ("nfsd", "the server's service is started anew"),
    ("late", "the server loses power, and the client comes back after its grace time"),
    ("ahead", "the client's clock is set ahead by more than a lifetime"),
    ("behind", "the client's clock is set back by more than a lifetime"),
    ("open", "the process's next open fails with EMFILE"),
    ("write", "the process's next write fails with ENOSPC"),
    ("link", "the process's next link fails with EIO"),
    ("unlink", "the process's next unlink fails with EIO"),
    ("rename", "the process's next rename fails with EIO"),
    ("mkdir", "the process's next mkdir fails with EIO"),
    ("rmdir", "the process's next rmdir fails with EBUSY"),
    ("symlink", "the process's next symlink fails with EIO"),
    ("stat", "the process's next stat fails with EIO"),
    ("flock", "the process's next flock fails with EINTR"),
    ("fcntl", "the process's next fcntl fails with ENOLCK"),
    ("fsync", "the process's next fsync fails with EIO"),
];

/// So many points, by three clients in turn, in so many of the columns.
pub fn map(points: usize, columns: usize) -> Map {
    let turns = (1..4).flat_map(|round| ["c1", "c2", "c3"].map(|client| (client, round)));
    let all = turns.flat_map(|(client, round)| ROUND.map(|point| (client, round, point)));
    let mut firsts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let mut rows: Vec<Row> = Vec::new();
    for (index, (client, round, (stage, rest))) in all.take(points).enumerate() {
        let row = |column| cell((index, column), rest.is_empty(), &mut firsts);
        rows.push(Row {
            name: match rest {
                "" => format!("{client}.{stage}{round}"),
                rest => format!("{client}.{stage}{round}.{rest}"),
            },
            about: match rest {
                "" => format!("{client}: {stage}, for the {round}. time"),
                rest => format!("{client}, {stage} {round}: {rest} of /lock"),
            },
            client: client.into(),
            at_ns: 30_000_000_000 + index as u64 * 123_456_789,
            cells: (0..columns).map(row).collect(),
        });
    }
    disagree(&mut rows);
    let column =
        |(name, about): &(&str, &str)| Column { name: (*name).into(), about: (*about).into() };
    Map {
        format: FORMAT,
        lock: "flufl.lock".into(),
        lock_version: Some("10.0.0".into()),
        story: "turns".into(),
        seed: 7,
        command: Some("lockstorm sweep flufl.lock --seed 7".into()),
        columns: FAULTS[..columns].iter().map(column).collect(),
        findings: findings(&rows),
        counts: Counts::of(&rows),
        rows,
        processors_ms: 312_400,
    }
}

/// What came of it, as if by chance: the same for the same cell.
fn cell(
    (row, column): (usize, usize),
    is_boundary: bool,
    firsts: &mut BTreeMap<(usize, usize), usize>,
) -> Cell {
    let chance = (row * 7919 + column * 104_729 + row * column * 31) % 100;
    let applies = match column {
        0..=2 => !is_boundary,
        3..=10 => true,
        11..=12 => is_boundary,
        _ => is_boundary && column % 3 != 2,
    };
    if !applies {
        return Cell::NotApplicable;
    }
    // Another client, or the same one later: the point is alike.
    if let Some(first) = firsts.get(&(row % ROUND.len(), column)) {
        return match chance {
            0..10 => {
                let made = made(*first, column);
                let directory = Some(format!("runs/{row}-{column}"));
                Cell::Proof { row: *first, agrees: true, made: Made { directory, ..made } }
            }
            _ => Cell::Alike { row: *first },
        };
    }
    if row % 17 == 16 && column == 8 {
        return Cell::NotMade { why: "the budget of 6 min was spent".into() };
    }
    firsts.insert((row % ROUND.len(), column), row);
    Cell::Made(made(row, column))
}

fn made(row: usize, column: usize) -> Made {
    let valid = Made {
        verdict: Verdict::Valid,
        class: None,
        struck: true,
        fingerprints: Vec::new(),
        directory: Some(format!("runs/{row}-{column}")),
        reason: String::new(),
    };
    let reason = "mutual exclusion: c1 was inside and within its claim when c2 entered".to_owned();
    match (row % ROUND.len(), column) {
        (11..=12, 1 | 7) | (5..=6, 7) => Made {
            verdict: Verdict::Violated,
            class: Some(Class::BrokenPromise),
            fingerprints: vec!["3f2a9c01".into()],
            reason,
            ..valid
        },
        (9..=13, 5) | (10, 12) => Made {
            verdict: Verdict::Violated,
            class: Some(Class::BeyondAssumptions),
            fingerprints: vec!["b07d11e5".into()],
            reason,
            ..valid
        },
        (3, 6) | (14, 10) => Made {
            verdict: Verdict::Unknown,
            struck: false,
            reason: "fault 1 never struck: the call never passed".into(),
            ..valid
        },
        (0, 13..) => Made { struck: column.is_multiple_of(2), ..valid },
        _ => valid,
    }
}

/// Makes the first proof one that ended otherwise.
fn disagree(rows: &mut [Row]) {
    let mut cells = rows.iter_mut().flat_map(|row| &mut row.cells);
    if let Some(Cell::Proof { agrees, made, .. }) =
        cells.find(|cell| matches!(cell, Cell::Proof { made, .. } if made.struck))
    {
        *agrees = false;
        made.verdict = Verdict::Unknown;
        made.reason = "c2 was never ready again".into();
    }
}

fn findings(rows: &[Row]) -> Vec<Finding> {
    let finding = |fingerprint: &str, class, situation: &str| {
        let cells = rows.iter().enumerate().flat_map(|(row, of)| {
            of.cells.iter().enumerate().map(move |(column, cell)| ((row, column), cell))
        });
        let has = |cell: &Cell| {
            cell.made().is_some_and(|made| made.fingerprints.iter().any(|f| f == fingerprint))
        };
        let cells: Vec<(usize, usize)> =
            cells.filter(|(_, cell)| has(cell)).map(|(at, _)| at).collect();
        let first = *cells.first()?;
        let name = format!("{}.{}", rows[first.0].name, FAULTS[first.1].0);
        Some(Finding {
            fingerprint: fingerprint.into(),
            invariant: Invariant::MutualExclusion,
            class,
            situation: situation.into(),
            explanation: "c1 was inside and within its claim when c2 entered; both held for \
                          0.380 s."
                .into(),
            seen: cells.len() as u64,
            first,
            directory: Some(format!("runs/{}-{}", first.0, first.1)),
            reproduce: format!("lockstorm scenario runs/{name}.yaml --lock flufl.lock --seed 7"),
            known: (class == Class::BeyondAssumptions)
                .then(|| "documented: clocks have to agree".into()),
        })
    };
    let broken = finding(
        "3f2a9c01",
        Class::BrokenPromise,
        "inside (refresh asked, hit by power); inside; server up after a restart",
    );
    let beyond = finding("b07d11e5", Class::BeyondAssumptions, "inside (hit by pause); inside");
    broken.into_iter().chain(beyond).collect()
}
