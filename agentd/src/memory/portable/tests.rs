use std::io::Cursor;

use super::*;

const MADE: &str = "2026-11-22T19:43:33Z";

fn some() -> Vec<Row> {
    let row = |shelf, id, body: &str| Row { shelf, id: [id; 16], version: 1, body: body.into() };
    vec![
        row(Shelf::Answer, 1, r#"{"question":"why \"so\"?","answer":"line\nline é"}"#),
        row(Shelf::Preference, 1, r#"{"name":"language","value":"German"}"#),
        row(Shelf::Verdict, 3, "{}"),
    ]
}

fn written(rows: &[Row]) -> Vec<u8> {
    let mut out = Vec::new();
    let told = write(&mut out, MADE, rows).unwrap();
    assert_eq!(told.bytes, out.len() as u64);
    assert_eq!(told.sha256, Hex::<32>(Sha256::digest(&out).into()).to_string());
    out
}

fn read_back(bytes: &[u8]) -> Result<Contents<Row>, ReadError> {
    read(Cursor::new(bytes), Ok::<_, String>)
}

fn fault(bytes: &[u8]) -> (usize, Fault) {
    let error = read_back(bytes).unwrap_err();
    (error.line, error.fault)
}

#[test]
fn what_was_written_is_read() {
    for rows in [some(), Vec::new()] {
        let contents = read_back(&written(&rows)).unwrap();
        assert_eq!(contents.records, rows);
        assert_eq!((contents.made.as_str(), contents.agentd.as_str()), (MADE, env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn a_file_of_schema_1_is_read_for_ever() {
    let file = concat!(
        r#"{"format":"agentd-memory","schema":1,"made":"2026-11-22T19:43:33Z","agentd":"0.1.0","records":1}"#,
        "\n",
        r#"{"sha256":"739ecd191ccee59bb2a5baccfb93c734e63ab982920499b37504a58890147df9","record":"#,
        r#"{"shelf":"preference","id":"01010101010101010101010101010101","version":1,"body":{"value":"German"}}}"#,
        "\n",
        r#"{"records":1,"sha256":"c2ee5b26ff5eb07ff1cae1825e50043e02bc9ddb30a25e349c3ff1d81213c2bd"}"#,
        "\n",
    );
    let contents = read_back(file.as_bytes()).unwrap();
    let expected = Row { shelf: Shelf::Preference, id: [1; 16], version: 1, body: r#"{"value":"German"}"#.into() };
    assert_eq!(contents.records, [expected]);
}

#[test]
fn every_changed_byte_and_every_cut_is_refused() {
    let good = written(&some());
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(read_back(&bad).is_err(), "byte {at}, bit {bit}");
        }
        assert!(read_back(&good[..at]).is_err(), "cut to {at}");
        let mut bad = good.clone();
        bad.remove(at);
        assert!(read_back(&bad).is_err(), "without byte {at}");
        bad.insert(at, b' ');
        assert!(read_back(&bad).is_err() || bad == good, "blank at {at}");
    }
}

#[test]
fn an_error_names_the_line_and_the_cause() {
    let good = String::from_utf8(written(&some())).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let file = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes();

    assert!(matches!(fault(b""), (1, Fault::CutOff)));
    assert!(matches!(fault(b"hello\n"), (1, Fault::NotABackup)));
    assert!(matches!(fault(b"{\"format\":\"other\",\"schema\":1}\n"), (1, Fault::NotABackup)));
    assert!(matches!(fault(b"{\"format\":\"agentd-memory\",\"schema\":2,\"new\":1}\n"), (1, Fault::NewerSchema(2))));
    let header = |made: &str, records: &str| lines[0].replace(MADE, made).replace("\"records\":3", records);
    assert!(matches!(fault(&file(&[&header("yesterday", "\"records\":3")])), (1, Fault::NotABackup)));
    assert!(matches!(fault(&file(&[&header(MADE, "\"records\":20001")])), (1, Fault::TooManyRecords(20_001))));

    assert!(matches!(fault(&file(&lines[..3])), (4, Fault::CutOff)));
    assert!(matches!(fault(&file(&lines[..4])), (5, Fault::CutOff)));
    assert!(matches!(fault(good.trim_end().as_bytes()), (5, Fault::CutOff)));
    assert!(matches!(fault(&file(&[lines[0], lines[1], &lines[2].replace("German", "Danish")])), (3, Fault::Checksum)));
    assert!(matches!(fault(&file(&[lines[0], lines[2], lines[2], lines[3], lines[4]])), (3, Fault::Twice)));
    assert!(matches!(fault(&file(&[lines[0], lines[1], lines[4]])), (3, Fault::NotARecord)));
    assert!(matches!(fault(&file(&[lines[0], lines[1], lines[3], lines[2], lines[4]])), (5, Fault::FileChecksum)));
    assert!(matches!(fault(format!("{good}\n").as_bytes()), (6, Fault::AfterTheEnd)));

    let refuse = read(Cursor::new(&good), |row| if row.shelf == Shelf::Verdict { Err("no") } else { Ok(()) });
    assert_eq!(refuse.unwrap_err().to_string(), "line 4: no");
}

#[test]
fn a_kind_of_record_of_a_newer_daemon_is_its_own_error() {
    let record = r#"{"shelf":"outline","id":"01010101010101010101010101010101","version":1,"body":{}}"#;
    let line = format!(r#"{{"sha256":"{}","record":{record}}}"#, Hex::<32>(Sha256::digest(record).into()));
    assert!(matches!(row(line.as_bytes()), Err(Fault::UnknownKind)));
}

#[test]
fn an_endless_line_and_an_endless_file_end_at_their_bounds() {
    struct Endless(u8);
    impl io::Read for Endless {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            buf.fill(self.0);
            Ok(buf.len())
        }
    }
    let error = read(io::BufReader::new(Endless(b'x')), Ok::<_, String>).unwrap_err();
    assert!(matches!(error.fault, Fault::LineTooLong), "{error}");
    let mut lines =
        Lines { input: io::BufReader::new(Endless(b'\n')).take(FILE_MAX + 1), number: 0, bytes: 0, line: Vec::new() };
    lines.bytes = FILE_MAX;
    assert!(matches!(lines.next(), Err(Fault::FileTooLarge)));
}

#[test]
fn rows_that_no_file_holds_are_not_written() {
    let with = |body: String| {
        let row = Row { shelf: Shelf::Answer, id: [1; 16], version: u16::MAX, body: body.into_bytes() };
        let mut out = Vec::new();
        write(&mut out, MADE, &[row]).map(|_| out)
    };
    assert!(with("{\n}".to_owned()).is_err());
    assert!(with("{".to_owned()).is_err());
    assert!(with(format!("\"{}\"", "x".repeat(BODY_MAX))).is_err());
    let longest = with(format!("\"{}\"", "x".repeat(BODY_MAX - 2))).unwrap();
    assert_eq!(read_back(&longest).unwrap().records.len(), 1);
}

#[test]
fn a_full_disk_is_the_writers_error() {
    let mut full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    assert_eq!(write(&mut full, MADE, &some()).unwrap_err().kind(), io::ErrorKind::StorageFull);
}
