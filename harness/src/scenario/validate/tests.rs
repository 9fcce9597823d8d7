use crate::scenario::load::load_source;
use crate::scenario::overrides::Overrides;
use crate::source::Source;

/// What is said about a scenario of one lock and the sections that are given.
fn said(sections: &str) -> String {
    let text = format!("lock: {{name: flufl.lock}}\n{sections}");
    let source = Source::from_bytes("story.yaml", text.into()).unwrap();
    match load_source(source, &Overrides::default()) {
        Ok(_) => "nothing\n".into(),
        Err(diagnostics) => diagnostics.to_string(),
    }
}

/// The same, with some cycles.
fn in_cycles(sections: &str) -> String {
    said(&format!("workload: {{cycles: {{}}}}\n{sections}"))
}

pub fn fault(lines: &str) -> String {
    in_cycles(&format!("faults:\n  - {}\n", lines.replace('\n', "\n    ")))
}

fn script(steps: &[&str]) -> String {
    said(&format!("workload:\n  script:\n    - {}\n", steps.join("\n    - ")))
}

#[test]
fn a_name_is_no_way_out_of_the_directory_of_results() {
    insta::assert_snapshot!(in_cycles("name: ../../my story"), @r#"
    error: `../../my story` cannot be a scenario's name, under which results are filed
      --> story.yaml:3:7
       |
     3 | name: ../../my story
       |       ^^^^^^^^^^^^^^
      = help: write `name: my-story`: letters, digits, `-_.`, at most 64, first a letter or digit
    "#);
    let said = in_cycles("name: ..");
    assert!(
        said.contains("`..` cannot be a scenario's name") && said.contains("my-story"),
        "{said}"
    );
    let said = in_cycles(&format!("name: {}", "x".repeat(300)));
    assert!(said.contains("xxx...` cannot be a scenario's name"), "{said}");
    assert_eq!(in_cycles("name: A_good-name.2"), "nothing\n");
}

#[test]
fn a_file_whose_stem_is_no_name_is_told_to_give_one() {
    let text = "lock: {name: flufl.lock}\nworkload: {cycles: {}}\n";
    let source = Source::from_bytes("stories/two words.yaml", text.into()).unwrap();
    let said = load_source(source, &Overrides::default()).unwrap_err().to_string();
    insta::assert_snapshot!(said, @r#"
    error: `two words` cannot be a scenario's name, under which results are filed
      --> stories/two words.yaml:1:1
       |
     1 | lock: {name: flufl.lock}
       | ^
      = help: write `name: two-words`: letters, digits, `-_.`, at most 64, first a letter or digit
    "#);
}

#[test]
fn the_site_has_limits() {
    insta::assert_snapshot!(in_cycles("site: {clients: 0}"), @r#"
    error: `clients` is 0
      --> story.yaml:3:17
       |
     3 | site: {clients: 0}
       |                 ^
      = help: expected 1 to 16
    "#);
    insta::assert_snapshot!(in_cycles("site: {server: {lease: 1500ms}}"), @r#"
    error: `lease` is 1.5s, which the server cannot be told
      --> story.yaml:3:24
       |
     3 | site: {server: {lease: 1500ms}}
       |                        ^^^^^^
      = help: expected whole seconds
    "#);
    insta::assert_snapshot!(in_cycles("site: {server: {grace: 5s, threads: 0}}"), @r#"
    error: `grace` is 5s
      --> story.yaml:3:24
       |
     3 | site: {server: {grace: 5s, threads: 0}}
       |                        ^^
      = help: expected 10s to 3600s

    error: `threads` is 0
      --> story.yaml:3:37
       |
     3 | site: {server: {grace: 5s, threads: 0}}
       |                                     ^
      = help: expected 1 to 64
    "#);
    insta::assert_snapshot!(in_cycles("site: {wire: {latency: 1us..1ms}}"), @r#"
    error: `latency` is 1us
      --> story.yaml:3:24
       |
     3 | site: {wire: {latency: 1us..1ms}}
       |                        ^^^^^^^^
      = help: expected 20us to 10s
    "#);
    insta::assert_snapshot!(in_cycles("site: {wire: {latency: 1ms..1h}}"), @r#"
    error: `latency` is 3600s
      --> story.yaml:3:24
       |
     3 | site: {wire: {latency: 1ms..1h}}
       |                        ^^^^^^^
      = help: expected 20us to 10s
    "#);
    insta::assert_snapshot!(in_cycles("site: {disk: {flush: 0s}}"), @r#"
    error: `flush` is 0s
      --> story.yaml:3:22
       |
     3 | site: {disk: {flush: 0s}}
       |                      ^^
      = help: expected at least 20us
    "#);
    insta::assert_snapshot!(in_cycles("site: {disk: {size_mib: 8}}"), @r#"
    error: `size_mib` is 8
      --> story.yaml:3:25
       |
     3 | site: {disk: {size_mib: 8}}
       |                         ^
      = help: expected 16 to 4096
    "#);
}

#[test]
fn a_node_that_is_set_apart_exists_and_has_what_a_node_can_have() {
    let of = |nodes: &str| in_cycles(&format!("site:\n  nodes:\n    {nodes}\n"));
    insta::assert_snapshot!(of("c4: {clock: 1h}"), @r"
    error: there is no node `c4`
      --> story.yaml:5:5
       |
     5 |     c4: {clock: 1h}
       |     ^^
      = help: did you mean `c1`?
    ");
    insta::assert_snapshot!(of("c1: {clock: 2000h, zone: Asia/Kolkata}"), @r"
    error: `Asia/Kolkata` is no time zone that needs no database
      --> story.yaml:5:30
       |
     5 |     c1: {clock: 2000h, zone: Asia/Kolkata}
       |                              ^^^^^^^^^^^^
      = help: expected name and offset of tzset(3), such as `<+0530>-5:30`
    ");
    insta::assert_snapshot!(of("c1: {clock: -9000h, host_name: a_b}"), @r"
    error: `clock` is -32400000s
      --> story.yaml:5:17
       |
     5 |     c1: {clock: -9000h, host_name: a_b}
       |                 ^^^^^^
      = help: expected at most a year

    error: `a_b` is no host name
      --> story.yaml:5:36
       |
     5 |     c1: {clock: -9000h, host_name: a_b}
       |                                    ^^^
      = help: expected letters, digits, `-` and `.`, at most 64
    ");
    insta::assert_snapshot!(of("server: {clock: 1s, zone: UTC0}"), @r"
    error: no lock runs on the server, to which this would matter
      --> story.yaml:5:25
       |
     5 |     server: {clock: 1s, zone: UTC0}
       |                         ^^^^
      = help: expected it of a client
    ");
}

#[test]
fn mount_options_are_those_of_nfs_and_not_the_harnesss_own() {
    let options = |options: &str| in_cycles(&format!("site:\n  nfs:\n    options: [{options}]\n"));
    insta::assert_snapshot!(options("hard, vers=3"), @r#"
    error: the mount option `vers` is the harness's to set
      --> story.yaml:5:21
       |
     5 |     options: [hard, vers=3]
       |                     ^^^^^^
      = help: set `site.nfs.version`
    "#);
    insta::assert_snapshot!(options("actimo=3"), @r#"
    error: `actimo=3` is not a mount option of NFS
      --> story.yaml:5:15
       |
     5 |     options: [actimo=3]
       |               ^^^^^^^^
      = help: did you mean `actimeo`?
    "#);
    insta::assert_snapshot!(options("'soft,timeo=10'"), @r#"
    error: `soft,timeo=10` holds several mount options
      --> story.yaml:5:15
       |
     5 |     options: ['soft,timeo=10']
       |               ^^^^^^^^^^^^^^^
      = help: write each as a list item of its own
    "#);
    insta::assert_snapshot!(in_cycles("site: {nfs: {version: '4'}}"), @r#"
    error: no NFS version `4`
      --> story.yaml:3:23
       |
     3 | site: {nfs: {version: '4'}}
       |                       ^^^
      = help: expected "3", "4.0", "4.1" or "4.2"
    "#);
    for (both, words) in [
        ("hard, soft", "`soft` after `hard`: a mount has one of them"),
        ("ac, hard, noac", "`noac` after `ac`"),
        ("ro", "leave it out: nobody could take a lock"),
    ] {
        assert!(options(both).contains(words), "{}", options(both));
    }
    assert_eq!(options("soft, timeo=10, lookupcache=none, local_lock=posix"), "nothing\n");
}

#[test]
fn a_parameter_of_the_kernel_is_a_name_and_a_value() {
    let of = |pairs: &str| in_cycles(&format!("site:\n  nfs:\n    parameters: {{{pairs}}}\n"));
    assert_eq!(of("recover_lost_locks: Y, delay_retrans: '3'"), "nothing\n");
    insta::assert_snapshot!(of("nfs4_unique_id: x"), @r"
    error: the parameter `nfs4_unique_id` is the harness's to set
      --> story.yaml:5:34
       |
     5 |     parameters: {nfs4_unique_id: x}
       |                                  ^
      = help: set `site.nodes.c1.host_name`, and it is set with it
    ");
    insta::assert_snapshot!(of("../../x: Y, max_session_slots: 'a b'"), @r#"
    error: `../../x` is no parameter of a kernel's module
      --> story.yaml:5:27
       |
     5 |     parameters: {../../x: Y, max_session_slots: 'a b'}
       |                           ^
      = help: expected letters, digits and `_`, such as `recover_lost_locks`

    error: `max_session_slots` cannot be set to that
      --> story.yaml:5:49
       |
     5 |     parameters: {../../x: Y, max_session_slots: 'a b'}
       |                                                 ^^^^^
      = help: expected such as `Y` or "3"
    "#);
}

#[test]
fn a_workload_takes_time_and_comes_to_an_end() {
    let cycles = |keys: &str| said(&format!("workload: {{cycles: {{{keys}}}}}\n"));
    insta::assert_snapshot!(cycles("time: 0s"), @r#"
    error: `time` is 0s
      --> story.yaml:2:27
       |
     2 | workload: {cycles: {time: 0s}}
       |                           ^^
      = help: expected at least 1ms
    "#);
    insta::assert_snapshot!(cycles("time: 48h"), @r#"
    error: `time` is 172800s
      --> story.yaml:2:27
       |
     2 | workload: {cycles: {time: 48h}}
       |                           ^^^
      = help: expected 1ms to 86400s
    "#);
    insta::assert_snapshot!(cycles("hold: 0s, think: 0s"), @r#"
    error: `hold` and `think` are both 0s, so that no time would pass
      --> story.yaml:2:27
       |
     2 | workload: {cycles: {hold: 0s, think: 0s}}
       |                           ^^
      = help: expected at least one of them to take time
    "#);
    insta::assert_snapshot!(cycles("rounds: 0"), @r#"
    error: `rounds` is 0
      --> story.yaml:2:29
       |
     2 | workload: {cycles: {rounds: 0}}
       |                             ^
      = help: expected 1 to 1000000
    "#);
    insta::assert_snapshot!(said("workload: {cycles: {rounds: 2}}\nexpect: {critical_sections: 7}\n"), @r#"
    error: 7 critical sections cannot come of 2 rounds each
      --> story.yaml:3:29
       |
     3 | expect: {critical_sections: 7}
       |                             ^
      = help: expected at most 6
    "#);
}

#[test]
fn a_fault_needs_a_node_that_exists_and_a_time_that_comes() {
    insta::assert_snapshot!(fault("when: {at: 5s}\nstrike:\n  cut:\n    node: c4"), @r#"
    error: there is no node `c4`
      --> story.yaml:7:15
       |
     7 |         node: c4
       |               ^^
      = help: the nodes are server, c1, c2, c3, owner
    "#);
    insta::assert_snapshot!(fault("when: {at: 5s}\nstrike: {crash: {node: sever}}"), @r#"
    error: there is no node `sever`
      --> story.yaml:5:28
       |
     5 |     strike: {crash: {node: sever}}
       |                            ^^^^^
      = help: did you mean `server`? the nodes are server, c1, c2, c3, owner
    "#);
    insta::assert_snapshot!(fault("when: {at: 60s}\nstrike: {cut: {node: c1}}"), @r#"
    error: the workload is over after 60s
      --> story.yaml:4:16
       |
     4 |   - when: {at: 60s}
       |                ^^^
      = help: expected an earlier time
    "#);
    insta::assert_snapshot!(fault("when: {at: -3s}\nstrike: {cut: {node: c1}}"), @r#"
    error: `-3s` is negative
      --> story.yaml:4:16
       |
     4 |   - when: {at: -3s}
       |                ^^^
      = help: did you mean `3s`?
    "#);
    insta::assert_snapshot!(fault("when: {entered: {count: 0}}\nstrike: {cut: {node: owner}}"), @r#"
    error: `count` is 0
      --> story.yaml:4:29
       |
     4 |   - when: {entered: {count: 0}}
       |                             ^
      = help: expected 1 to 1000000
    "#);
    insta::assert_snapshot!(fault("when: {entered: {count: 1, client: server}}\nstrike: {cut: {node: owner}}"), @r#"
    error: there is no node `server`
      --> story.yaml:4:40
       |
     4 |   - when: {entered: {count: 1, client: server}}
       |                                        ^^^^^^
      = help: the nodes are c1, c2, c3
    "#);
    insta::assert_snapshot!(fault("when: {at: 5s}\nstrike: {cut: {node: c1}}\nfor: 0s"), @r#"
    error: `for` is 0s
      --> story.yaml:6:10
       |
     6 |     for: 0s
       |          ^^
      = help: expected at least 1ns
    "#);
}

#[test]
fn a_fault_must_do_something_that_can_be_done() {
    insta::assert_snapshot!(fault("when: {at: 5s}\nstrike: {clock: {node: c1}}"), @r#"
    error: this clock neither steps nor drifts
      --> story.yaml:5:14
       |
     5 |     strike: {clock: {node: c1}}
       |              ^^^^^
      = help: expected `step: 8s`, `drift_ppm: 1000` or `stands: true`
    "#);
    insta::assert_snapshot!(fault("when: {at: 5s}\nstrike: {clock: {node: c1, drift_ppm: 200000}}"), @r#"
    error: `drift_ppm` is 200000
      --> story.yaml:5:43
       |
     5 |     strike: {clock: {node: c1, drift_ppm: 200000}}
       |                                           ^^^^^^
      = help: expected -100000 to 100000
    "#);
    insta::assert_snapshot!(fault("when: {at: 5s}\nstrike: {clock: {node: c1, step: 8}}"), @r#"
    error: `8` has no unit
      --> story.yaml:5:38
       |
     5 |     strike: {clock: {node: c1, step: 8}}
       |                                      ^
      = help: expected such as `8ms` or `8s`
    "#);
    insta::assert_snapshot!(fault("when: {at: 5s}\nstrike: {impair: {node: c1}}"), @r#"
    error: this impairs nothing
      --> story.yaml:5:14
       |
     5 |     strike: {impair: {node: c1}}
       |              ^^^^^^
      = help: expected such as `loss`, `duplicate`, `delay`, `corrupt`, `reorder` or `bandwidth`
    "#);
    insta::assert_snapshot!(fault("when: {at: 5s}\nstrike: {impair: {node: c1, loss: 1.5, duplicate: .nan}}"), @r#"
    error: `loss` is 1.5
      --> story.yaml:5:39
       |
     5 |     strike: {impair: {node: c1, loss: 1.5, duplicate: .nan}}
       |                                       ^^^
      = help: expected a share from 0 to 1

    error: `duplicate` is NaN
      --> story.yaml:5:55
       |
     5 |     strike: {impair: {node: c1, loss: 1.5, duplicate: .nan}}
       |                                                       ^^^^
      = help: expected a share from 0 to 1
    "#);
    insta::assert_snapshot!(fault("when: {at: 5s}\nstrike: {partition: {between: [c1, c9], and: [server, c1]}}"), @r#"
    error: there is no node `c9`
      --> story.yaml:5:40
       |
     5 |     strike: {partition: {between: [c1, c9], and: [server, c1]}}
       |                                        ^^
      = help: the nodes are server, c1, c2, c3, owner

    error: c1 cannot be parted from itself
      --> story.yaml:5:50
       |
     5 |     strike: {partition: {between: [c1, c9], and: [server, c1]}}
       |                                                  ^
      = help: expected each node in one group at most
    "#);
    insta::assert_snapshot!(fault("when: {at: 5s}\nstrike: {cut: {node: c1}, crash: {node: c1}}"), @r#"
    error: more than one key stands here
      --> story.yaml:5:13
       |
     5 |     strike: {cut: {node: c1}, crash: {node: c1}}
       |             ^
      = help: expected one alone
    "#);
}

#[test]
fn a_script_must_be_a_story_that_can_be_told() {
    insta::assert_snapshot!(said("workload: {script: []}\n"), @r#"
    error: the script has no steps
      --> story.yaml:2:12
       |
     2 | workload: {script: []}
       |            ^^^^^^
      = help: expected such as `- c1: acquire -> ok`
    "#);
    insta::assert_snapshot!(script(&["c4: acquire -> ok"]), @r#"
    error: there is no node `c4`
      --> story.yaml:4:7
       |
     4 |     - c4: acquire -> ok
       |       ^
      = help: the nodes are c1, c2, c3
    "#);
    insta::assert_snapshot!(script(&["cut owner"]), @r#"
    error: there is no node `owner`
      --> story.yaml:4:7
       |
     4 |     - cut owner
       |       ^^^^^^^^^
      = help: the nodes are server, c1, c2, c3
    "#);
    insta::assert_snapshot!(script(&["c1: -> ok"]), @r#"
    error: `c1` has no call whose answer is to come
      --> story.yaml:4:11
       |
     4 |     - c1: -> ok
       |           ^^^^^
      = help: expected a step such as `c1: acquire` before this
    "#);
    insta::assert_snapshot!(script(&["c1: acquire", "c1: release -> ok"]), @r#"
    error: `c1` still waits for the answer to `acquire`
      --> story.yaml:5:11
       |
     5 |     - c1: release -> ok
       |           ^^^^^^^^^^^^^
      = help: expected `c1: -> ANSWER` before this
    "#);
    insta::assert_snapshot!(script(&["c1: acquire -> timeout"]), @r#"
    error: `acquire` is never answered `timeout`
      --> story.yaml:4:11
       |
     4 |     - c1: acquire -> timeout
       |           ^^^^^^^^^^^^^^^^^^
      = help: expected `ok` or `error`, since it waits for ever
    "#);
    insta::assert_snapshot!(script(&["c1: is_held -> ok"]), @r#"
    error: `is_held` is never answered `ok`
      --> story.yaml:4:11
       |
     4 |     - c1: is_held -> ok
       |           ^^^^^^^^^^^^^
      = help: expected `held`, `not held` or `error`
    "#);
    insta::assert_snapshot!(script(&["heal c1"]), @r#"
    error: `c1` is not cut off
      --> story.yaml:4:7
       |
     4 |     - heal c1
       |       ^^^^^^^
      = help: expected `cut c1` before this
    "#);
    insta::assert_snapshot!(script(&["crash c1", "c1: acquire -> ok"]), @r#"
    error: `c1` has crashed
      --> story.yaml:5:11
       |
     5 |     - c1: acquire -> ok
       |           ^^^^^^^^^^^^^
      = help: expected `restart c1` before this
    "#);
    insta::assert_snapshot!(script(&["restart server"]), @r#"
    error: `server` has not crashed
      --> story.yaml:4:7
       |
     4 |     - restart server
       |       ^^^^^^^^^^^^^^
      = help: expected `crash server` before this
    "#);
    insta::assert_snapshot!(script(&["clock c1 +0s"]), @"
    error: this clock neither steps nor drifts
      --> story.yaml:4:7
       |
     4 |     - clock c1 +0s
       |       ^^^^^^^^^^^^
      = help: expected `step: 8s`, `drift_ppm: 1000` or `stands: true`
    ");
    insta::assert_snapshot!(script(&["at +20h", "at +20h"]), @r#"
    error: the script takes more than 86400s in all
      --> story.yaml:5:7
       |
     5 |     - at +20h
       |       ^^^^^^^
    "#);
    assert_eq!(
        script(&["c1: acquire", "crash c1", "restart c1", "c1: acquire -> ok"]),
        "nothing\n"
    );
}

#[test]
fn a_script_has_no_critical_sections_to_strike_in() {
    let sections = "workload:\n  script:\n    - c1: acquire -> ok\nfaults:\n  - when:\n      \
        entered: {count: 1}\n    strike: {cut: {node: c1}}\n";
    insta::assert_snapshot!(said(sections), @r#"
    error: a script has no critical sections to count
      --> story.yaml:7:7
       |
     7 |       entered: {count: 1}
       |       ^^^^^^^
      = help: write `when: {at: 5s}`, or the fault as a step of the script
    "#);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    insta::assert_snapshot!(in_cycles("site: {clients: 17, server: {lease: 1s}}\n"), @r#"
    error: `clients` is 17
      --> story.yaml:3:17
       |
     3 | site: {clients: 17, server: {lease: 1s}}
       |                 ^^
      = help: expected 1 to 16

    error: `lease` is 1s
      --> story.yaml:3:37
       |
     3 | site: {clients: 17, server: {lease: 1s}}
       |                                     ^^
      = help: expected 10s to 3600s
    "#);
}

#[test]
fn a_call_that_nobody_makes_cannot_be_waited_for() {
    let said = |rpc: &str| fault(&format!("when: {{rpc: {rpc}}}\nstrike: {{lose: {{}}}}"));
    assert_eq!(said("{op: LINK, phase: reply, status: ok, path: '*.lck'}"), "nothing\n");
    let told = [
        said("{op: link}"),
        said("{op: RENEW}"),
        said("{op: LINK, status: ok}"),
        said("{op: LINK, phase: reply, status: NFS4ERR_EXISTS}"),
        said("{op: LINK, from: c9, path: '', nth: 0}"),
        said("{op: LINK, after: 2s}"),
        fault("when: {at: 5s}\nstrike: {lose: {}}"),
        fault("when: {rpc: {op: LINK}}\nstrike: {hold: {late: 0s}}\nfor: 5s"),
        fault("when: {at: 5s}\nstrike: {crash: {node: caller}}"),
        script(&["c1: acquire", "lose: {}"]),
        fault("when: {rpc: {op: LOCK}}\nstrike: {refuse: {with: NFS4ERR_ACCESS}}"),
        fault("when: {rpc: {op: CLOSE, phase: reply}}\nstrike: {refuse: {with: NFS4ERR_NOENT}}"),
    ];
    insta::assert_snapshot!("waited_for_in_vain", told.join("\n"));
    let crash = fault("when: {rpc: {op: LINK}}\nstrike: {crash: {node: caller}}\nfor: 5s");
    assert_eq!(crash, "nothing\n");
}

#[test]
fn a_trigger_that_can_never_fire_is_refused() {
    let said = |when: &str| fault(&format!("when: {when}\nstrike: {{cut: {{node: c1}}}}"));
    let told = [
        said("{calls: {op: acquire, count: 0, client: c9}}"),
        said("{situation: {}}"),
        said("{situation: {inside: [c1], waiting: [c1, c7]}}"),
        said("{struck: {fault: 1}}"),
        said("{every: {gap: 20s, from: 50s}}"),
        said("{every: {gap: 1ms, times: 0}}"),
        said("{every: {gap: 100ms}}"),
        said("{ended: {fault: 2}}"),
    ];
    insta::assert_snapshot!("triggers_that_never_fire", told.join("\n"));
}
