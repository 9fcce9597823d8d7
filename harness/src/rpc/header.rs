//! The head of a call and of a reply (RFC 5531, section 9).

use super::xdr::{Broken, Reader};

/// RPCSEC_GSS (RFC 2203).
const GSS: u32 = 6;

/// What a message says before its body.
#[derive(Debug)]
pub(super) enum Header {
    Call(Call),
    Reply(Reply),
}

#[derive(Debug)]
pub(super) struct Call {
    pub xid: u32,
    pub program: u32,
    pub version: u32,
    pub procedure: u32,
    pub wrapping: Wrapping,
}

#[derive(Debug)]
pub(super) struct Reply {
    pub xid: u32,
    /// Why the procedure was not executed: accept_stat, reject_stat or auth_stat.
    pub refusal: Option<(u32, &'static str)>,
}

/// How arguments and results are wrapped (RFC 2203, section 5.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapping {
    Plain,
    /// Behind a length and a number.
    Integrity,
    /// Encrypted, or no arguments of the procedure at all.
    Hidden,
}

impl Header {
    /// Reads the head; the reader is left at the body.
    pub fn read(xdr: &mut Reader) -> Result<Header, Broken> {
        let xid = xdr.u32()?;
        match xdr.u32()? {
            0 => call(xid, xdr).map(Header::Call),
            1 => reply(xid, xdr).map(Header::Reply),
            _ => Err(Broken("neither a call nor a reply")),
        }
    }
}

fn call(xid: u32, xdr: &mut Reader) -> Result<Call, Broken> {
    if xdr.u32()? != 2 {
        return Err(Broken("another version of RPC than 2"));
    }
    let (program, version, procedure) = (xdr.u32()?, xdr.u32()?, xdr.u32()?);
    let flavor = xdr.u32()?;
    let mut credential = Reader::new(xdr.opaque()?);
    let wrapping = if flavor == GSS { gss(&mut credential)? } else { Wrapping::Plain };
    verifier(xdr)?;
    Ok(Call { xid, program, version, procedure, wrapping })
}

/// rpc_gss_cred_t: RFC 2203, section 5.
fn gss(credential: &mut Reader) -> Result<Wrapping, Broken> {
    let (_version, step, _number) = (credential.u32()?, credential.u32()?, credential.u32()?);
    Ok(match (step, credential.u32()?) {
        (0, 1) => Wrapping::Plain,
        (0, 2) => Wrapping::Integrity,
        _ => Wrapping::Hidden,
    })
}

fn verifier(xdr: &mut Reader) -> Result<(), Broken> {
    xdr.u32()?;
    xdr.opaque().map(|_| ())
}

fn reply(xid: u32, xdr: &mut Reader) -> Result<Reply, Broken> {
    let named = |names: &[&'static str], code: u32| {
        let name = usize::try_from(code).ok().and_then(|code| names.get(code));
        (code, *name.unwrap_or(&"refused"))
    };
    let refusal = match xdr.u32()? {
        0 => {
            verifier(xdr)?;
            match xdr.u32()? {
                0 => None,
                code => Some(named(&ACCEPTED, code)),
            }
        }
        1 => match xdr.u32()? {
            0 => Some((0, "RPC_MISMATCH")),
            1 => Some(named(&AUTH, xdr.u32()?)),
            _ => return Err(Broken("a refusal of an unknown kind")),
        },
        _ => return Err(Broken("a reply of an unknown kind")),
    };
    Ok(Reply { xid, refusal })
}

const ACCEPTED: [&str; 6] =
    ["SUCCESS", "PROG_UNAVAIL", "PROG_MISMATCH", "PROC_UNAVAIL", "GARBAGE_ARGS", "SYSTEM_ERR"];

const AUTH: [&str; 15] = [
    "AUTH_OK",
    "AUTH_BADCRED",
    "AUTH_REJECTEDCRED",
    "AUTH_BADVERF",
    "AUTH_REJECTEDVERF",
    "AUTH_TOOWEAK",
    "AUTH_INVALIDRESP",
    "AUTH_FAILED",
    "AUTH_KERB_GENERIC",
    "AUTH_TIMEEXPIRE",
    "AUTH_TKT_FILE",
    "AUTH_DECODE",
    "AUTH_NET_ADDR",
    "RPCSEC_GSS_CREDPROBLEM",
    "RPCSEC_GSS_CTXPROBLEM",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn a_call_says_what_it_asks_for_and_how_it_is_wrapped() {
        let read = |credential: &[u32]| {
            let head = [7, 0, 2, 100_003, 4, 1];
            let bytes = words(&[&head, credential, &[0, 0, 99][..]].concat());
            let mut xdr = Reader::new(&bytes);
            let Ok(Header::Call(call)) = Header::read(&mut xdr) else { panic!("it is a call") };
            assert_eq!((call.xid, call.program, call.version), (7, 100_003, 4));
            assert_eq!(xdr.u32(), Ok(99), "the reader is left at the body");
            call.wrapping
        };
        assert_eq!(read(&[0, 0]), Wrapping::Plain);
        assert_eq!(read(&[6, 20, 1, 0, 5, 2, 0]), Wrapping::Integrity);
        assert_eq!(read(&[6, 20, 1, 1, 5, 1, 0]), Wrapping::Hidden);
    }

    #[test]
    fn a_refusal_has_its_name() {
        let read = |body: &[u32]| {
            let bytes = words(&[&[7, 1], body].concat());
            match Header::read(&mut Reader::new(&bytes)) {
                Ok(Header::Reply(reply)) => reply.refusal,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(read(&[0, 0, 0, 0]), None);
        assert_eq!(read(&[0, 0, 0, 2, 3, 4]), Some((2, "PROG_MISMATCH")));
        assert_eq!(read(&[1, 1, 13]), Some((13, "RPCSEC_GSS_CREDPROBLEM")));
        assert_eq!(read(&[1, 1, 99]), Some((99, "refused")));
    }

    #[test]
    fn what_is_neither_call_nor_reply_is_broken() {
        for bytes in [words(&[1, 2]), words(&[1, 0, 3]), words(&[1, 1, 2]), vec![0; 3]] {
            assert!(Header::read(&mut Reader::new(&bytes)).is_err());
        }
    }
}
