//! `ropewalk run`: several services from one file.
//!
//! Invariant: the whole file is read before the first port opens.

use std::rc::Rc;

use systemd::ListenFds;

use crate::app::App;
use crate::arguments::RunFile;
use crate::exit_code::Exit;
use crate::report;
use crate::run_file::{FileRun, read};

/// Runs the services of a file until a signal ends them, or checks the file.
pub(crate) fn run(arguments: &RunFile) -> Result<Exit, Exit> {
    arguments.log.begin();
    let inherited = ListenFds::from_environment().unwrap_or_else(ListenFds::unavailable);
    let app = Rc::new(App::new(inherited)?);
    let specifications = read(&arguments.file, &app).map_err(|mistakes| {
        mistakes.iter().for_each(|mistake| report::file_mistake(mistake));
        Exit::Usage
    })?;
    if arguments.check {
        return Ok(Exit::Done);
    }
    let running = FileRun::new(app.clone(), arguments.file.clone());
    running.catch_signals()?;
    let exit = app.run(running.clone().run(specifications));
    drop(running);
    Ok(exit)
}
