//! Bisection: between which two of a row something came, or went.

use std::collections::BTreeMap;

/// Where a row changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// All that could be tried are alike, as far as the ends tell.
    None { has_it: bool },
    /// Up to `before` it is one way, from `after` on the other.
    Between { before: usize, after: usize, has_it_after: bool },
    /// None could be tried, or but one.
    Unknown,
}

/// What was found out about a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bisected {
    pub change: Change,
    /// Of those that were tried, whether they have it; `None`: they could not be.
    pub tried: BTreeMap<usize, Option<bool>>,
}

/// Looks for the change in a row of `count`. Those that cannot be tried are stepped over.
pub fn bisect<E>(
    count: usize,
    mut has_it: impl FnMut(usize) -> Result<Option<bool>, E>,
) -> Result<Bisected, E> {
    let mut tried = BTreeMap::new();
    let mut ask = |index: usize, tried: &mut BTreeMap<usize, Option<bool>>| {
        let answer = has_it(index)?;
        tried.insert(index, answer);
        Ok(answer)
    };
    // Nearest to each end, the first that can be tried.
    let (mut low, mut high) = (None, None);
    for index in 0..count {
        if let Some(answer) = ask(index, &mut tried)? {
            low = Some((index, answer));
            break;
        }
    }
    for index in (0..count).rev() {
        if low.is_none_or(|(low, _)| index <= low) {
            break;
        }
        if let Some(answer) = ask(index, &mut tried)? {
            high = Some((index, answer));
            break;
        }
    }
    let (Some((mut before, at_begin)), Some((mut after, at_end))) = (low, high) else {
        return Ok(Bisected { change: Change::Unknown, tried });
    };
    if at_begin == at_end {
        return Ok(Bisected { change: Change::None { has_it: at_begin }, tried });
    }
    while let Some(index) = middle(before, after, &tried) {
        match ask(index, &mut tried)? {
            Some(answer) if answer == at_begin => before = index,
            Some(_) => after = index,
            None => {}
        }
    }
    Ok(Bisected { change: Change::Between { before, after, has_it_after: at_end }, tried })
}

/// Of those between two that were not tried yet, the one in the middle.
fn middle(before: usize, after: usize, tried: &BTreeMap<usize, Option<bool>>) -> Option<usize> {
    let left: Vec<usize> = (before + 1..after).filter(|index| !tried.contains_key(index)).collect();
    left.get(left.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    fn found(row: &[Option<bool>]) -> Bisected {
        bisect(row.len(), |index| Ok::<_, Infallible>(row[index])).unwrap()
    }

    #[test]
    fn a_row_that_is_alike_at_its_ends_has_no_change() {
        assert_eq!(found(&[Some(true); 9]).change, Change::None { has_it: true });
        assert_eq!(found(&[Some(false); 2]).change, Change::None { has_it: false });
        assert_eq!(found(&[Some(true)]).change, Change::Unknown);
        assert_eq!(found(&[None, Some(true), None]).change, Change::Unknown);
        assert_eq!(found(&[]).change, Change::Unknown);
    }

    #[test]
    fn those_that_cannot_be_tried_are_stepped_over() {
        let row = [None, Some(false), None, None, Some(true), None];
        let change = Change::Between { before: 1, after: 4, has_it_after: true };
        assert_eq!(found(&row).change, change);
    }

    proptest! {
        #[test]
        fn the_change_is_found_in_few_steps(
            length in 2usize..200,
            at in 1usize..200,
            first in any::<bool>(),
        ) {
            let at = at.min(length - 1);
            let row: Vec<_> = (0..length).map(|index| Some((index < at) == first)).collect();
            let found = found(&row);
            let change = Change::Between { before: at - 1, after: at, has_it_after: !first };
            prop_assert_eq!(found.change, change);
            prop_assert!(found.tried.len() <= 11, "{}", found.tried.len());
        }
    }
}
