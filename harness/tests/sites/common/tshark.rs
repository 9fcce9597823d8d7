//! Wireshark's eyes on a capture.

use std::path::Path;
use std::process::Command;

/// The fields of every frame that passes the filter, a line a frame.
pub fn frames(capture: &Path, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    // Clients call from any port below 1024, and so does the server that calls one back: also from
    // one that Wireshark takes for another protocol's.
    command.arg("-r").arg(capture);
    command.args(["-d", "tcp.port==2049,rpc", "-d", "tcp.port==512-1023,rpc"]);
    command.args(["-Y", filter, "-T", "fields"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap_or_else(|error| {
        panic!("tshark cannot be started ({error}); `ci/setup --tests` installs it")
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let columns = |line: &str| line.split('\t').map(str::to_owned).collect();
    text.lines().map(columns).collect()
}
