//! What a model call costs, at the time it began.
//!
//! Owns the table `prices.toml`, data with valid-from dates, and the clock of the peak windows. Refuses to guess: a
//! model, a date or a peak price that the table does not hold is unknown, never zero. Which instant of a call decides
//! the window is not documented; the start of the request is taken here.

use std::{collections::HashMap, fmt::Display, str::FromStr, sync::OnceLock, time::SystemTime};

use jiff::{
    Timestamp,
    civil::{Date, Time, Weekday},
    tz::Offset,
};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::Usage;

const TABLE: &str = include_str!("prices.toml");
/// Holidays are whole days in Beijing.
const BEIJING: Offset = Offset::constant(8);
/// Prices are per this many tokens.
const PER_TOKENS: f64 = 1e6;

/// Prices in US dollars per 1,000,000 tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Sent and found in the prefix cache.
    pub hit: f64,
    /// Sent and not found.
    pub miss: f64,
    /// Received, reasoning included.
    pub output: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    peak: Peak,
    models: HashMap<String, String>,
    row: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Peak {
    windows: Vec<(Parsed<Time>, Parsed<Time>)>,
    holidays: Vec<(Parsed<Date>, Parsed<Date>)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    tariff: String,
    from: Parsed<Timestamp>,
    #[serde(default)]
    flat: bool,
    price: Price,
    peak: Option<Price>,
}

/// A value written as text.
#[derive(Debug)]
struct Parsed<T>(T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map(Self).map_err(D::Error::custom)
    }
}

impl Table {
    fn price(&self, model: &str, at: Timestamp) -> Option<Price> {
        let tariff = self.models.get(model)?;
        let row =
            self.row.iter().filter(|row| row.tariff == *tariff && row.from.0 <= at).max_by_key(|row| row.from.0)?;
        if row.flat || !self.peak.holds(at) { Some(row.price) } else { row.peak }
    }
}

impl Peak {
    fn holds(&self, at: Timestamp) -> bool {
        let utc = Offset::UTC.to_datetime(at);
        let beijing = BEIJING.to_datetime(at).date();
        !matches!(utc.weekday(), Weekday::Saturday | Weekday::Sunday)
            && self.windows.iter().any(|(from, to)| (from.0..to.0).contains(&utc.time()))
            && !self.holidays.iter().any(|(first, last)| (first.0..=last.0).contains(&beijing))
    }
}

fn table() -> Option<&'static Table> {
    static PARSED: OnceLock<Option<Table>> = OnceLock::new();
    let parsed = PARSED.get_or_init(|| {
        toml::from_str(TABLE).inspect_err(|error| tracing::error!(%error, "the price table cannot be read")).ok()
    });
    parsed.as_ref()
}

/// The price of a DeepSeek model for a call that began at `at`; `None` when it is unknown.
pub fn price(model: &str, at: SystemTime) -> Option<Price> {
    table()?.price(model, Timestamp::try_from(at).ok()?)
}

/// True inside the provider's peak windows.
pub fn is_peak(at: SystemTime) -> bool {
    let at = Timestamp::try_from(at).ok();
    table().zip(at).is_some_and(|(table, at)| table.peak.holds(at))
}

