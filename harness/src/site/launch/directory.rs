//! A site's directory: the sockets and the ramdisk of its kernels, and where their consoles are.

use super::initrd;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket,
};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PREFIX: &str = "lockstorm-";
/// How often the directory is removed, 20 ms apart, while something is still written there.
const REMOVALS_MAX: u32 = 100;

/// Short-lived, with a short path, since the path of a socket may have 107 bytes only (unix(7)).
/// It is removed when this is dropped.
pub struct SiteDirectory {
    dir: tempfile::TempDir,
    consoles: PathBuf,
}

impl SiteDirectory {
    pub fn create(consoles: &Path) -> io::Result<SiteDirectory> {
        sweep_abandoned();
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let dir = tempfile::Builder::new().prefix(&prefix).tempdir()?;
        fs::create_dir_all(consoles)?;
        let mut ramdisk = File::create(dir.path().join("initrd"))?;
        initrd::write(&mut ramdisk)?;
        Ok(SiteDirectory { dir, consoles: fs::canonicalize(consoles)? })
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Where the console logs are.
    #[cfg(feature = "docker")]
    pub fn consoles(&self) -> &Path {
        &self.consoles
    }

    /// A socket that replaces the one of the node's last life. Accepting a connection waits for
    /// none.
    pub fn listen(&self, name: &str) -> io::Result<UnixListener> {
        let listener = UnixListener::bind(self.vacant(name)?)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    /// The same, of a socket that keeps packets apart.
    pub fn listen_for_packets(&self, name: &str) -> io::Result<UnixListener> {
        let address = UnixAddr::new(&self.vacant(name)?)?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
        bind(socket.as_raw_fd(), &address)?;
        listen(&socket, Backlog::new(1)?)?;
        Ok(socket.into())
    }

    /// The path of a file of this name, which is not there any more.
    fn vacant(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.dir.path().join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(path),
        }
    }

    /// A node's console log. A node that is switched on again goes on in the same one.
    pub fn console(&self, node: &str) -> io::Result<File> {
        let path = self.consoles.join(format!("{node}.log"));
        OpenOptions::new().create(true).append(true).open(path)
    }
}

impl Drop for SiteDirectory {
    /// A kernel that its engine could not end ends by itself, and its last words may come in
    /// between.
    fn drop(&mut self) {
        for _ in 0..REMOVALS_MAX {
            match fs::remove_dir_all(self.dir.path()) {
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                _ => return,
            }
        }
    }
}

/// Removes the directories of harnesses that were killed before they could.
fn sweep_abandoned() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.split_once('-')?.0.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
