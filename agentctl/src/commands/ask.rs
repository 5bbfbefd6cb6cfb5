//! `agentctl ask`: one question, one answer.

use std::io::{self, IsTerminal as _};

use proto::{Answer, AskRequest};

use crate::{
    app::App,
    approval::Approver,
    cli::{AskArgs, OutputFormat, TurnArgs},
    exit::{Outcome, Stop},
    input::{self, Question},
    output::OutputFile,
    render::{
        json::{self, SilentView, StreamView},
        text::TextView,
    },
    signals::Interrupts,
    turn,
};

pub(super) fn run(app: &App, args: &AskArgs) -> Outcome {
    let format = args.format();
    let cwd = input::directory(args.turn.directory.as_deref())?;
    let question = input::question(&args.words, &args.files, app.screen.quiet)?;
    let file = args.output.as_deref().map(OutputFile::create).transpose()?;
    let approver = if format == OutputFormat::Text { approver() } else { None };
    let request = AskRequest { reuse: args.reuse, ..request(&args.turn, question, cwd, approver.is_some()) };
    let interrupts = Interrupts::install()?;
    let answer = match format {
        OutputFormat::Text => {
            text(app, &request, TextView::new(&app.screen, approver).with_reasoning(args.turn.reasoning), &interrupts)?
        }
        OutputFormat::Json => {
            let answer = turn::run(app, &request, &mut SilentView, &interrupts)?;
            json::print_answer(&answer)?;
            answer
        }
        OutputFormat::StreamJson => {
            let answer = turn::run(app, &request, &mut StreamView, &interrupts)?;
            StreamView::finish(&answer)?;
            answer
        }
    };
    if let Some(file) = file {
        file.commit(&answer.answer)?;
    }
    Ok(0)
}

fn text(app: &App, request: &AskRequest, mut view: TextView, interrupts: &Interrupts) -> Result<Answer, Stop> {
    match turn::run(app, request, &mut view, interrupts) {
        Ok(answer) => view.finish(&answer).map(|()| answer),
        Err(stop) => {
            view.abandon();
            Err(stop)
        }
    }
}

/// Someone to ask: standard error is a terminal, and the terminal can be read even when standard input is a pipe.
pub(super) fn approver() -> Option<Approver> {
    if io::stderr().is_terminal() { Approver::open() } else { None }
}

/// The request of a question.
pub(super) fn request(args: &TurnArgs, question: Question, cwd: String, interactive: bool) -> AskRequest {
    AskRequest {
        prompt: question.prompt,
        attachments: question.attachments,
        cwd,
        session: args.session.clone().unwrap_or_default(),
        continue_conversation: args.continue_conversation,
        model: args.model.clone().unwrap_or_default(),
        max_turns: args.max_turns.unwrap_or(0),
        timeout_ms: args.timeout.map_or(0, |seconds| u64::from(seconds) * 1000),
        interactive,
        detach: false,
        ephemeral: args.ephemeral,
        reasoning: args.reasoning,
        fresh: args.fresh,
        reuse: false,
    }
}
