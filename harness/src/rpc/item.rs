//! Arguments and results as data: which items follow one another, and which of them are told.
//!
//! A table of items steps over an operation exactly, so that the one behind it is read right, and
//! says in words what matters. An item without a label is stepped over in silence.

use super::handles::{digest, shown};
use super::message::Status;
use super::nfs4::attributes;
use super::xdr::{Broken, Reader};
use std::fmt::{self, Write};

/// What is said of one operation is no longer than this (bytes).
const WORDS_MAX: usize = 400;
/// NFS4_FHSIZE (RFC 8881, section 3.1); a handle of NFSv3 has at most 64 bytes.
pub(super) const HANDLE_MAX: usize = 128;

type Label = &'static str;
/// The name of a status.
pub(super) type Codes = fn(u32) -> &'static str;

/// One item of arguments or results.
pub(super) enum Item {
    /// So many bytes.
    Skip(usize),
    /// Opaque data or a string.
    SkipOpaque,
    Number(Label),
    Long(Label),
    /// 64 bits that are no number.
    Id(Label),
    /// Told when it is true.
    Flag(Label),
    Text(Label),
    /// The length of opaque data.
    Length(Label),
    /// The hash of opaque data, and of so many bytes.
    Digest(Label),
    FixedDigest(Label, usize),
    /// A byte range: offset4 and length4.
    Range(Label),
    /// stateid4: RFC 8881, section 3.3.12.
    State(Label),
    /// open_owner4 and lock_owner4: a client id and opaque data.
    Owner(Label),
    /// The file handle that the operation is about. The second one of an operation is that of the
    /// directory where its new name is.
    Handle,
    Name,
    OldName,
    /// fattr4, and a bitmap of attributes: RFC 8881, sections 5 and 3.2.1.
    Attributes,
    AttributeNames(Label),
    /// One of these, or some of these bits.
    Among(Label, &'static [&'static str]),
    Bits(Label, &'static [(u32, &'static str)]),
    /// An array, of which the number of elements is told.
    List(Label, &'static [Item]),
    /// A union: each value with its name, which is told, and what follows. [`OTHERWISE`] stands for
    /// all values that are not named.
    Switch(&'static [(u32, &'static str, &'static [Item])]),
    /// After a status that is none of success, only what says so is read.
    Status(Codes),
    When(u32, &'static [Item]),
    Always(&'static [Item]),
    Special(fn(&mut Reading) -> Result<(), Broken>),
}

pub(super) const OTHERWISE: u32 = u32::MAX;
pub(super) const NO: (u32, &str, &[Item]) = (0, "", &[]);

/// What reading leaves behind.
#[derive(Debug, Default)]
pub(super) struct Found<'a> {
    pub status: Option<Status>,
    pub handle: Option<&'a [u8]>,
    pub second_handle: Option<&'a [u8]>,
    pub name: Option<&'a [u8]>,
    pub old_name: Option<&'a [u8]>,
    /// Names and handles of a directory's entries.
    pub entries: Vec<(&'a [u8], &'a [u8])>,
    /// The program by which a client wants to be called back.
    pub program: Option<u32>,
}

pub(super) struct Reading<'a> {
    pub xdr: Reader<'a>,
    pub found: Found<'a>,
    pub words: String,
    is_quiet: bool,
}

impl<'a> Reading<'a> {
    pub fn new(xdr: Reader<'a>) -> Reading<'a> {
        Reading { xdr, found: Found::default(), words: String::new(), is_quiet: false }
    }

    /// The same, without a word.
    pub fn quiet(xdr: Reader<'a>) -> Reading<'a> {
        Reading { is_quiet: true, ..Reading::new(xdr) }
    }

    /// Reads items, one after the other.
    pub fn read(&mut self, items: &[Item]) -> Result<(), Broken> {
        for item in items {
            let failed = self.found.status.is_some_and(|status| !status.is_ok());
            if !failed || matches!(item, Item::When(..) | Item::Always(_)) {
                self.item(item)?;
            }
        }
        Ok(())
    }

    /// Says a word of its own.
    pub fn word(&mut self, word: &str) {
        if !self.is_quiet && !word.is_empty() && self.words.len() < WORDS_MAX {
            self.space();
            self.words.push_str(word);
        }
    }

    /// Says a value with its label.
    pub fn say(&mut self, label: &str, value: impl fmt::Display) {
        if !self.is_quiet && !label.is_empty() && self.words.len() < WORDS_MAX {
            self.space();
            // A string takes whatever is written.
            let _ = write!(self.words, "{label}={value}");
        }
    }

    fn space(&mut self) {
        match self.words.is_empty() {
            true => self.words.reserve(64),
            false => self.words.push(' '),
        }
    }

    fn item(&mut self, item: &Item) -> Result<(), Broken> {
        match *item {
            Item::Skip(bytes) => drop(self.xdr.fixed(bytes)?),
            Item::SkipOpaque => drop(self.xdr.opaque()?),
            Item::Number(label) => {
                let number = self.xdr.u32()?;
                self.say(label, number);
            }
            Item::Long(label) => {
                let number = self.xdr.u64()?;
                self.say(label, number);
            }
            Item::Id(label) => {
                let id = self.xdr.u64()?;
                self.say(label, format_args!("{id:x}"));
            }
            Item::Flag(label) => {
                if self.xdr.bool()? {
                    self.word(label);
                }
            }
            Item::Text(label) => {
                let text = self.xdr.opaque()?;
                self.say(label, shown(text));
            }
            Item::Length(label) => {
                let length = self.xdr.opaque()?.len();
                self.say(label, length);
            }
            Item::Digest(label) => {
                let bytes = self.xdr.opaque()?;
                self.say(label, format_args!("{:08x}", digest(bytes)));
            }
            Item::FixedDigest(label, length) => {
                let bytes = self.xdr.fixed(length)?;
                self.say(label, format_args!("{:08x}", digest(bytes)));
            }
            Item::Among(label, names) => self.among(label, names)?,
            Item::Bits(label, names) => self.bits(label, names)?,
            Item::Special(read) => read(self)?,
            _ => self.larger(item)?,
        }
        Ok(())
    }

    fn larger(&mut self, item: &Item) -> Result<(), Broken> {
        match *item {
            Item::Range(label) => self.range(label),
            Item::State(label) => self.state(label),
            Item::Owner(label) => {
                let client = self.xdr.u64()?;
                let owner = u64::from(digest(self.xdr.opaque()?));
                // One client's owners are told apart by the rest, and equal ones by the client.
                let mixed = (client ^ owner.rotate_left(32)).to_be_bytes();
                self.say(label, format_args!("{:08x}", digest(&mixed)));
                Ok(())
            }
            Item::Handle => self.handle(),
            Item::Name => self.xdr.opaque().map(|name| self.found.name = Some(name)),
            Item::OldName => self.xdr.opaque().map(|name| self.found.old_name = Some(name)),
            Item::Attributes => attributes::values(self),
            Item::AttributeNames(label) => {
                let mask = self.xdr.bitmap()?;
                if !self.is_quiet && !label.is_empty() {
                    self.say(label, attributes::Mask(mask));
                }
                Ok(())
            }
            Item::List(label, items) => self.list(label, items),
            Item::Switch(arms) => self.switch(arms),
            Item::Status(codes) => {
                let code = self.xdr.u32()?;
                self.found.status = Some(Status { code, name: codes(code) });
                Ok(())
            }
            Item::When(code, items) => match self.found.status {
                // The status is put aside, since it would stop what follows it.
                Some(status) if status.code == code => self.in_spite_of(items),
                _ => Ok(()),
            },
            Item::Always(items) => self.in_spite_of(items),
            _ => Ok(()),
        }
    }

    fn in_spite_of(&mut self, items: &[Item]) -> Result<(), Broken> {
        let status = self.found.status.take();
        let outcome = self.read(items);
        self.found.status = status;
        outcome
    }

    fn among(&mut self, label: &str, names: &[&str]) -> Result<(), Broken> {
        let number = self.xdr.u32()?;
        match usize::try_from(number).ok().and_then(|number| names.get(number)) {
            Some(name) if label.is_empty() => self.word(name),
            Some(name) if !name.is_empty() => self.say(label, name),
            Some(_) => {}
            None => self.say(label, number),
        }
        Ok(())
    }

    fn bits(&mut self, label: &str, names: &[(u32, &str)]) -> Result<(), Broken> {
        let bits = self.xdr.u32()?;
        let mut text = String::new();
        for (_, name) in names.iter().filter(|(bit, _)| bits & bit == *bit) {
            if !text.is_empty() {
                text.push('+');
            }
            text.push_str(name);
        }
        match label.is_empty() || text.is_empty() {
            true => self.word(&text),
            false => self.say(label, text),
        }
        Ok(())
    }

    fn range(&mut self, label: &str) -> Result<(), Broken> {
        let (offset, length) = (self.xdr.u64()?, self.xdr.u64()?);
        // All ones: to the end of the file, however large it becomes.
        match offset.checked_add(length) {
            Some(end) if length != u64::MAX => self.say(label, format_args!("{offset}..{end}")),
            _ => self.say(label, format_args!("{offset}..")),
        }
        Ok(())
    }

    /// Special ones are told by their names: RFC 8881, section 8.2.3.
    fn state(&mut self, label: &str) -> Result<(), Broken> {
        let sequence = self.xdr.u32()?;
        let other = self.xdr.fixed(12)?;
        let same = |byte: u8| other.iter().all(|one| *one == byte);
        match sequence {
            0 if same(0) => self.say(label, "anonymous"),
            1 if same(0) => self.say(label, "current"),
            u32::MAX if same(0) => self.say(label, "invalid"),
            u32::MAX if same(0xff) => self.say(label, "bypass"),
            _ => self.say(label, format_args!("{:08x}:{sequence}", digest(other))),
        }
        Ok(())
    }

    fn handle(&mut self) -> Result<(), Broken> {
        let handle = self.xdr.opaque()?;
        if handle.len() > HANDLE_MAX {
            return Err(Broken("a file handle longer than any"));
        }
        match self.found.handle {
            None => self.found.handle = Some(handle),
            Some(_) => self.found.second_handle = Some(handle),
        }
        Ok(())
    }

    fn list(&mut self, label: &str, items: &[Item]) -> Result<(), Broken> {
        let count = self.xdr.u32()?;
        self.say(label, count);
        let was_quiet = std::mem::replace(&mut self.is_quiet, true);
        let mut outcome = Ok(());
        for _ in 0..count {
            // Elements of no bytes would make any number of them.
            if self.xdr.is_empty() {
                outcome = Err(Broken("it ends too early"));
            }
            outcome = outcome.and_then(|()| self.read(items));
            if outcome.is_err() {
                break;
            }
        }
        self.is_quiet = was_quiet;
        outcome
    }

    fn switch(&mut self, arms: &[(u32, &str, &[Item])]) -> Result<(), Broken> {
        let value = self.xdr.u32()?;
        let arm = arms.iter().find(|(number, ..)| *number == value || *number == OTHERWISE);
        let Some((_, word, items)) = arm else {
            return Err(Broken("a value that its union does not have"));
        };
        self.word(word);
        self.read(items)
    }
}
