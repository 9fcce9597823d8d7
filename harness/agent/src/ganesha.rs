//! nfs-ganesha, a server that is a program: its configuration, its start and its end.

use crate::boot::{annotate, write};
use crate::server::Manner;
use lockstorm_agent::{EXPORT, ports};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const CONFIGURATION: &str = "/run/ganesha.conf";
const LOG: &str = "/run/ganesha.log";
const COMPLAINTS: &str = "/run/ganesha.err";
/// What it knows of its clients; it must survive a power cut.
const RECOVERY: &str = "/disk/nfs/ganesha";
/// It reads its configuration, and looks for clients to reclaim.
const UP_WITHIN: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);
static PROCESS: AtomicI32 = AtomicI32::new(0);

/// Serves; with `graceless`, without a grace time.
pub fn start(manner: &Manner, graceless: bool) -> io::Result<()> {
    fs::create_dir_all(RECOVERY)?;
    fs::create_dir_all("/run/ganesha")?;
    write(CONFIGURATION, &configuration(manner, graceless))?;
    let child = Command::new("/usr/bin/ganesha.nfsd")
        .args(["-F", "-L", LOG, "-f", CONFIGURATION, "-p", "/run/ganesha.pid", "-N", "EVENT"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(COMPLAINTS)?)
        .spawn()
        .map_err(|error| annotate(error, "ganesha.nfsd"))?;
    PROCESS.store(i32::try_from(child.id()).map_err(io::Error::other)?, Ordering::SeqCst);
    wait_until_up(child)
}

fn wait_until_up(mut child: std::process::Child) -> io::Result<()> {
    let begun = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, 2049)).is_err() {
        let ended = child.try_wait()?;
        if ended.is_some() || begun.elapsed() > UP_WITHIN {
            let said = said();
            let last: Vec<&str> = said.lines().rev().take(20).collect();
            let state = ended.map_or("runs".into(), |status| format!("ended with {status}"));
            let message = format!("ganesha.nfsd does not serve; it {state}, and said {last:?}");
            return Err(io::Error::other(message));
        }
        thread::sleep(LOOK);
    }
    let process = child.id();
    thread::spawn(move || {
        let ended = child.wait();
        // Else it was stopped.
        if i32::try_from(process) == Ok(PROCESS.load(Ordering::SeqCst)) {
            eprintln!("lockstorm-agent: ganesha.nfsd ended by itself: {ended:?}");
            eprintln!("{}", said());
        }
    });
    Ok(())
}

/// All that it has written.
fn said() -> String {
    [LOG, COMPLAINTS].map(|file| fs::read_to_string(file).unwrap_or_default()).concat()
}

/// Ends it, as when the machine is about to be shut down in a hurry.
pub fn stop() -> io::Result<()> {
    let process = PROCESS.swap(0, Ordering::SeqCst);
    if process != 0 {
        kill(Pid::from_raw(process), Signal::SIGKILL)?;
    }
    Ok(())
}

fn configuration(manner: &Manner, graceless: bool) -> String {
    let Manner { lease_s, grace_s, .. } = manner;
    let protocols = if manner.nfs3 { "3, 4" } else { "4" };
    let nlm = manner.nfs3;
    let (mount, lock_manager) = (ports::MOUNT, ports::NLM);
    format!(
        "NFS_CORE_PARAM {{ Protocols = {protocols}; Enable_NLM = {nlm}; Enable_RQUOTA = false; \
         mount_path_pseudo = false; NSM_Use_Caller_Name = true; MNT_Port = {mount}; \
         NLM_Port = {lock_manager}; }}\n\
         NFSv4 {{ Lease_Lifetime = {lease_s}; Grace_Period = {grace_s}; Graceless = {graceless}; \
         RecoveryBackend = fs; RecoveryRoot = {RECOVERY}; Minor_Versions = 0, 1, 2; \
         Delegations = false; Only_Numeric_Owners = true; }}\n\
         NFS_KRB5 {{ Active_krb5 = false; }}\n\
         EXPORT {{ Export_Id = 1; Path = {EXPORT}; Pseudo = /; Access_Type = RW; Squash = None; \
         SecType = sys; Protocols = {protocols}; Transports = TCP; \
         FSAL {{ Name = VFS; }} }}\n"
    )
}
