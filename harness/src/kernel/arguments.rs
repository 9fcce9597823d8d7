//! What a user adds to the command lines of the nodes' kernels, and what nobody may.

use std::str::FromStr;

/// So much fits behind what the harness says: a kernel cuts off what is too long, without a word.
const LENGTH_MAX: usize = 512;

/// Parameters that the harness sets itself, or that lead out of the site, each with the reason. A
/// name that ends in `*` stands for all that begin so; `-` and `_` are the same to a kernel.
const TAKEN: [(&[&str], &str); 6] = [
    (&["time_travel*", "clocksource", "tsc*", "notsc"], "the clock of a node is lockstorm's"),
    (
        &["mem", "iomem*", "memmap"],
        "how much memory a node has is said by the lock's profile (`memory:`)",
    ),
    (
        &["initrd", "noinitrd", "init", "rdinit", "root*", "ro", "rw"],
        "what a node boots is lockstorm's",
    ),
    (
        &["con*", "ssl*", "xterm", "umid", "uml_dir", "mconsole*", "mode", "panic", "gdb*"],
        "lockstorm reads a node's console, and has to see its end",
    ),
    (
        &[
            "virtio_uml*",
            "virtio_net.napi_tx",
            "virtio_mmio*",
            "ubd*",
            "udb",
            "eth*",
            "vec*",
            "hostfs*",
        ],
        "the devices of a node are lockstorm's, and none is the host's",
    ),
    (
        &["norandmaps", "random*", "randomize*", "kaslr", "nokaslr"],
        "the same seed has to give the same run",
    ),
];

/// Words for a kernel's command line, none of which is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments(pub Vec<String>);

impl FromStr for Arguments {
    type Err = String;

    fn from_str(text: &str) -> Result<Arguments, String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        if words.is_empty() {
            return Err(
                "expected parameters of Linux, such as 'ignore_loglevel nfs.debug=1'".into()
            );
        }
        check(&words)?;
        Ok(Arguments(words))
    }
}

/// Refuses what a kernel must not be told, whoever says it.
pub fn check(words: &[String]) -> Result<(), String> {
    let length: usize = words.iter().map(|word| word.len() + 1).sum();
    if length > LENGTH_MAX {
        return Err(format!("{length} characters; expected at most {LENGTH_MAX}"));
    }
    words.iter().try_for_each(|word| check_word(word))
}

fn check_word(word: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_graphic() && !"\"'\\`$".contains(c);
    if word.is_empty() || !word.chars().all(is_plain) {
        return Err(format!(
            "`{}` is no parameter of Linux; expected letters, digits and signs \
                            without quotes",
            lockstorm_reports::text::clean(word)
        ));
    }
    if word.starts_with('-') {
        return Err(format!(
            "`{word}` is for the program and not for the kernel; expected NAME or \
                            NAME=VALUE"
        ));
    }
    let name = word.split('=').next().unwrap_or(word).replace('-', "_").to_ascii_lowercase();
    let is_meant = |taken: &&str| match taken.strip_suffix('*') {
        Some(begin) => name.starts_with(begin),
        None => name == *taken,
    };
    match TAKEN.iter().find(|(names, _)| names.iter().any(is_meant)) {
        Some((_, why)) => Err(format!("`{word}` is refused: {why}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::blueprint::NodeBlueprint;
    use crate::site::clock::Clock;

    #[test]
    fn what_makes_a_kernel_talk_or_check_more_is_passed_on() {
        let told: Arguments =
            " ignore_loglevel  nfs.debug=1 slub_debug=FZ loglevel=8".parse().unwrap();
        assert_eq!(told.0, ["ignore_loglevel", "nfs.debug=1", "slub_debug=FZ", "loglevel=8"]);
        for fine in ["debug", "kmemleak=on", "sunrpc.tcp_slot_table_entries=2", "initcall_debug"] {
            assert!(fine.parse::<Arguments>().is_ok(), "{fine}");
        }
    }

    #[test]
    fn what_the_harness_sets_is_refused_with_the_reason() {
        let said = |text: &str| text.parse::<Arguments>().unwrap_err();
        insta::assert_snapshot!(said("debug mem=1G"), @"`mem=1G` is refused: how much memory a node has is said by the lock's profile (`memory:`)");
        insta::assert_snapshot!(said("time-travel"), @"`time-travel` is refused: the clock of a node is lockstorm's");
        insta::assert_snapshot!(said("--help"), @"`--help` is for the program and not for the kernel; expected NAME or NAME=VALUE");
        insta::assert_snapshot!(said("a='b"), @"`a='b` is no parameter of Linux; expected letters, digits and signs without quotes");
        insta::assert_snapshot!(said(" "), @"expected parameters of Linux, such as 'ignore_loglevel nfs.debug=1'");
        for taken in [
            "TIME-TRAVEL=inf-cpu",
            "time_travel_start=1",
            "ubd0=/etc/passwd",
            "ubda=x",
            "eth0=tuntap",
            "vec0:transport=raw",
            "con1=port:9000",
            "console=ttyS0",
            "ssl0=pty",
            "hostfs=/",
            "root=/dev/ubda",
            "rootfstype=hostfs",
            "init=/bin/sh",
            "rdinit=/x",
            "panic=10",
            "umid=x",
            "uml-dir=/tmp",
            "virtio_uml.device=x:1",
            "virtio-net.napi-tx=1",
            "norandmaps",
            "random.trust_cpu=1",
            "--",
            "gdb",
        ] {
            assert!(taken.parse::<Arguments>().is_err(), "{taken}");
        }
        assert!("a ".repeat(300).parse::<Arguments>().unwrap_err().contains("at most 512"));
    }

    /// Whatever the harness says itself, nobody else may say.
    #[test]
    fn nothing_that_the_harness_says_may_be_said_again() {
        let node: NodeBlueprint = crate::check::tests::story::plan().blueprint.nodes[0].clone();
        let ours = crate::site::launch::command_line(&node, Clock::Virtual);
        // Louder kernels are what people want.
        for word in ours.into_iter().filter(|word| !word.starts_with("loglevel=")) {
            assert!(check_word(&word).is_err(), "{word}");
        }
    }
}
