//! The fake provider as a program, to run the product against by hand.
//!
//! `fake-provider [--port N] [--scenario FILE|NAME] [--key KEY] [--record FILE] [--for SECONDS]`
//!
//! Prints `listening on http://127.0.0.1:PORT` and serves until it is killed. Built-in scenarios: `echo`, `repo-tour`.

use std::{
    env, fs,
    io::{self, Read, Write},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use tests::provider::{FakeProvider, Options, Scenario};

/// Longest scenario file: one that is larger is another file by mistake.
const SCENARIO_MAX: u64 = 16 * 1024 * 1024;
const USAGE: &str =
    "usage: fake-provider [--port N] [--scenario FILE|echo|repo-tour] [--key KEY] [--record FILE] [--for SECONDS]";

struct Arguments {
    options: Options,
    lifetime: Option<Duration>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.iter().any(|word| word == "--help" || word == "-h") {
        return say(&mut io::stdout(), USAGE, ExitCode::SUCCESS);
    }
    let parsed = match parse(&arguments) {
        Ok(parsed) => parsed,
        Err(message) => {
            return say(&mut io::stderr(), &format!("fake-provider: {message}\n{USAGE}"), ExitCode::from(2));
        }
    };
    let provider = match FakeProvider::try_start(parsed.options) {
        Ok(provider) => provider,
        Err(e) => return say(&mut io::stderr(), &format!("fake-provider: cannot start: {e}"), ExitCode::FAILURE),
    };
    say(&mut io::stdout(), &format!("listening on {}", provider.base_url()), ExitCode::SUCCESS);
    match parsed.lifetime {
        Some(time) => std::thread::sleep(time),
        None => loop {
            std::thread::park();
        },
    }
    ExitCode::SUCCESS
}

fn say(to: &mut impl Write, text: &str, code: ExitCode) -> ExitCode {
    match writeln!(to, "{text}").and_then(|()| to.flush()) {
        Ok(()) => code,
        Err(_) => ExitCode::FAILURE,
    }
}

fn parse(arguments: &[String]) -> Result<Arguments, String> {
    let mut parsed = Arguments { options: Options::default(), lifetime: None };
    let mut words = arguments.iter();
    while let Some(flag) = words.next() {
        let mut value = || words.next().cloned().ok_or_else(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--port" => parsed.options.port = number(flag, &value()?)?,
            "--scenario" => parsed.options.scenario = scenario(&value()?)?,
            "--key" => parsed.options.key = value()?,
            "--record" => parsed.options.record = Some(value()?.into()),
            "--for" => parsed.lifetime = Some(Duration::from_secs(number(flag, &value()?)?)),
            _ => return Err(format!("unknown argument {flag}")),
        }
    }
    Ok(parsed)
}

fn number<T: std::str::FromStr>(flag: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{flag} needs a whole number, not {text:?}"))
}

fn scenario(name: &str) -> Result<Scenario, String> {
    if let Some(builtin) = Scenario::builtin(name) {
        return Ok(builtin);
    }
    let known = Scenario::BUILTIN.join(", ");
    let file = fs::File::open(Path::new(name))
        .map_err(|e| format!("{name} is neither a scenario ({known}) nor a readable file: {e}"))?;
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    file.take(SCENARIO_MAX).read_to_end(&mut bytes).map_err(|e| format!("{name}: {e}"))?;
    serde_json::from_slice(&bytes).map_err(|e| format!("{name} is not a scenario: {e}"))
}
