use super::*;
use std::path::PathBuf;

/// A lock's directory with its profile, in a home of its own.
struct Home {
    home: tempfile::TempDir,
}

impl Home {
    fn new(install: &str) -> Home {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("mine")).unwrap();
        let profile = format!(
            "name: mine\nkind: library\nsummary: a lock\nlayer: python\ninstall: {install}\n\
             start: [python3, adapter.py]\nprimitive: link\n"
        );
        fs::write(home.path().join("mine/profile.yaml"), profile).unwrap();
        fs::write(home.path().join("mine/adapter.py"), "pass\n").unwrap();
        Home { home }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn bring(&self, version: Option<&str>, with: Option<&str>) -> Result<String, BringError> {
        let directory = self.path("mine");
        let profile = Profile::load(&directory).unwrap();
        let with = with.map(|with| self.path(with));
        let (directory, with) = (&directory, with.as_deref());
        let order = Order { profile: &profile, directory, support: None, version, with };
        bring(&order, &self.path("images"), &self.path("downloads"))
    }

    /// The names in the image with a key.
    fn listing(&self, key: &str) -> String {
        let image = image_path(&self.path("images"), key);
        let out = self.path("unpacked");
        let command = format!("--extract={}", out.display());
        let unpacked =
            std::process::Command::new("fsck.erofs").arg(command).arg(image).output().unwrap();
        assert!(unpacked.status.success(), "{unpacked:?}");
        let found = std::process::Command::new("find").arg(".").current_dir(out).output().unwrap();
        String::from_utf8(found.stdout).unwrap()
    }
}

#[test]
fn a_lock_that_is_only_an_adapter_becomes_an_image_and_the_same_one_again() {
    let home = Home::new("none");
    let key = home.bring(None, None).unwrap();
    assert_eq!(home.bring(None, None).unwrap(), key);
    assert!(home.listing(&key).contains("./adapter.py"));
    fs::write(home.path("mine/adapter.py"), "print()\n").unwrap();
    assert_ne!(home.bring(None, None).unwrap(), key);
    let left = fs::read_dir(home.path("images")).unwrap().count();
    assert_eq!(left, 2, "nothing but the images is left behind");
}

#[test]
fn a_tree_comes_along_without_what_is_no_source() {
    let home = Home::new("none");
    for directory in ["tree/src", "tree/.git", "tree/target", "tree/lockstorm-runs/gate"] {
        fs::create_dir_all(home.path(directory)).unwrap();
    }
    fs::write(home.path("tree/src/lock.py"), "").unwrap();
    let key = home.bring(None, Some("tree")).unwrap();
    let listing = home.listing(&key);
    assert!(listing.contains("./with/src/lock.py"), "{listing}");
    assert!(
        [".git", "target", "lockstorm-runs"].iter().all(|no| !listing.contains(no)),
        "{listing}"
    );
}

#[test]
fn results_that_lie_in_a_tree_are_no_part_of_it() {
    let home = Home::new("none");
    fs::create_dir_all(home.path("tree")).unwrap();
    fs::write(home.path("tree/lock.py"), "").unwrap();
    let before = home.bring(None, Some("tree")).unwrap();
    fs::create_dir_all(home.path("tree/p1/runs")).unwrap();
    for file in ["p1/set.json", "p1/identity.json", "p1/results.jsonl"] {
        fs::write(home.path(&format!("tree/{file}")), "{}").unwrap();
    }
    fs::create_dir_all(home.path("tree/run")).unwrap();
    for file in ["run/plan.yaml", "run/history.jsonl"] {
        fs::write(home.path(&format!("tree/{file}")), "").unwrap();
    }
    // A second part of a suite is of the same lock as the first.
    let listing = home.listing(&home.bring(None, Some("tree")).unwrap());
    assert!(!listing.contains("with/p1") && !listing.contains("with/run"), "{listing}");
    fs::remove_dir_all(home.path("tree/p1")).unwrap();
    assert_eq!(home.bring(None, Some("tree")).unwrap(), before);
}

