//! A cluster of one node: Slurm's own daemons, on the loopback address, for as long as a test
//! lasts.

use super::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub struct Cluster {
    home: PathBuf,
    daemons: Vec<Child>,
}

impl Cluster {
    /// Starts the daemons; all that they write is below `home`.
    pub fn start(home: &Path) -> Cluster {
        for name in ["state", "spool"] {
            fs::create_dir(home.join(name)).unwrap();
        }
        fs::write(home.join("slurm.conf"), configuration(home)).unwrap();
        let mut cluster = Cluster { home: home.to_owned(), daemons: Vec::new() };
        cluster.daemon("slurmctld", &["-D", "-c"]);
        eventually("slurmctld answers", || cluster.ask("scontrol", &["ping"]).contains(" is UP"));
        cluster.daemon("slurmd", &["-D", "-c", "-N", "node"]);
        eventually("the node is idle", || cluster.ask("sinfo", &["-h", "-o", "%t"]) == "idle\n");
        cluster
    }

    fn daemon(&mut self, name: &str, arguments: &[&str]) {
        let mut command = self.command(&format!("/usr/sbin/{name}"), arguments);
        command.arg("-f").arg(self.home.join("slurm.conf"));
        let log = fs::File::create(self.home.join(format!("{name}.log"))).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().expect("`ci/setup --tests` brings slurm-wlm");
        self.daemons.push(child);
    }

    /// A program that talks to this cluster and no other.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.home).stdin(Stdio::null());
        for (name, _) in std::env::vars() {
            if name.starts_with("SLURM") || name.starts_with("SBATCH") {
                command.env_remove(name);
            }
        }
        command.env("SLURM_CONF", self.home.join("slurm.conf"));
        command
    }

    /// What a program of Slurm answers.
    pub fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program, arguments).output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// Slurm lets a job that was put back wait for two minutes: lets it wait no longer.
    pub fn hurry(&self) {
        for task in self.ask("squeue", &["-h", "-t", "PENDING", "-o", "%i"]).lines() {
            self.ask("scontrol", &["update", &format!("jobid={task}"), "starttime=now"]);
        }
    }

    /// What the jobs and the daemons have said, for the message of an assertion.
    pub fn said(&self, out: &Path) -> String {
        let mut said = self.ask("squeue", &[]);
        for directory in [out, &self.home] {
            let files = fs::read_dir(directory).into_iter().flatten().flatten();
            for path in files.map(|file| file.path()) {
                if path.extension().is_some_and(|end| end == "log") {
                    let text = fs::read_to_string(&path).unwrap_or_default();
                    said += &format!("--- {}\n{text}\n", path.display());
                }
            }
        }
        said
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let jobs = self.ask("squeue", &["-h", "-o", "%A"]);
        for job in jobs.lines() {
            self.ask("scancel", &["--full", "--signal=KILL", job]);
            self.ask("scancel", &[job]);
        }
        // What runs the jobs has left the daemons' sessions; all of them know the directory.
        let home = self.home.display().to_string();
        for _ in 0..100 {
            if processes_with(&home).len() <= self.daemons.len() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        for daemon in &mut self.daemons {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        for process in processes_with(&home) {
            let _ = kill(process, Signal::SIGKILL);
        }
    }
}

/// The processes that have a text among their arguments.
pub fn processes_with(text: &str) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let has_it = |number: &i32| {
        let line = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        *number != std::process::id() as i32 && line.contains(text)
    };
    numbers.filter(has_it).map(Pid::from_raw).collect()
}

/// Nobody but this user's jobs run, and nobody but this machine reaches the daemons: they need not
/// know who asks.
fn configuration(home: &Path) -> String {
    let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [controller, node] = ports.map(|port| port.local_addr().unwrap().port());
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let host = host.trim().split('.').next().unwrap();
    let user = Command::new("id").arg("-un").output().unwrap();
    let user = String::from_utf8(user.stdout).unwrap();
    let (user, home) = (user.trim(), home.display());
    format!(
        "ClusterName=lockstorm
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/none
CredType=cred/none
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,batch_sched_delay=0
KillWait=2
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=8192
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"
    )
}
