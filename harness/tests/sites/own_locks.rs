//! Locks that lockstorm does not ship: one's own, an unreleased tree, another release; and whether
//! adapters keep the protocol.

use crate::common::{lockstorm, permit, scenario_beside_others};
use rstest::rstest;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A story that is short and still has something to judge.
const SHORT: [&str; 6] = [
    "--set",
    "workload.cycles.time=10s",
    "--set",
    "workload.cycles.think=0s..200ms",
    "--set",
    "expect.critical_sections=5",
];

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("it ends by itself, not by a signal");
    format!("exit code {code}\n{}{}", text(&output.stdout), text(&output.stderr))
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself, not by a signal")
}

/// Runs the command in `home` to its end.
fn run(home: &Path, arguments: &[&str]) -> Output {
    lockstorm(home, arguments).output().unwrap()
}

fn calm(lock: &str, more: &[&str]) -> crate::common::Ended {
    let arguments = [&["--lock", lock], more, &SHORT[..]].concat();
    scenario_beside_others("calm", &arguments)
}

#[rstest]
fn a_template_keeps_the_protocol_and_runs_at_once(
    #[values("python", "node", "go", "rust", "command")] language: &str,
) {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let written = run(home.path(), &["init", "--lock", language, "mine"]);
    assert_eq!(code(&written), 0, "{}", said(&written));
    let checked = run(home.path(), &["lock", "check", "mine/profile.yaml"]);
    assert_eq!(code(&checked), 0, "{}", said(&checked));
    let profile = home.path().join("mine/profile.yaml");
    let ended = calm(profile.to_str().unwrap(), &["--verify-repeat"]);
    assert_eq!(ended.code, 0, "{}", ended.said());
    assert_eq!(ended.report().lock.name, "mine");
}

#[rstest]
fn every_shipped_adapter_keeps_the_protocol(
    #[files("../containers/locks/*/profile.yaml")] profile: PathBuf,
) {
    let text = fs::read_to_string(&profile).unwrap();
    if text.contains("kind: control") || text.contains("kind: misbehaving") {
        return; // bad on purpose, some of them in this
    }
    let name = profile.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let checked = run(home.path(), &["lock", "check", name, "--timeout", "20"]);
    assert_eq!(code(&checked), 0, "{}", said(&checked));
}

#[test]
fn what_an_adapter_does_wrong_is_told_by_what_it_should_do() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let checked = run(home.path(), &["lock", "check", "none"]);
    assert_eq!(code(&checked), 1, "{}", said(&checked));
    let text = said(&checked);
    assert!(text.contains("FAILED  refuses a second holder"), "{text}");
    assert!(text.contains("ok      says that it is ready"), "{text}");
}

#[rstest]
#[case("garbage", "wrote what is no JSON")]
#[case("exit", "ended with exit status")]
#[case("hang", "did not answer")]
#[case("panic", "its node ended")]
fn a_misbehaving_adapter_is_a_complaint_and_no_error(#[case] how: &str, #[case] words: &str) {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let checked = run(home.path(), &["lock", "check", &format!("misbehaving-{how}")]);
    assert_eq!(code(&checked), 1, "{}", said(&checked));
    assert!(said(&checked).contains(words), "{}", said(&checked));
}

#[test]
fn another_release_runs_and_is_there_without_a_network_afterwards() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let arguments = [&["scenario", "calm", "--lock", "flufl.lock@8.2.0"][..], &SHORT].concat();
    let first = run(home.path(), &arguments);
    assert_eq!(code(&first), 0, "{}", said(&first));
    assert!(said(&first).contains("flufl.lock 8.2.0"), "{}", said(&first));
    let offline = lockstorm(home.path(), &arguments).env("PIP_NO_INDEX", "1").output().unwrap();
    assert_eq!(code(&offline), 0, "{}", said(&offline));
    let mut runs = fs::read_dir(home.path().join("lockstorm-runs")).unwrap();
    let only = runs.next().unwrap().unwrap().file_name().into_string().unwrap();
    assert!(only.starts_with("calm-flufl.lock@8.2.0-1-"), "{only}");
    assert!(runs.next().is_none(), "the same plan, and so the same run");
}

