//! Who took whose lock away.
//!
//! Said only where the wire leaves no doubt: a client had made a file to get the lock, or had
//! locked it, and while it was inside, the first one to remove that file was another, and was told
//! `ok`.

use super::{Scene, Stay};
use crate::rpc::capture::{Call, Done};
use lockstorm_reports::text::seconds;

pub(super) struct Taken<'a> {
    pub call: &'a Call,
    by: &'static str,
    path: String,
    owner: String,
    owned_ns: u64,
    /// Whether the owner had locked the file, and not made it.
    is_locked: bool,
    /// Whether the owner was in its critical section by then.
    was_inside: bool,
}

impl Taken<'_> {
    pub fn words(&self) -> String {
        let Taken { call, by, path, owner, owned_ns, is_locked, was_inside } = self;
        let (thief, at) = (&call.from, seconds(call.at_ns()));
        let verb = if *is_locked { "locked it" } else { "made it" };
        let since = seconds(*owned_ns);
        let then = if *was_inside { "was still inside" } else { "was about to go inside" };
        format!(
            "{thief} {by} {path} at {at}, and was answered ok: {owner} had {verb} at {since} to \
             get the lock, and {then}."
        )
    }
}

/// The first lock of the finding's holders that was taken away.
pub(super) fn taken<'a>(scene: &Scene<'a>) -> Option<Taken<'a>> {
    scene.stays.iter().find_map(|stay| {
        let owned = owned(scene, stay);
        let all = owned.iter().filter_map(|(done, call)| lost(scene, stay, (done, call)));
        all.min_by_key(|taken| taken.call.at_ns())
    })
}

/// The calls by which a holder got files of its own in the acquire that let it in.
pub(super) fn owned<'a>(scene: &Scene<'a>, stay: &Stay) -> Vec<(&'a Done, &'a Call)> {
    let theirs = scene.calls.iter().filter(|call| {
        call.from == stay.client && (stay.asked_ns..=stay.entered_ns).contains(&call.at_ns())
    });
    let all = theirs.flat_map(|call| call.operations.iter().map(move |done| (done, call)));
    all.filter(|(done, _)| done.is_ok() && makes(done)).collect()
}

/// Whether only one can have had success with it.
fn makes(done: &Done) -> bool {
    match done.operation.as_str() {
        "LINK" | "MKDIR" | "SYMLINK" | "LOCK" => true,
        // NFSv3's says how, NFSv4's makes what is no file.
        "CREATE" => !done.arguments.contains("unchecked"),
        "OPEN" => {
            ["create exclusive", "create guarded"].iter().any(|how| done.arguments.contains(how))
        }
        _ => false,
    }
}

/// Who removed it first, if that was surely another and in time.
fn lost<'a>(scene: &Scene<'a>, stay: &Stay, (done, made): (&Done, &'a Call)) -> Option<Taken<'a>> {
    let path = done.path.as_deref()?;
    let owned_ns = made.reply?.sent_ns;
    for call in scene.calls.iter().filter(|call| call.at_ns() >= owned_ns) {
        let Some((by, removal)) =
            call.operations.iter().find_map(|done| Some((removes(done, path)?, done)))
        else {
            continue;
        };
        match (removal.is_ok(), call.reply) {
            // It was refused: nothing happened.
            (false, Some(_)) if removal.status.is_some() || call.status.is_some() => {}
            (true, Some(reply)) => {
                let in_time = reply.sent_ns <= scene.at_ns.min(stay.left_ns);
                return (call.from != stay.client && in_time).then(|| Taken {
                    call,
                    by,
                    path: path.to_owned(),
                    owner: stay.client.to_owned(),
                    owned_ns: made.at_ns(),
                    is_locked: done.operation == "LOCK",
                    was_inside: call.at_ns() >= stay.entered_ns,
                });
            }
            // It may have been removed by this one.
            _ if call.call.passed_ns.is_some() => return None,
            _ => {}
        }
    }
    None
}

/// In which way it makes the file of a name another or none.
pub(super) fn removes(done: &Done, path: &str) -> Option<&'static str> {
    let is = |name: &Option<String>| name.as_deref() == Some(path);
    match done.operation.as_str() {
        "REMOVE" | "RMDIR" if is(&done.path) => Some("removed"),
        "RENAME" if is(&done.from) => Some("renamed"),
        "RENAME" if is(&done.path) => Some("put another file in the place of"),
        _ => None,
    }
}
