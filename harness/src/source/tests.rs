use super::*;
use proptest::prelude::*;

/// What is said about a text, read as any YAML.
fn said(text: impl Into<Vec<u8>>) -> String {
    let source = Source::from_bytes("story.yaml", text.into());
    match source.and_then(Document::parse) {
        Ok(_) => "nothing\n".into(),
        Err(diagnostic) => diagnostic.to_string(),
    }
}

#[test]
fn an_empty_file_is_named_as_such() {
    insta::assert_snapshot!(said(""), @r#"
    error: the file is empty
      --> story.yaml:1:1
    "#);
    insta::assert_snapshot!(said("# a thought\n"), @r#"
    error: the file holds nothing but comments
      --> story.yaml:1:1
       |
     1 | # a thought
       | ^
    "#);
}

#[test]
fn text_that_is_not_yaml_is_shown_where_it_breaks() {
    insta::assert_snapshot!(said("lock:\n  name: [flufl\nworkload: 3\n"), @r#"
    error: not YAML: illegal placement of ':' indicator
      --> story.yaml:3:9
       |
     3 | workload: 3
       |         ^
    "#);
    insta::assert_snapshot!(said("lock:\n\tname: fcntl\n"), @r#"
    error: not YAML: tabs disallowed within this context (block indentation)
      --> story.yaml:2:2
       |
     2 |  name: fcntl
       |  ^
    "#);
    insta::assert_snapshot!(said("lock: 1\nlock: 2\n"), @r#"
    error: the key `lock` stands here twice
      --> story.yaml:2:1
       |
     2 | lock: 2
       | ^^^^
    "#);
    insta::assert_snapshot!(said("a: 1\n---\nb: 2\n"), @r#"
    error: a second document begins here
      --> story.yaml:2:1
       |
     2 | ---
       | ^^^
      = help: expected one in a file
    "#);
    insta::assert_snapshot!(said("? [a, b]\n: c\n"), @r#"
    error: a list or a map cannot be a key
      --> story.yaml:1:8
       |
     1 | ? [a, b]
       |        ^
      = help: expected a word
    "#);
}

#[test]
fn bytes_that_are_not_text_are_named_by_line_and_column() {
    insta::assert_snapshot!(said(b"about: x\nlock: caf\xe9\n".to_vec()), @r#"
    error: byte 0xe9 is not UTF-8 text
      --> story.yaml:2:10
      = help: save the file as UTF-8
    "#);
}

#[test]
fn a_directory_a_device_and_a_large_file_are_each_refused_in_their_own_words() {
    let said = |path: &std::path::Path| Source::read(path).unwrap_err().to_string();
    let folder = tempfile::tempdir().unwrap();
    let shown = |text: String| text.replace(&folder.path().display().to_string(), "FOLDER");
    let large = folder.path().join("large.yaml");
    std::fs::write(&large, vec![b'x'; 10_000_000]).unwrap();
    insta::assert_snapshot!(shown(said(folder.path())), @r#"
    error: this is a directory, not a YAML file
      --> FOLDER
      = help: name the file inside it
    "#);
    insta::assert_snapshot!(said("/dev/zero".as_ref()), @r#"
    error: this is a device or a pipe, not a YAML file
      --> /dev/zero
      = help: save the text as a file, and name that
    "#);
    insta::assert_snapshot!(shown(said(&large)), @r#"
    error: the file has 10000000 bytes; at most 1048576 are read
      --> FOLDER/large.yaml
      = help: is it really a YAML file?
    "#);
    insta::assert_snapshot!(shown(said(&folder.path().join("none.yaml"))), @r#"
    error: there is no such file
      --> FOLDER/none.yaml
    "#);
}

#[test]
fn a_long_line_is_shown_around_the_place_that_is_meant() {
    let text = format!("{}: [1, 2\nb: 3", "x".repeat(500));
    let longest = said(text).lines().map(|line| line.chars().count()).max();
    assert!(longest < Some(200));
}

#[test]
fn hostile_documents_end_quickly() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let many = vec![format!("*a{}", level - 1); 9].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{many}]\n"));
    }
    assert!(said(laughs).contains("more than 100000 values"));
    for opening in ["[", "{a: ", "- ", "? ", "&a ", "!!x ", "\"", "|", "a: ", "\t", "%"] {
        let deep = opening.repeat(900_000 / opening.len());
        let begun = std::time::Instant::now();
        said(deep);
        assert!(begun.elapsed().as_secs() < 20, "{opening:?} took {:?}", begun.elapsed());
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
        said(bytes);
    }

    #[test]
    fn no_text_of_yaml_signs_makes_the_reader_panic(text in "[-a:?&*!|>%@{}\\[\\],\"'# \n\t~<0.é]{0,60}") {
        said(text);
    }
}

#[test]
fn of_a_file_that_is_something_else_only_the_begin_is_quoted() {
    let text = "root:x:0:0:root:/root:/bin/bash\n".repeat(40);
    let document = Document::parse(Source::from_bytes("passwd", text.into()).unwrap()).unwrap();
    let problem = document.read::<std::collections::BTreeMap<String, u8>>().unwrap_err();
    assert!(problem.message.ends_with('…'), "{}", problem.message);
    assert!(problem.message.len() < 120, "{}", problem.message);
}
