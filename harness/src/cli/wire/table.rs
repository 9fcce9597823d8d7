//! The table of calls.

use crate::rpc::capture::{Call, Done};
use crate::verdict::activity::Activities;
use lockstorm_reports::text::{clean, span};
use std::borrow::Cow;
use std::fmt::Write;

const HEAD: [&str; 7] = ["time", "who", "operations", "path", "status", "round trip", "lock"];
/// A column is not made wider than this for a few long cells.
const WIDTH_MAX: usize = 44;

type Row = [String; 7];

/// The calls in columns, the first line says which.
pub fn render(calls: &[&Call], server: &str, activities: &Activities, verbose: bool) -> String {
    let rows: Vec<Row> = calls.iter().map(|call| row(call, server, activities)).collect();
    let mut widths = HEAD.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count().min(WIDTH_MAX));
        }
    }
    let mut out = String::with_capacity(rows.len() * 120);
    line(&mut out, &HEAD, &widths);
    for (row, call) in rows.iter().zip(calls) {
        line(&mut out, row, &widths);
        if verbose {
            call.operations.iter().for_each(|done| detail(&mut out, done, widths[0]));
        }
        if let Some(trouble) = &call.trouble {
            let _ = writeln!(out, "{:1$}  ! {trouble}", "", widths[0]);
        }
    }
    out
}

fn line<S: AsRef<str>>(out: &mut String, cells: &[S; 7], widths: &[usize; 7]) {
    let begun = out.len();
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let cell = cell.as_ref();
        // Times are read by their last digits.
        let _ = match index {
            0 | 5 => write!(out, "{cell:>width$}  "),
            _ => write!(out, "{cell:width$}  "),
        };
    }
    let kept = out[begun..].trim_end().len();
    out.truncate(begun + kept);
    out.push('\n');
}

fn row(call: &Call, server: &str, activities: &Activities) -> Row {
    let main = call.main();
    let names: Vec<&str> = main.iter().map(|done| done.operation.as_str()).collect();
    let operations = match names.is_empty() {
        true => call.procedure.clone(),
        false => names.join(" "),
    };
    let client = if call.from == server { &call.to } else { &call.from };
    let who = match call.to == server {
        true => call.from.clone(),
        false => format!("{} > {}", call.from, call.to),
    };
    let micros = call.at_ns() / 1_000;
    [
        format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000),
        who,
        operations,
        call.about().map(|path| clean(&path)).unwrap_or_default(),
        match call.outcome() {
            Some(status) => status.into(),
            None if call.reply.is_some() => "-".into(),
            None => String::new(),
        },
        round_trip(call),
        activities.at(client, call.at_ns()).to_owned(),
    ]
}

/// How long it took, or what was lost of it; and how often it was sent.
fn round_trip(call: &Call) -> String {
    let time: Cow<str> = match (call.call.passed_ns, call.reply) {
        (None, None) => "call lost".into(),
        (Some(_), None) => "no reply".into(),
        (_, Some(reply)) if reply.passed_ns.is_none() => "reply lost".into(),
        _ => call.round_trip_ns().map(span).unwrap_or_default().into(),
    };
    let again = call.call.sent_again + call.reply.map_or(0, |reply| reply.sent_again);
    let again = match again {
        0 => String::new(),
        1 => ", sent again".into(),
        _ => format!(", sent again {again} times"),
    };
    match call.late_ns() {
        0 => format!("{time}{again}"),
        late => format!("{time}{again}, late by {}", span(late)),
    }
}

fn detail(out: &mut String, done: &Done, indent: usize) {
    let _ = write!(out, "{:indent$}    {}", "", done.operation);
    let about = done.about().unwrap_or_default();
    for word in [clean(&about), clean(&done.arguments)] {
        if !word.is_empty() {
            let _ = write!(out, " {word}");
        }
    }
    match &done.status {
        Some(status) => {
            let _ = writeln!(out, ": {status} {}", clean(&done.result));
        }
        None => out.push('\n'),
    }
    let kept = out.trim_end().len();
    out.truncate(kept);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::capture::Passage;

    fn done(operation: &str, path: &str, from: Option<&str>) -> Done {
        Done {
            operation: operation.into(),
            path: Some(path.into()),
            from: from.map(str::to_owned),
            arguments: String::new(),
            status: Some("NFS4_OK".into()),
            result: "size=1".into(),
        }
    }

    fn call(operations: Vec<Done>) -> Call {
        let at = |sent_ns| Passage { sent_ns, passed_ns: Some(sent_ns), ..Passage::default() };
        Call {
            from: "c1".into(),
            to: "server".into(),
            xid: 1,
            program: "nfs".into(),
            version: 4,
            minor: Some(2),
            procedure: "COMPOUND".into(),
            status: Some("NFS4_OK".into()),
            call: at(1_500_000_000),
            reply: Some(at(1_500_200_000)),
            operations,
            trouble: None,
        }
    }

    #[test]
    fn a_call_is_one_line_of_what_it_was_sent_for() {
        let link = call(vec![
            done("PUTFH", "/", None),
            done("LINK", "/lock", Some("/lock|c1")),
            done("GETATTR", "/lock", None),
        ]);
        let mut lost = call(vec![done("REMOVE", "/lock", None)]);
        lost.reply = None;
        lost.status = None;
        lost.call =
            Passage { sent_ns: 2_000_000_000, sent_again: 2, lost: 3, ..Passage::default() };
        let table = render(&[&link, &lost], "server", &Activities::default(), false);
        assert_eq!(
            table,
            "    time  who  operations  path              status                     round trip  lock\n\
             1.500000  c1   LINK        /lock = /lock|c1  ok                             200 us\n\
             2.000000  c1   REMOVE      /lock                     call lost, sent again 2 times\n"
        );
    }

    #[test]
    fn each_operation_has_its_line_if_that_is_asked_for() {
        let table = render(
            &[&call(vec![done("PUTFH", "/", None), done("SETATTR", "/a\u{1b}", None)])],
            "server",
            &Activities::default(),
            true,
        );
        assert!(table.contains("\n            PUTFH /: NFS4_OK size=1\n"), "{table}");
        assert!(!table.contains('\u{1b}'), "{table}");
    }
}