#[test]
fn a_tree_that_cannot_be_of_the_lock_is_refused() {
    for (install, words) in [
        ("pip", "there is no pyproject.toml nor setup.py in it"),
        ("npm", "there is no package.json in it"),
        ("cargo", "there is no Cargo.toml in it"),
    ] {
        let home = Home::new(install);
        fs::create_dir(home.path("tree")).unwrap();
        let refused = home.bring(None, Some("tree")).unwrap_err();
        assert!(matches!(refused, BringError::Refused { .. }), "{refused}");
        assert!(refused.to_string().contains(words), "{refused}");
        let both = home.bring(Some("1.0"), Some("tree")).unwrap_err();
        assert!(both.to_string().contains("either the release 1.0 is tested, or"), "{both}");
    }
}

/// Parts of a suite are put together by the image's key, and each part brings the lock itself.
#[test]
fn a_tree_that_pip_brings_becomes_the_same_image_again() {
    let home = Home::new("pip");
    let project = "[build-system]\nrequires = [\"flit_core\"]\n\
                   build-backend = \"flit_core.buildapi\"\n\
                   [project]\nname = \"mine\"\nversion = \"1.0\"\ndescription = \"a lock\"\n";
    fs::create_dir(home.path("tree")).unwrap();
    fs::write(home.path("tree/pyproject.toml"), project).unwrap();
    fs::write(home.path("tree/mine.py"), "\"A lock.\"\n").unwrap();
    let key = home.bring(None, Some("tree")).unwrap();
    assert_eq!(home.bring(None, Some("tree")).unwrap(), key);
    let listing = home.listing(&key);
    assert!(listing.contains("./site/mine.py"), "{listing}");
    assert!(!listing.contains("direct_url"), "{listing}");
}

#[test]
fn of_the_programs_that_a_wheel_brings_those_stay_that_are_no_scripts() {
    let home = tempfile::tempdir().unwrap();
    let bin = home.path().join("bin");
    tools::forget_scripts(&bin).unwrap();
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("script"), "#!/usr/bin/python3\n").unwrap();
    fs::write(bin.join("program"), b"\x7fELF").unwrap();
    tools::forget_scripts(&bin).unwrap();
    assert!(bin.join("program").exists() && !bin.join("script").exists());
    fs::remove_file(bin.join("program")).unwrap();
    tools::forget_scripts(&bin).unwrap();
    assert!(!bin.exists(), "an empty directory goes, too");
}

#[test]
fn what_cannot_be_had_is_refused_by_name() {
    let refused = Home::new("none").bring(Some("1.0"), None).unwrap_err();
    insta::assert_snapshot!(refused, @"lock `mine`: another release can be had of locks that pip or npm bring (`install:`)");
    let refused = Home::new("cargo").bring(Some("1.0"), None).unwrap_err();
    insta::assert_snapshot!(refused, @"lock `mine`: another release can be had of locks that pip or npm bring (`install:`); give a tree of this one with `--with`");
}

#[test]
fn a_package_manager_that_fails_is_quoted_with_the_name_of_the_lock() {
    let home = Home::new("pip");
    fs::write(home.path("mine/requirements.txt"), "no such package at all\n").unwrap();
    let failed = home.bring(None, None).unwrap_err().to_string();
    assert!(failed.starts_with("lock `mine`: pip failed:\n  "), "{failed}");
    assert!(failed.contains("no such package at all"), "{failed}");
    let gone = home.bring(None, Some("nowhere")).unwrap_err().to_string();
    assert!(gone.contains("lock `mine`: copying ") && gone.contains("nowhere"), "{gone}");
}

#[test]
fn a_missing_tool_is_named_with_its_mend() {
    let missing = BringError::NoTool { lock: "mine".into(), tool: Tool::Go };
    insta::assert_snapshot!(missing, @"lock `mine`: go is needed to bring it, and is not on this host; install Go (Debian: `apt-get install golang-go`)");
}

#[test]
fn releases_come_one_after_the_other_as_their_numbers_say() {
    let mut releases = ["10.0.0", "9.2", "8.0.10", "8.0.2", "8.0"];
    releases.sort_by_key(|release| numbers(release));
    assert_eq!(releases, ["8.0", "8.0.2", "8.0.10", "9.2", "10.0.0"]);
    assert_eq!(numbers("8.0"), numbers("8"));
    assert!(is_release("8.0.2") && !is_release("8.0rc1") && !is_release("1.0.0-beta.1"));
}
