//! Attributes of files (RFC 8881, section 5; RFC 7862, section 12; RFC 8275, 8276 and 9754).

use crate::rpc::handles::shown;
use crate::rpc::item::Reading;
use crate::rpc::xdr::{Broken, Reader};
use std::fmt;

/// How an attribute is encoded, and whether it is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Stepped over: bytes, opaque data, a bitmap, or an array of words.
    Fixed(usize),
    Opaque,
    Bitmap,
    Words,
    /// Access control entries (section 6.2.1), and those with a word before them.
    Entries,
    FlaggedEntries,
    SetTime,
    /// Told.
    Number,
    Long,
    Mode,
    Pair,
    Text,
    Time,
    Type,
    Handle,
    /// What is behind it cannot be found.
    Unknown,
}

use Kind::*;

/// The name and encoding of each, by its number.
const ATTRIBUTES: [(&str, Kind); 87] = [
    ("supported_attrs", Bitmap),
    ("type", Type),
    ("fh_expire_type", Fixed(4)),
    ("change", Long),
    ("size", Long),
    ("link_support", Fixed(4)),
    ("symlink_support", Fixed(4)),
    ("named_attr", Fixed(4)),
    ("fsid", Pair),
    ("unique_handles", Fixed(4)),
    ("lease_time", Number),
    ("rdattr_error", Number),
    ("acl", Entries),
    ("aclsupport", Fixed(4)),
    ("archive", Fixed(4)),
    ("cansettime", Fixed(4)),
    ("case_insensitive", Fixed(4)),
    ("case_preserving", Fixed(4)),
    ("chown_restricted", Fixed(4)),
    ("filehandle", Handle),
    ("fileid", Long),
    ("files_avail", Fixed(8)),
    ("files_free", Fixed(8)),
    ("files_total", Fixed(8)),
    ("fs_locations", Unknown),
    ("hidden", Fixed(4)),
    ("homogeneous", Fixed(4)),
    ("maxfilesize", Fixed(8)),
    ("maxlink", Fixed(4)),
    ("maxname", Fixed(4)),
    ("maxread", Fixed(8)),
    ("maxwrite", Fixed(8)),
    ("mimetype", Opaque),
    ("mode", Mode),
    ("no_trunc", Fixed(4)),
    ("numlinks", Number),
    ("owner", Text),
    ("owner_group", Text),
    ("quota_avail_hard", Fixed(8)),
    ("quota_avail_soft", Fixed(8)),
    ("quota_used", Fixed(8)),
    ("rawdev", Fixed(8)),
    ("space_avail", Fixed(8)),
    ("space_free", Fixed(8)),
    ("space_total", Fixed(8)),
    ("space_used", Fixed(8)),
    ("system", Fixed(4)),
    ("time_access", Time),
    ("time_access_set", SetTime),
    ("time_backup", Fixed(12)),
    ("time_create", Fixed(12)),
    ("time_delta", Fixed(12)),
    ("time_metadata", Time),
    ("time_modify", Time),
    ("time_modify_set", SetTime),
    ("mounted_on_fileid", Fixed(8)),
    ("dir_notif_delay", Fixed(12)),
    ("dirent_notif_delay", Fixed(12)),
    ("dacl", FlaggedEntries),
    ("sacl", FlaggedEntries),
    ("change_policy", Fixed(16)),
    ("fs_status", Unknown),
    ("fs_layout_types", Words),
    ("layout_hint", Unknown),
    ("layout_types", Words),
    ("layout_blksize", Fixed(4)),
    ("layout_alignment", Fixed(4)),
    ("fs_locations_info", Unknown),
    ("mdsthreshold", Unknown),
    ("retention_get", Unknown),
    ("retention_set", Unknown),
    ("retentevt_get", Unknown),
    ("retentevt_set", Unknown),
    ("retention_hold", Fixed(8)),
    ("mode_set_masked", Fixed(8)),
    ("suppattr_exclcreat", Bitmap),
    ("fs_charset_cap", Fixed(4)),
    ("clone_blksize", Fixed(4)),
    ("space_freed", Fixed(8)),
    ("change_attr_type", Fixed(4)),
    ("sec_label", Unknown),
    ("mode_umask", Pair),
    ("xattr_support", Fixed(4)),
    ("offline", Fixed(4)),
    ("time_deleg_access", Time),
    ("time_deleg_modify", Time),
    ("open_arguments", Unknown),
];

