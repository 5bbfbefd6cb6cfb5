//! Changes that a server makes.
//!
//! A server says what it has done; what is told the model is what is found afterwards.

use std::path::Path;

use serde_json::json;

use super::{
    super::{Call, Fault, ToolOutput, conflict, edit, read, write},
    Plan, Planned, absolute,
};

/// Permission bits of which one must be set for a file to be written.
const WRITABLE: u32 = 0o222;

pub(super) fn write(call: &Call) -> Planned {
    let (path, content) = (call.arguments.text("path"), call.arguments.text("content"));
    let old = write::present(call, path)?;
    let new = call.view.replacement(content, old.as_deref().unwrap_or_default());
    let new = new.map_err(|why| conflict(path, &why))?;
    let (real, plain) = match old {
        Some(_) => call.jail().open_file(path).map(|opened| (opened.path, opened.mode & WRITABLE != 0))?,
        None => {
            let real = call.jail().reach_new(path)?;
            // A symlink that leads to nothing.
            let free = !call.jail().holds(&real);
            (real, free)
        }
    };
    let Some(name) = absolute(call, &real).filter(|_| plain && new == content) else { return Ok(None) };
    let made = real.clone();
    let plan = Plan::new(json!({"path": name, "content": content}), move |call, _| {
        let (path, content) = (call.arguments.text("path"), call.arguments.text("content"));
        let mut opened = call.jail().open_file(path)?;
        if read::whole(call, path, &mut opened)? != content {
            return Err(unlike(path));
        }
        call.saw(&made);
        Ok(Some(ToolOutput::ok(write::wrote(path)).files([made])))
    });
    Ok(plan.map(|plan| Plan { makes: Some(real), ..plan }))
}

fn unlike(path: &str) -> Fault {
    Fault::Text(format!("{path} is not as it should be after the server said it was done: read it before you go on"))
}

pub(super) fn create(call: &Call) -> Planned {
    let real = call.jail().reach(call.arguments.text("path"))?;
    let Some(name) = absolute(call, &real) else { return Ok(None) };
    Ok(Plan::new(json!({"path": name}), |call, _| {
        let path = call.arguments.text("path");
        call.jail().open_dir(path)?;
        Ok(Some(ToolOutput::ok(write::created(path))))
    }))
}

pub(super) fn rename(call: &Call) -> Planned {
    let (source, destination) = (call.arguments.text("source"), call.arguments.text("destination"));
    let (from, to) = (call.jail().reach_new(source)?, call.jail().reach_new(destination)?);
    // Servers move what a symlink leads to; the built-in tool moves it, and has words for everything else here.
    let kind = call.jail().stat(&from, false).map(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode));
    let plain = matches!(kind, Ok(rustix::fs::FileType::RegularFile | rustix::fs::FileType::Directory));
    let names = absolute(call, &from).zip(absolute(call, &to));
    let Some((old, new)) = names.filter(|_| plain && !call.jail().holds(&to)) else { return Ok(None) };
    Ok(Plan::new(json!({"source": old, "destination": new}), move |call, _| {
        let (source, destination) = (call.arguments.text("source"), call.arguments.text("destination"));
        if call.jail().holds(&from) || !call.jail().holds(&to) {
            return Err(Fault::Text(format!(
                "{source} is not at {destination} after the server said it was moved: look before you go on"
            )));
        }
        write::known_as(call, &from, &to);
        Ok(Some(ToolOutput::ok(write::moved_to(source, destination)).files([to])))
    }))
}

pub(super) fn edit(call: &Call) -> Planned {
    let path = call.arguments.text("path");
    let mut opened = call.jail().open_file(path)?;
    call.check_seen(&opened.path)?;
    let old = read::whole(call, path, &mut opened)?;
    let new = edit::apply(path, &old, call.arguments.list("edits"), &call.view)?;
    // Servers write plain line ends into every file that they change.
    let kept = call.arguments.flag("dryRun") || opened.mode & WRITABLE == 0 || old.contains('\r') || new.contains('\r');
    let Some(name) = absolute(call, &opened.path).filter(|_| !kept) else { return Ok(None) };
    let arguments = json!({"path": name, "edits": call.arguments.list("edits")});
    Ok(Plan::new(arguments, move |call, _| edited(call, &old, &opened.path)))
}

/// The diff between what the file held and what it holds, whatever the server calls its work.
fn edited(call: &Call, old: &str, real: &Path) -> Result<Option<ToolOutput>, Fault> {
    let path = call.arguments.text("path");
    let now = read::whole(call, path, &mut call.jail().open_file(path)?)?;
    if now == old {
        return Err(unlike(path));
    }
    Ok(Some(ToolOutput::ok(edit::shown(call, path, old, &now)).files([real.to_path_buf()])))
}
