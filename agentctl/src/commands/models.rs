//! `agentctl models`: what the provider offers and what it costs.

use std::fmt::Write as _;

use proto::{ModelsReport, ModelsRequest, Price, Request, Response};

use crate::{
    app::{self, App},
    client,
    exit::Outcome,
    render::{json, sanitize},
};

pub(super) fn run(app: &App, as_json: bool) -> Outcome {
    let Response::Models(report) = app.call(Request::Models(ModelsRequest {}), client::PROVIDER)? else {
        return Err(app::unexpected().into());
    };
    if as_json {
        json::print(&report)?;
        return Ok(0);
    }
    super::print(&sanitize::neutralise(&text(&report)))
}

fn text(report: &ModelsReport) -> String {
    if report.models.is_empty() {
        return format!("the provider ({}) lists no models\n", report.provider);
    }
    let width = report.models.iter().map(|model| model.id.chars().count()).max().unwrap_or(0);
    let mut text = format!("provider {}; dollars per million tokens\n", report.provider);
    for model in &report.models {
        let mark = if model.id == report.current { '*' } else { ' ' };
        let price = model.price.as_ref().map_or_else(|| "price unknown".to_owned(), price);
        let _ = writeln!(text, "{mark} {:<width$}  {price}", model.id);
    }
    text
}

fn price(price: &Price) -> String {
    let peak = if price.peak { ", peak" } else { "" };
    format!("in {} (cached {}), out {}{peak}", price.miss, price.hit, price.output)
}

#[cfg(test)]
mod tests {
    use proto::ModelInfo;

    use super::*;

    #[test]
    fn the_current_model_is_marked_and_an_unknown_price_is_said() {
        let report = ModelsReport {
            provider: "deepseek".into(),
            current: "b".into(),
            models: vec![
                ModelInfo { id: "a".into(), price: Some(Price { hit: 0.1, miss: 1.0, output: 2.0, peak: true }) },
                ModelInfo { id: "b".into(), price: None },
            ],
        };
        let text = text(&report);
        assert!(text.contains("  a  in 1 (cached 0.1), out 2, peak\n"), "{text}");
        assert!(text.contains("* b  price unknown\n"), "{text}");
    }
}
