//! Tests of values from YAML, and of the faults of texts that are not YAML.

use super::*;

fn read_all(text: &str) -> Result<Node, Vec<String>> {
    let mut faults = Faults::of("x.yaml");
    let node = read(text.as_bytes(), &mut faults);
    let faults = faults.unless_any(()).err().unwrap_or_default();
    match node {
        Some(node) if faults.is_empty() => Ok(node),
        _ => Err(faults.iter().map(ToString::to_string).collect()),
    }
}

/// The file's values with their keys and places, as a flat list.
fn flat(text: &str) -> Vec<String> {
    let Value::Map(entries) = read_all(text).unwrap().value else { panic!("{text} is no mapping") };
    let one = |(key, value): &(Node, Node)| {
        let At { line, column } = value.at;
        format!("{}={} {line}:{column}", key.text().unwrap(), value.text().unwrap_or(value.kind()))
    };
    entries.iter().map(one).collect()
}

#[test]
fn scalars_are_the_text_that_stands_there() {
    let text = "a: no\nb: 1.0\nc: 0x1F\nd: .nan\ne: True # yes\nf: \"1.0\"\ng: 1_000\nh: 99999999999999999999999\n\
                i: 2020-01-01\nj: !!str on\n'k': '- 1'\n";
    assert_eq!(
        flat(text),
        [
            "a=no 1:4",
            "b=1.0 2:4",
            "c=0x1F 3:4",
            "d=.nan 4:4",
            "e=True 5:4",
            "f=1.0 6:4",
            "g=1_000 7:4",
            "h=99999999999999999999999 8:4",
            "i=2020-01-01 9:4",
            "j=on 10:10",
            "k=- 1 11:6",
        ]
        .map(str::to_owned)
    );
}

#[test]
fn places_count_characters_and_see_through_aliases() {
    assert_eq!(flat("\u{feff}ü: {}\r\nb: \r\nc: no\r\n"), ["ü=a mapping 1:4", "b=empty 2:2", "c=no 3:4"]);
    assert_eq!(flat("a: &x no\nb: *x\nc: [1]\n"), ["a=no 1:7", "b=no 1:7", "c=a list 3:4"]);
    assert_eq!(flat("a: &x {k: 1}\n<<: *x\nb: 2\n"), ["a=a mapping 1:7", "b=2 3:4", "k=1 1:11"]);
}

#[test]
fn all_repeated_keys_are_told_and_the_rest_is_read() {
    let mut faults = Faults::of("x.yaml");
    let node = read(b"a: 1\nb:\n  c: 1\n  c: 2\na: 3\na: 4\n", &mut faults).unwrap();
    assert!(matches!(node.value, Value::Map(_)));
    let told = faults.unless_any(()).unwrap_err();
    assert_eq!(
        told.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "x.yaml:4:3: The key `c` stands here a second time.",
            "x.yaml:5:1: The key `a` stands here a second time.",
            "x.yaml:6:1: The key `a` stands here a second time.",
        ]
    );
    assert_eq!(
        read_all("1: a\n2: b\n1: c\n"),
        Err(vec!["x.yaml:3:1: The key `1` stands here a second time.".into()])
    );
}

#[test]
fn what_is_no_yaml_is_told_in_the_words_of_the_parser() {
    for (text, fault) in [
        ("a: [1\nb: 2", "2:2: This cannot be read as YAML: illegal placement of ':' indicator."),
        ("a: b: c\n", "1:5: This cannot be read as YAML: mapping values are not allowed in this context."),
        ("a: *nope\n", "1:4: This cannot be read as YAML: reference to unknown value."),
        ("a: \"x\n", "2:1: This cannot be read as YAML: invalid indentation in multiline quoted scalar."),
        (
            "a: 1\n b: 2\n",
            "2:3: This cannot be read as YAML: mapping values are not allowed in this context.",
        ),
        ("a: !!int x\n", "1:10: This cannot be read as YAML: invalid u64."),
        ("a: 1\n---\nb: 2\n", "3:1: A second YAML document begins here, and a recipe is one."),
    ] {
        assert_eq!(read_all(text), Err(vec![format!("x.yaml:{fault}")]));
    }
}

#[test]
fn what_is_no_text_is_told_with_its_place() {
    let mut faults = Faults::of("x.yaml");
    assert_eq!(read("a: 1\nü\u{0}".as_bytes(), &mut Faults::of("x.yaml")), None);
    assert_eq!(read(b"a: 1\n\xc3\xbc: \xff\n", &mut faults), None);
    assert_eq!(faults.unless_any(()).unwrap_err()[0].to_string(), "x.yaml:2:4: This is not text in UTF-8.");
}

#[test]
fn bombs_are_stopped() {
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let list = vec![format!("*a{}", level - 1); 9].join(", ");
        aliases.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    let wide = "- x\n".repeat(6_000);
    for text in [aliases, "[".repeat(60_000), "- ".repeat(30_000), "{a: ".repeat(15_000), wide] {
        let told = read_all(&text).unwrap_err();
        assert_eq!(told.len(), 1, "{told:?}");
        let words = ["more, or nested deeper, than any recipe needs", "recursion limit exceeded"];
        assert!(words.iter().any(|words| told[0].contains(words)), "{told:?}");
    }
    let longest = format!("# {}", "x".repeat(LARGEST - 2));
    assert_eq!(longest.len(), LARGEST);
    assert!(!format!("{:?}", read_all(&longest)).contains("larger than"));
    let large = read_all(&format!("{longest}x"));
    assert_eq!(
        large,
        Err(vec!["x.yaml:1:1: The file is larger than 64 KiB, and no recipe needs as much.".into()])
    );
}