const TYPES: [&str; 10] =
    ["", "file", "dir", "block", "char", "link", "socket", "fifo", "attrdir", "namedattr"];

/// A bitmap of attributes, as their names.
pub(in crate::rpc) struct Mask(pub u128);

impl Mask {
    fn numbers(&self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            (next < u128::BITS).then_some(next as usize)
        })
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, number) in self.numbers().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match ATTRIBUTES.get(number) {
                Some((name, _)) => f.write_str(name)?,
                None => write!(f, "{number}")?,
            }
        }
        Ok(())
    }
}

/// Reads a fattr4 and says what of it is of interest. What comes behind an attribute that is not
/// known is left out: the whole has a length.
pub(in crate::rpc) fn values(reading: &mut Reading) -> Result<(), Broken> {
    let mask = Mask(reading.xdr.bitmap()?);
    let mut values = Reader::new(reading.xdr.opaque()?);
    for number in mask.numbers() {
        let Some((name, kind)) = ATTRIBUTES.get(number) else {
            reading.word("...");
            return Ok(());
        };
        if *kind == Unknown {
            reading.word("...");
            return Ok(());
        }
        value(reading, &mut values, name, *kind)?;
    }
    Ok(())
}

fn value<'a>(
    reading: &mut Reading<'a>,
    xdr: &mut Reader<'a>,
    name: &str,
    kind: Kind,
) -> Result<(), Broken> {
    match kind {
        Fixed(length) => drop(xdr.fixed(length)?),
        Opaque => drop(xdr.opaque()?),
        Bitmap => drop(xdr.bitmap()?),
        Words => drop(xdr.opaque_words()?),
        Entries => entries(xdr)?,
        FlaggedEntries => {
            xdr.u32()?;
            entries(xdr)?;
        }
        Number => reading.say(name, xdr.u32()?),
        Long => reading.say(name, xdr.u64()?),
        Mode => reading.say(name, format_args!("{:o}", xdr.u32()?)),
        Pair => {
            let (one, two) = (xdr.u32()?, xdr.u32()?);
            match name {
                "mode_umask" => reading.say("mode", format_args!("{one:o}&~{two:o}")),
                // fsid4 is two numbers of 64 bits.
                _ => {
                    let minor = xdr.u64()?;
                    let major = u64::from(one) << 32 | u64::from(two);
                    reading.say(name, format_args!("{major:x}:{minor:x}"));
                }
            }
        }
        Text => {
            let text = xdr.opaque()?;
            reading.say(name, shown(text));
        }
        Time => time(reading, xdr, name)?,
        SetTime => match xdr.u32()? {
            1 => time(reading, xdr, name)?,
            _ => reading.say(name, "now"),
        },
        Type => {
            let number = xdr.u32()?;
            reading.say(name, TYPES.get(number as usize).unwrap_or(&"?"));
        }
        Handle => reading.found.handle = Some(xdr.opaque()?),
        Unknown => {}
    }
    Ok(())
}

fn time(reading: &mut Reading, xdr: &mut Reader, name: &str) -> Result<(), Broken> {
    let (seconds, nanos) = (xdr.u64()? as i64, xdr.u32()?);
    reading.say(name, format_args!("{seconds}.{nanos:09}"));
    Ok(())
}

/// nfsace4<>: section 6.2.1.
fn entries(xdr: &mut Reader) -> Result<(), Broken> {
    for _ in 0..xdr.u32()? {
        xdr.fixed(12)?;
        xdr.opaque()?;
    }
    Ok(())
}
