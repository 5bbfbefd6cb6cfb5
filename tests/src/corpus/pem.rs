//! Private keys in the layouts in which people paste, print and store them.

use super::{Record, Tier, rng::Rng, slots::Draw};

/// What stands after BEGIN and END.
const KINDS: [&str; 7] = [
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
    "DSA PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "PGP PRIVATE KEY BLOCK",
];

/// A key before it is laid out: its lines with marks round each body line.
struct Key {
    kind: &'static str,
    body: Vec<String>,
}

impl Key {
    fn new(rng: &mut Rng, kind: &'static str) -> Self {
        let lines = 3 + rng.below(20);
        let mut body: Vec<String> = (0..lines).map(|_| Draw::new(rng).expand("«‹b64›»")).collect();
        body.push(Draw::new(rng).expand("«‹b8-60›=»"));
        Self { kind, body }
    }

    fn begin(&self) -> String {
        format!("-----BEGIN {}-----", self.kind)
    }

    fn end(&self) -> String {
        format!("-----END {}-----", self.kind)
    }

    /// Header, body and end as lines.
    fn lines(&self) -> Vec<String> {
        let whole = [self.begin()].into_iter().chain(self.body.iter().cloned());
        whole.chain([self.end()]).collect()
    }

    /// Each line between these.
    fn each(&self, before: &str, after: &str) -> String {
        self.lines().iter().map(|line| format!("{before}{line}{after}")).collect()
    }

    fn numbered(&self, width: usize, between: &str) -> String {
        let numbered = (9..).zip(self.lines()).map(|(n, line)| format!("{n:>width$}{between}{line}\n"));
        numbered.collect()
    }

    /// With a header line or two between BEGIN and the body.
    fn headed(&self, header: &str) -> String {
        format!("{}\n{header}\n\n{}\n{}\n", self.begin(), self.body.join("\n"), self.end())
    }
}

/// Every layout's name and what it makes of a key.
fn layouts(key: &Key) -> Vec<(&'static str, String)> {
    let quoted = key.lines().iter().map(|line| format!("\"{line}\\n\"")).collect::<Vec<_>>().join(" +\n    ");
    let unended = format!("{}\n{}\n", key.begin(), key.body.join("\n"));
    vec![
        ("plain", key.each("", "\n")),
        ("crlf", key.each("", "\r\n")),
        ("indented", format!("key: |\n{}", key.each("    ", "\n"))),
        ("tabs", key.each("\t\t", "\n")),
        ("numbered", key.numbered(6, "\t")),
        ("numbered-colon", key.numbered(0, ": ")),
        ("numbered-bar", key.numbered(4, " | ")),
        ("json", format!("{{\"type\":\"sa\",\"private_key\":\"{}\",\"id\":1}}", key.each("", "\\n"))),
        ("json-twice", format!("{{\"body\":\"{{\\\"key\\\":\\\"{}\\\"}}\"}}", key.each("", "\\\\n"))),
        ("one-line", key.lines().join(" ")),
        ("one-line-joined", key.lines().concat()),
        ("quoted", format!("String key = {quoted};")),
        ("diff", format!("@@ -0,0 +1,9 @@\n{}", key.each("+", "\n"))),
        ("mail", key.each("> ", "\n")),
        ("comment", key.each("# ", "\n")),
        ("env", format!("TLS_KEY=\"{}\"\nPORT=8080\n", key.lines().join("\n"))),
        ("no-end", format!("$ head id\n{unended}")),
        ("no-end-indented", format!("key:\n{}", unended.lines().map(|line| format!("  {line}\n")).collect::<String>())),
        ("cut", unended.trim_end().to_owned()),
        ("proc-type", key.headed("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF0123456789ABCDEF")),
        ("version", key.headed("Version: GnuPG v2\nComment: backup")),
    ]
}

fn putty(rng: &mut Rng) -> String {
    let template = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: laptop\nPublic-Lines: 2\n‹b64›\n‹b20›\n\
                    Private-Lines: 1\n«‹b47›=»\nPrivate-MAC: ‹x64›\n";
    Draw::new(rng).expand(template)
}

/// Every kind in every layout.
pub(super) fn records(rng: &mut Rng) -> Vec<Record> {
    let mut out = Vec::new();
    for kind in KINDS {
        let key = Key::new(rng, kind);
        let laid_out = layouts(&key).into_iter();
        out.extend(
            laid_out.map(|(layout, text)| Record::marked(&text, Tier::Shape, "pem", &format!("{kind}, {layout}"))),
        );
    }
    out.extend((0..6).map(|_| Record::marked(&putty(rng), Tier::Shape, "pem", "putty")));
    out
}
