//! System calls that fail: which, how, and how often.

use super::Draw;
use super::strikes::on_client;
use crate::fault::errno::{Errno, errors_of};
use crate::lock::profile::Primitive;
use lockstorm_agent::SystemCall;

impl Draw<'_> {
    /// Most are calls that a lock of this kind makes.
    pub(super) fn errno(&mut self, node: String) -> Errno {
        let own =
            if self.chance(0.8) { own_calls(self.profile.primitive) } else { SystemCall::ALL };
        let call = *self.one_of(own);
        let with = self.one_of(&errors_of(call)).clone();
        let nth = if self.chance(0.5) { 1 } else { self.within(&(1..=20)) };
        let times = *self.one_of(&[1, 1, 2, 10, 100]);
        let node = on_client(node);
        Errno { node, call: call.name().into(), with, path: None, nth, times }
    }
}

/// The system calls by which a lock of this kind is taken, looked at and given up.
pub fn own_calls(primitive: Primitive) -> &'static [SystemCall] {
    use SystemCall::*;
    match primitive {
        Primitive::Link => &[Open, Write, Link, Stat, Unlink],
        Primitive::Posix | Primitive::Ofd => &[Open, Fcntl],
        Primitive::Flock => &[Open, Flock],
        Primitive::Create => &[Open, Stat, Unlink],
        Primitive::Mkdir => &[Mkdir, Stat, Rmdir],
        Primitive::Symlink => &[Symlink, Stat, Unlink],
        Primitive::Rename => &[Open, Rename, Stat, Unlink],
        Primitive::None => SystemCall::ALL,
    }
}
