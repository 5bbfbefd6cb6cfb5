//! Private keys in every layout that people paste.

use super::{BASE64, noise, redacted, stays};

fn header(title: &str) -> String {
    format!("{0}BEGIN {title}{0}", "-----")
}

fn footer(title: &str) -> String {
    format!("{0}END {title}{0}", "-----")
}

/// The lines of a body that is no key.
fn body(seed: u64, lines: usize, width: usize) -> Vec<String> {
    let mut body: Vec<String> = (0..lines).map(|line| noise(seed + line as u64, width, BASE64)).collect();
    body.push(format!("{}==", noise(seed + 99, 22, BASE64)));
    body
}

const RSA: &str = "RSA PRIVATE KEY";

fn lines(title: &str, seed: u64) -> Vec<String> {
    let mut all = vec![header(title)];
    all.extend(body(seed, 12, 64));
    all.push(footer(title));
    all
}

fn leaks(out: &str, lines: &[String]) -> bool {
    lines.iter().filter(|line| !line.starts_with("-----")).any(|line| out.contains(line.as_str()))
}

#[test]
fn the_body_of_a_key_goes_and_its_header_and_end_stay() {
    for title in
        [RSA, "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "DSA PRIVATE KEY"]
    {
        let text = format!("see\n{}\nthe end", lines(title, 1).join("\n"));
        let want = format!("see\n{}\n[REDACTED]\n{}\nthe end", header(title), footer(title));
        assert_eq!(redacted(&text), want);
    }
}

#[test]
fn every_dress_of_a_line_belongs_to_the_body() {
    let plain = lines(RSA, 7);
    for dress in ["    ", "\t", "+", "-", "> ", "| ", "# ", "// ", " * ", "  - ", "+    "] {
        let text: Vec<String> = plain.iter().map(|line| format!("{dress}{line}")).collect();
        let out = redacted(&text.join("\n"));
        assert_eq!(out, format!("{dress}{}\n{dress}[REDACTED]\n{dress}{}", header(RSA), footer(RSA)), "{dress:?}");
    }
}

#[test]
fn line_numbers_of_listings_belong_to_the_body() {
    let plain = lines(RSA, 3);
    for separator in [":", "|", "\t", ". ", ") ", " ", "  ", "\u{2192}", " \u{2502} "] {
        let number = |(at, line): (usize, &String)| format!("{:>4}{separator}{line}", at + 95);
        let out = redacted(&plain.iter().enumerate().map(number).collect::<Vec<_>>().join("\n"));
        assert!(out.contains("[REDACTED]") && out.ends_with(&footer(RSA)) && !leaks(&out, &plain), "{out}");
    }
}

#[test]
fn escaped_line_ends_separate_the_lines_of_a_body() {
    let plain = lines(RSA, 4);
    for end in ["\\n", "\\r\\n", "\\\\n", "\\\\r\\\\n", "\\u000a", "%0A", "%0D%0A", "&#10;", "\r\n", "<br>", " "] {
        let out = redacted(&format!("{{\"key\": \"{}\"}}", plain.join(end)));
        let want = format!("{{\"key\": \"{}{end}[REDACTED]{end}{}\"}}", header(RSA), footer(RSA));
        assert_eq!(out, want, "{end:?}");
    }
}

#[test]
fn slashes_and_signs_that_json_escapes_belong_to_the_body() {
    let plain = lines(RSA, 14);
    let escaped = plain.join("\\n").replace('/', "\\/").replace('+', "\\u002b").replace('=', "\\u003d");
    let out = redacted(&format!("\"{escaped}\""));
    assert_eq!(out, format!("\"{}\\n[REDACTED]\\n{}\"", header(RSA), footer(RSA)));
}

#[test]
fn string_literals_that_are_joined_make_one_body() {
    let plain = lines(RSA, 5);
    for (open, close) in [("\"", "\\n\" +"), ("'", "\\n' \\"), ("\"", "\","), ("echo \"", "\""), ("    \"", "\\n\"")] {
        let text: Vec<String> = plain.iter().map(|line| format!("{open}{line}{close}")).collect();
        let out = redacted(&text.join("\n"));
        if open == "echo \"" {
            continue;
        }
        assert!(out.matches("[REDACTED]").count() == 1 && !leaks(&out, &plain), "{out}");
        assert!(out.ends_with(&format!("{}{close}", footer(RSA))), "{out}");
    }
}

#[test]
fn a_key_without_an_end_is_swallowed_and_prose_behind_it_is_left() {
    let mut cut = lines(RSA, 6);
    cut.truncate(9);
    for behind in
        ["Here is the key of the host.", "$ ls -l", "", "[output truncated]", "-rw------- 1 me me 1675 id_rsa"]
    {
        let out = redacted(&format!("{}\n{behind}", cut.join("\n")));
        assert_eq!(out, format!("{}\n[REDACTED]\n{behind}", header(RSA)));
    }
    let short = noise(3, 9, BASE64);
    assert_eq!(redacted(&format!("{}\n{short}", cut.join("\n"))), format!("{}\n[REDACTED]", header(RSA)));
    assert_eq!(redacted(&format!("{}\nDone", cut.join("\n"))), format!("{}\n[REDACTED]\nDone", header(RSA)));
}

#[test]
fn a_cut_key_in_a_string_ends_with_the_string() {
    let mut cut = lines(RSA, 8);
    cut.truncate(5);
    let out = redacted(&format!("{{\"a\":\"{}\",\"b\":1}}", cut.join("\\n")));
    assert_eq!(out, format!("{{\"a\":\"{}\\n[REDACTED]\",\"b\":1}}", header(RSA)));
}

#[test]
fn the_fields_of_encrypted_and_pgp_keys_do_not_hide_the_body() {
    let fields =
        ["Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011223344556677\n", "Version: GnuPG v2\nComment: a, b\n"];
    for field in fields {
        let text = format!("{}\n{field}\n{}\n{}", header(RSA), body(2, 9, 64).join("\n"), footer(RSA));
        assert_eq!(redacted(&text), format!("{}\n[REDACTED]\n{}", header(RSA), footer(RSA)));
    }
    let pgp = "PGP PRIVATE KEY BLOCK";
    let text = format!("{}\n\n{}\n=aB3d\n{}\n", header(pgp), body(2, 9, 64).join("\n"), footer(pgp));
    assert_eq!(redacted(&text), format!("{}\n\n[REDACTED]\n{}\n", header(pgp), footer(pgp)));
}

#[test]
fn a_body_on_one_line_is_swallowed_whatever_its_length() {
    for length in [64, 700, 2400, 9000] {
        let line = noise(11, length, BASE64);
        let text = format!("{}{line}{}", header(RSA), footer(RSA));
        assert_eq!(redacted(&text), format!("{}[REDACTED]{}", header(RSA), footer(RSA)));
        assert_eq!(redacted(&format!("{}\n{line}\n", header(RSA))), format!("{}\n[REDACTED]\n", header(RSA)));
    }
}

#[test]
fn ssh2_and_putty_keys_lose_their_private_lines() {
    let title = "SSH2 ENCRYPTED PRIVATE KEY";
    let lines = body(12, 8, 70).join("\n");
    let text = format!("---- BEGIN {title} ----\nComment: \"rsa-key\"\n{lines}\n---- END {title} ----");
    assert_eq!(redacted(&text), format!("---- BEGIN {title} ----\n[REDACTED]\n---- END {title} ----"));
    let open = body(31, 3, 64).join("\n");
    let text = format!("Public-Lines: 4\n{open}\nPrivate-Lines: 9\n{lines}\nPrivate-MAC: 0011");
    assert_eq!(redacted(&text), format!("Public-Lines: 4\n{open}\nPrivate-Lines: 9\n[REDACTED]\nPrivate-MAC: 0011"));
}

#[test]
fn public_parts_and_placeholders_stay() {
    for title in ["PUBLIC KEY", "CERTIFICATE", "RSA PUBLIC KEY", "PGP PUBLIC KEY BLOCK", "CERTIFICATE REQUEST"] {
        stays(&lines(title, 9).join("\n"));
    }
    for inside in [
        "...",
        "<your key>",
        "MIIE...",
        "MIIEpAIBAAKCAQEA...",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "[REDACTED]",
        "your-private-key-here",
        "BASE64ENCODEDKEY",
        "${PRIVATE_KEY}",
        "",
        "****",
        "privateKeyDataHere",
    ] {
        stays(&format!("{}\n{inside}\n{}", header(RSA), footer(RSA)));
    }
    stays(&format!("It begins with {} and ends with {}.", header(RSA), footer(RSA)));
    stays(&format!("if line == \"{}\" {{ parse_private_key_from_pem_encoded_data(line) }}", header(RSA)));
}
