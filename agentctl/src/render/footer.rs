//! The line under an answer: where it came from, tokens, price, time.

use proto::{Answer, Source};

/// The footer of an answer.
pub fn footer(answer: &Answer) -> String {
    let mut parts = vec![source(answer)];
    let usage = &answer.usage;
    if usage.prompt_tokens + usage.completion_tokens > 0 {
        parts.push(format!(
            "{} tokens in{}, {} out",
            grouped(usage.prompt_tokens),
            cache_share(usage.cache_hit_tokens, usage.prompt_tokens),
            grouped(usage.completion_tokens)
        ));
    }
    match (answer.cost_usd, answer.source) {
        (Some(cost), _) => parts.push(dollars(cost)),
        (None, Source::Model | Source::Verdict) => parts.push("price unknown".to_owned()),
        (None, _) => {}
    }
    if let Some(saved) = answer.saved_usd {
        parts.push(format!("saved {}", dollars(saved)));
    }
    match answer.redactions {
        0 => {}
        1 => parts.push("1 secret redacted".to_owned()),
        n => parts.push(format!("{n} secrets redacted")),
    }
    parts.push(seconds(answer.elapsed_ms));
    parts.join(" · ")
}

fn source(answer: &Answer) -> String {
    match answer.source {
        Source::Model if answer.model.is_empty() => "model".to_owned(),
        Source::Model => answer.model.clone(),
        Source::Exact => "from memory (same question, unchanged code)".to_owned(),
        Source::Near => "from memory (equal question, unchanged code)".to_owned(),
        Source::Verdict => "from memory (equal question, confirmed by the model)".to_owned(),
        Source::Offline => "offline: found without a model".to_owned(),
    }
}

fn cache_share(hit: u64, prompt: u64) -> String {
    if hit == 0 || prompt == 0 {
        return String::new();
    }
    format!(" ({} % from the prefix cache)", (hit.saturating_mul(100) / prompt).min(100))
}

/// A price with two significant digits at least: small sums matter here.
pub fn dollars(sum: f64) -> String {
    match sum {
        0.0 => "$0".to_owned(),
        s if s < 0.000_005 => "< $0.00001".to_owned(),
        s if s < 0.01 => format!("${s:.5}"),
        s if s < 1.0 => format!("${s:.4}"),
        s => format!("${s:.2}"),
    }
}

fn seconds(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{} min {:02} s", ms / 60_000, ms / 1000 % 60),
    }
}

/// A number with a comma every three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use proto::Usage;

    use super::*;

    #[test]
    fn the_footer_names_source_tokens_cache_price_and_time() {
        let answer = Answer {
            model: "deepseek-chat".into(),
            usage: Usage {
                prompt_tokens: 12_345,
                completion_tokens: 321,
                cache_hit_tokens: 12_000,
                cache_miss_tokens: 345,
            },
            cost_usd: Some(0.000_39),
            elapsed_ms: 2_410,
            ..Answer::default()
        };
        assert_eq!(
            footer(&answer),
            "deepseek-chat · 12,345 tokens in (97 % from the prefix cache), 321 out · $0.00039 · 2.4 s"
        );
    }

    #[test]
    fn an_unknown_price_is_said_and_an_offline_answer_has_none() {
        let mut answer = Answer { model: "m".into(), ..Answer::default() };
        assert_eq!(footer(&answer), "m · price unknown · 0 ms");
        answer.source = Source::Offline;
        assert_eq!(footer(&answer), "offline: found without a model · 0 ms");
    }

    #[test]
    fn small_sums_keep_their_digits() {
        for (sum, text) in
            [(0.0, "$0"), (0.000_001, "< $0.00001"), (0.000_39, "$0.00039"), (0.0123, "$0.0123"), (1.5, "$1.50")]
        {
            assert_eq!(dollars(sum), text);
        }
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000_000), "1,000,000");
        assert_eq!(seconds(61_000), "1 min 01 s");
    }
}