#[test]
fn an_unreleased_tree_runs_in_place_of_a_release() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let tree = home.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(
        tree.join("pyproject.toml"),
        "[build-system]\nrequires = [\"flit_core\"]\nbuild-backend = \"flit_core.buildapi\"\n\
         [project]\nname = \"zc.lockfile\"\nversion = \"99.1\"\ndescription = \"unreleased\"\n\
         [tool.flit.module]\nname = \"zc.lockfile\"\n",
    )
    .unwrap();
    fs::create_dir_all(tree.join("zc/lockfile")).unwrap();
    fs::write(tree.join("zc/lockfile/__init__.py"), UNRELEASED).unwrap();
    let ended = calm("zc.lockfile", &["--with", tree.to_str().unwrap()]);
    let report = ended.report();
    assert_eq!(report.lock.version.as_deref(), Some("99.1"), "{}", ended.said());
    assert_eq!(ended.code, 1, "the tree locks nothing, and that shows: {}", ended.said());
}

/// A tree of zc.lockfile in which somebody broke the lock.
const UNRELEASED: &str = "
class LockError(Exception):
    pass

class SimpleLockFile:
    def __init__(self, path):
        self.path = path
    def close(self):
        pass

LockFile = SimpleLockFile
";

#[test]
fn what_cannot_be_had_is_told_by_the_name_of_the_lock() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, expected, words) in [
        (&["--lock", "fcntl@1"][..], 10, "lock `fcntl`: another release"),
        (&["--lock", "flufl.lock@99.0"], 12, "lock `flufl.lock`: pip failed"),
        (&["--lock", "nowhere/profile.yaml"], 10, "nowhere/profile.yaml"),
        (&["--lock", "flufl.lokc"], 10, "did you mean `flufl.lock`?"),
    ] {
        let output = run(home.path(), &[&["scenario", "calm"], arguments].concat());
        assert_eq!(code(&output), expected, "{}", said(&output));
        assert!(said(&output).contains(words), "{}", said(&output));
    }
}

/// A class of a tree that is not released: the lock itself, in a jar.
const DOORS: &str = "
package shop;
import java.nio.channels.*;
public final class Doors {
    public static FileLock tryLock(FileChannel channel) throws java.io.IOException {
        return channel.tryLock();
    }
}
";

fn java(directory: &Path, program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_java_lock_of_ones_own_is_compiled_against_the_jars_of_a_tree() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let (mine, tree) = (home.path().join("mine"), home.path().join("tree"));
    fs::create_dir_all(home.path().join("shop")).unwrap();
    fs::create_dir_all(&tree).unwrap();
    fs::create_dir_all(&mine).unwrap();
    fs::write(home.path().join("shop/Doors.java"), DOORS).unwrap();
    java(home.path(), "javac", &["--release", "17", "shop/Doors.java"]);
    java(home.path(), "jar", &["cf", "tree/shop.jar", "shop/Doors.class"]);
    let shipped =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../containers/locks/java-filechannel");
    let change = |file: &str, from: &str, to: &str| {
        let text = fs::read_to_string(shipped.join(file)).unwrap();
        assert!(text.contains(from), "{file}: {text}");
        fs::write(mine.join(file), text.replace(from, to)).unwrap();
    };
    change("Adapter.java", "channel.tryLock()", "shop.Doors.tryLock(channel)");
    let class_path = r#"options", -cp, ".:with/*:/usr/lib/lockstorm/lib/java:/usr/share/java/*","#;
    change("profile.yaml", r#"options","#, class_path);
    let checked = run(home.path(), &["lock", "check", "mine/profile.yaml", "--with", "tree"]);
    assert_eq!(code(&checked), 0, "{}", said(&checked));
}