/// What these tokens cost at that price, in US dollars.
#[allow(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
pub fn cost(usage: Usage, price: Price) -> f64 {
    let parts = [(usage.hit, price.hit), (usage.miss, price.miss), (usage.completion, price.output)];
    parts.iter().map(|(tokens, price)| *tokens as f64 * price).sum::<f64>() / PER_TOKENS
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFF_PEAK: Price = Price { hit: 0.003, miss: 0.15, output: 0.6 };
    const PEAK: Price = Price { hit: 0.006, miss: 0.3, output: 1.2 };

    fn at(text: &str) -> SystemTime {
        text.parse::<Timestamp>().unwrap().into()
    }

    fn flash(text: &str) -> Option<Price> {
        price("deepseek-flash", at(text))
    }

    #[test]
    fn the_documented_example_costs_what_the_document_says() {
        let usage = Usage { prompt: 10_000, completion: 500, hit: 9_600, miss: 400 };
        let dollars = cost(usage, flash("2026-11-21T12:00:00Z").unwrap());
        assert!((dollars - 0.000_388_8).abs() < 1e-12, "{dollars}");
    }

    #[test]
    fn each_border_of_the_peak_windows_belongs_to_the_side_that_begins_there() {
        for (time, expected) in [
            ("00:59:59", OFF_PEAK),
            ("01:00:00", PEAK),
            ("03:59:59", PEAK),
            ("04:00:00", OFF_PEAK),
            ("05:59:59", OFF_PEAK),
            ("06:00:00", PEAK),
            ("09:59:59", PEAK),
            ("10:00:00", OFF_PEAK),
            ("23:00:00", OFF_PEAK),
        ] {
            assert_eq!(flash(&format!("2026-11-18T{time}Z")), Some(expected), "{time}");
        }
    }

    #[test]
    fn weekends_and_holidays_are_off_peak_all_day() {
        for (day, expected) in [
            ("2026-11-20", PEAK),
            ("2026-11-21", OFF_PEAK),
            ("2026-11-22", OFF_PEAK),
            ("2026-11-23", PEAK),
            ("2026-09-24", PEAK),
            ("2026-09-25", OFF_PEAK),
            ("2026-10-01", OFF_PEAK),
            ("2026-10-07", OFF_PEAK),
            ("2026-10-08", PEAK),
        ] {
            assert_eq!(flash(&format!("{day}T07:00:00Z")), Some(expected), "{day}");
        }
    }

    #[test]
    fn earlier_dates_have_their_own_prices_and_what_is_unknown_is_none() {
        let flat = Price { hit: 0.0028, miss: 0.14, output: 0.28 };
        assert_eq!(flash("2026-08-10T02:00:00Z"), Some(flat));
        assert_eq!(flash("2026-08-16T15:59:59Z"), Some(flat));
        assert_eq!(flash("2026-08-16T16:00:00Z"), Some(Price { hit: 0.007, miss: 0.22, output: 0.66 }));
        assert_eq!(flash("2026-09-01T02:00:00Z"), None, "a peak price that nobody wrote down");
        assert_eq!(flash("2026-09-10T00:00:00Z"), Some(OFF_PEAK));
        assert_eq!(flash("2026-07-24T15:58:59Z"), None);
        assert_eq!(
            price("deepseek-v4-pro", at("2026-08-10T02:00:00Z")),
            Some(Price { hit: 0.003625, miss: 0.435, output: 0.87 })
        );
        assert_eq!(
            price("deepseek-v4-pro", at("2026-11-18T02:00:00Z")),
            Some(Price { hit: 0.044, miss: 1.32, output: 3.96 })
        );
    }

    #[test]
    fn old_names_are_billed_as_flash_and_unknown_models_have_no_price() {
        let now = at("2026-11-18T02:00:00Z");
        for name in ["deepseek-v4-flash", "deepseek-v4-flash-vision-exp"] {
            assert_eq!(price(name, now), Some(PEAK));
        }
        for name in ["deepseek-chat", "deepseek-reasoner", "gpt-4o", ""] {
            assert_eq!(price(name, now), None);
        }
    }

    #[test]
    fn the_table_is_whole() {
        let table: Table = toml::from_str(TABLE).unwrap();
        for tariff in table.models.values() {
            assert!(table.row.iter().any(|row| row.tariff == *tariff));
        }
        for row in &table.row {
            assert!(table.models.values().any(|tariff| *tariff == row.tariff));
            assert!(!(row.flat && row.peak.is_some()));
            for price in [Some(row.price), row.peak].into_iter().flatten() {
                assert!(0.0 < price.hit && price.hit < price.miss && price.miss < price.output, "{row:?}");
            }
        }
        assert!(table.peak.holidays.iter().all(|(first, last)| first.0 <= last.0));
        assert!(table.peak.windows.iter().all(|(from, to)| from.0 < to.0));
    }
}
