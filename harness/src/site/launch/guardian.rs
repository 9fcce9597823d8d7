//! The guardian: ends a site's processes when the harness can no longer do it itself.
//!
//! A kernel dies with the harness (see [`super::process`]), but while it looks what the host can
//! do, before it boots, it has stopped children for a moment, which are no one's when it is killed
//! then (start_ptraced_child in arch/um/os-Linux/start_up.c). So all processes of a site are in
//! one group, and the guardian, who leads it, kills the group when its input ends. Only the
//! harness has the other end of that, and a process that ends closes what it has open, however it
//! ends.

use super::group;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub struct Guardian {
    shell: Child,
}

impl Guardian {
    pub fn start(dir: &Path) -> io::Result<Guardian> {
        let shell = Command::new("sh")
            .args(["-c", "read -r nothing; kill -KILL 0"])
            .current_dir(dir)
            // Ctrl-C is for the harness, which then ends its nodes in good order.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Guardian { shell })
    }

    /// The group that the site's processes are to join. It is there as long as the guardian is.
    pub fn group(&self) -> i32 {
        self.shell.id() as i32
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        let group = self.group();
        // Waiting closes its input first.
        let _ = self.shell.wait();
        group::wait_for_end(group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn whoever_is_in_the_group_ends_with_the_guardian() {
        let guardian = Guardian::start(Path::new("/")).unwrap();
        let group = guardian.group();
        let mut sleeper = Command::new("sleep").arg("600").process_group(group).spawn().unwrap();
        drop(guardian);
        assert_eq!(sleeper.wait().unwrap().signal(), Some(9));
    }
}
