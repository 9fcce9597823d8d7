//! The operations of NFSv4's callbacks: RFC 7530, section 17.1; RFC 8881, section 20; RFC 7862,
//! section 16.

use super::operations::{Row, row};
use super::shapes::*;
use crate::rpc::item::{Item, Item::*};
use crate::rpc::status::nfs4 as codes;

const STATUS: &[Item] = &[Status(codes)];
const FIRST: u32 = 3;

pub(super) static CALLBACKS: [Row; 13] = [
    row(3, "CB_GETATTR", &[Handle, AttributeNames("")], &[Status(codes), Attributes]),
    row(4, "CB_RECALL", &[State("state"), Flag("truncate"), Handle], STATUS),
    row(5, "CB_LAYOUTRECALL", &[Skip(4), Skip(4), Flag("changed"), Switch(LAYOUT_RECALL)], STATUS),
    row(6, "CB_NOTIFY", &[State("state"), Handle, CHANGES], STATUS),
    row(7, "CB_PUSH_DELEG", PUSHED, STATUS),
    row(8, "CB_RECALL_ANY", &[Number("keep"), AttributeNames("")], STATUS),
    row(9, "CB_RECALLABLE_OBJ_AVAIL", &[Number("keep"), AttributeNames("")], STATUS),
    row(10, "CB_RECALL_SLOT", &[Number("highest")], STATUS),
    row(
        11,
        "CB_SEQUENCE",
        &[
            SESSION,
            Number("seq"),
            Number("slot"),
            Skip(4),
            Flag("cached"),
            List("", &[Skip(16), List("", &[Skip(8)])]),
        ],
        &[Status(codes), Skip(16), Skip(4), Skip(4), Skip(8)],
    ),
    row(12, "CB_WANTS_CANCELLED", &[Flag("contended"), Flag("resourced")], STATUS),
    row(13, "CB_NOTIFY_LOCK", &[Handle, Owner("owner")], STATUS),
    row(14, "CB_NOTIFY_DEVICEID", &[CHANGES], STATUS),
    row(15, "CB_OFFLOAD", OFFLOADED, STATUS),
];

static ILLEGAL: Row = row(10044, "CB_ILLEGAL", &[], STATUS);

/// The operation of a number.
pub(super) fn of_number(number: u32) -> Option<&'static Row> {
    match number {
        10044 => Some(&ILLEGAL),
        _ => CALLBACKS.get(usize::try_from(number.checked_sub(FIRST)?).ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_callback_stands_at_its_number() {
        for (index, row) in CALLBACKS.iter().enumerate() {
            assert_eq!(row.number as usize, index + FIRST as usize, "{}", row.name);
        }
    }
}
