//! The services of a file, in one tree, and its changes.
//!
//! Invariant: a port is open exactly as long as a service of the file that was applied last listens on its string.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;

use deferred::{Deferred, Failure, Promise, gather_results};
use interfaces::{Factory, ListeningPort};
use protocol::service::{MultiService, Service};

use super::service::FileService;
use super::specification::{ServiceSpecification, read};
use super::switch::SwitchFactory;
use crate::app::App;
use crate::exit_code::Exit;
use crate::inherited::close_unclaimed;
use crate::kinds::tell_renewal;
use crate::listening::{self, Listen};
use crate::notify::Notify;
use crate::report;
use crate::workers::STOP_SIGNALS;

/// A file that runs.
pub(crate) struct FileRun {
    app: Rc<App>,
    path: PathBuf,
    tree: MultiService,
    services: RefCell<Vec<Rc<FileService>>>,
    ports: RefCell<Vec<OpenPort>>,
    /// The services that are gone from the file, and drain.
    retired: RefCell<Vec<Rc<FileService>>>,
    notify: Rc<Notify>,
    was_cut: Rc<Cell<bool>>,
    reload: Cell<Reload>,
    end: RefCell<Option<Promise<Exit>>>,
    is_stopping: Cell<bool>,
}

/// Whether a file is being applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reload {
    None,
    Running,
    /// The file is to be read once more after that.
    Again,
}

/// A port of the string that it was opened with.
struct OpenPort {
    text: String,
    port: Rc<dyn ListeningPort>,
    switch: Rc<SwitchFactory>,
}

/// A service to run, and whether it is a new one.
struct Planned {
    service: Rc<FileService>,
    listen: Vec<String>,
    is_kept: bool,
}

impl FileRun {
    pub(crate) fn new(app: Rc<App>, path: PathBuf) -> Rc<Self> {
        let notify = Notify::new(&app);
        Rc::new(Self {
            app,
            path,
            tree: MultiService::new(),
            services: RefCell::default(),
            ports: RefCell::default(),
            retired: RefCell::default(),
            notify,
            was_cut: Rc::default(),
            reload: Cell::new(Reload::None),
            end: RefCell::default(),
            is_stopping: Cell::new(false),
        })
    }

    /// Has the signals drain and reload.
    ///
    /// # Errors
    ///
    /// The exit code, when a signal cannot be caught; it was reported.
    pub(crate) fn catch_signals(self: &Rc<Self>) -> Result<(), Exit> {
        let reactor = &self.app.reactor;
        let caught = |signal: i32, take: fn(&Rc<Self>)| {
            let weak = Rc::downgrade(self);
            let take = move || weak.upgrade().iter().for_each(take);
            reactor.on_signal(signal, take).map_err(|error| {
                report::note(format_args!("error: cannot catch signal {signal}: {error}"));
                Exit::Unavailable
            })
        };
        for signal in STOP_SIGNALS {
            caught(signal, Self::stop)?;
        }
        caught(libc::SIGHUP, Self::reload)
    }

    /// Runs these services until a signal ends them.
    pub(crate) async fn run(self: Rc<Self>, specifications: Vec<ServiceSpecification>) -> Exit {
        let (ended, promise) = Deferred::new();
        self.end.replace(Some(promise));
        if let Err(exit) = self.apply(&specifications).await {
            return exit;
        }
        if let Err(failure) = self.tree.start_service() {
            report::error(&failure);
            return Exit::Unavailable;
        }
        close_unclaimed(&self.app.inherited, true);
        let ports: Vec<_> = self.ports.borrow().iter().map(|open| open.port.clone()).collect();
        self.notify.ready(&ports);
        listening::announce(&ports, &[]);
        ended.await.unwrap_or(Exit::Unavailable)
    }

    /// Reads the file again; one that is wrong changes nothing.
    fn reload(self: &Rc<Self>) {
        self.notify.reload(|| self.app.worker.configs().renew().iter().for_each(tell_renewal));
        if self.reload.get() != Reload::None {
            return self.reload.set(Reload::Again);
        }
        self.reload.set(Reload::Running);
        let this = self.clone();
        drop(self.app.reactor.spawn(async move {
            loop {
                this.read_again().await;
                if this.reload.replace(Reload::Running) != Reload::Again {
                    break;
                }
            }
            this.reload.set(Reload::None);
            Ok::<(), Failure>(())
        }));
    }

    async fn read_again(self: &Rc<Self>) {
        let goes_on = "everything runs on as before";
        let specifications = match read(&self.path, &self.app) {
            Ok(specifications) => specifications,
            Err(mistakes) => {
                mistakes.iter().for_each(|mistake| report::file_mistake(mistake));
                return report::note(format_args!("warning: the file was not applied: {goes_on}"));
            }
        };
        if self.apply(&specifications).await.is_err() {
            report::note(format_args!("warning: the file was not applied: {goes_on}"));
        }
    }

    /// Has these services run, and no other.
    async fn apply(self: &Rc<Self>, specifications: &[ServiceSpecification]) -> Result<(), Exit> {
        let mut plan = Vec::new();
        let mut missing: Vec<(Listen, Rc<SwitchFactory>)> = Vec::new();
        for specification in specifications {
            let (planned, listen) = self.plan(specification)?;
            for listen in listen.into_iter().filter(|listen| !self.is_open(&listen.text)) {
                missing.push((listen, SwitchFactory::new(planned.service.factory.clone())));
            }
            plan.push(planned);
        }
        let opened = self.open(missing).await?;
        if self.is_stopping.get() {
            opened.iter().for_each(close);
            return Ok(());
        }
        self.ports.borrow_mut().extend(opened);
        self.commit(plan);
        Ok(())
    }

    /// The service as it runs, or a new one with its endpoints.
    fn plan(&self, specification: &ServiceSpecification) -> Result<(Planned, Vec<Listen>), Exit> {
        let same = |it: &&Rc<FileService>| {
            it.name == specification.name && it.words == specification.words
        };
        let running = self.services.borrow().iter().find(same).cloned();
        let listen = specification.listen().map(Into::into).collect();
        match running {
            Some(service) => Ok((Planned { service, listen, is_kept: true }, Vec::new())),
            None => {
                let built = FileService::build(&self.app, specification, &self.was_cut)?;
                Ok((Planned { service: built.0, listen, is_kept: false }, built.1))
            }
        }
    }

    fn is_open(&self, text: &str) -> bool {
        self.ports.borrow().iter().any(|open| open.text == text)
    }

    /// Opens all of them, or none.
    async fn open(&self, missing: Vec<(Listen, Rc<SwitchFactory>)>) -> Result<Vec<OpenPort>, Exit> {
        let mut opened: Vec<OpenPort> = Vec::new();
        for (listen, switch) in missing {
            let factory: Rc<dyn Factory> = switch.clone();
            match listening::open(std::slice::from_ref(&listen), &factory).await {
                Ok(ports) => opened.extend(ports.into_iter().map(|port| OpenPort {
                    text: listen.text.clone(),
                    port,
                    switch: switch.clone(),
                })),
                Err((text, failure)) => {
                    report::failed(&text, &failure);
                    opened.iter().for_each(close);
                    return Err(Exit::of(&failure));
                }
            }
        }
        Ok(opened)
    }

    /// Gives the ports to their services, closes the others, and drains the services that are gone.
    fn commit(self: &Rc<Self>, plan: Vec<Planned>) {
        let wanted: Vec<_> = plan.iter().flat_map(|planned| planned.listen.clone()).collect();
        let ports = self.ports.take();
        let (kept, gone): (Vec<_>, Vec<_>) =
            ports.into_iter().partition(|open| wanted.contains(&open.text));
        gone.iter().for_each(close);
        self.ports.replace(kept);
        let is_first = self.services.borrow().is_empty();
        let (new, unchanged): (Vec<_>, Vec<_>) = plan.iter().partition(|planned| !planned.is_kept);
        new.iter().for_each(|planned| self.give_ports(planned));
        let services: Vec<_> = plan.iter().map(|planned| planned.service.clone()).collect();
        let before = self.services.replace(services.clone());
        let is_gone = |it: &Rc<FileService>| !services.iter().any(|new| Rc::ptr_eq(new, it));
        let gone: Vec<_> = before.into_iter().filter(is_gone).collect();
        for service in &gone {
            self.retire(service);
        }
        for planned in &new {
            let added = self.tree.add_named_service(&planned.service.name, planned.service.clone());
            if let Err(error) = added {
                report::note(format_args!("error: {}: {error}", planned.service.name));
            }
        }
        if !is_first {
            let (new, gone, same) = (new.len(), gone.len(), unchanged.len());
            report::note(format_args!(
                "read {} again: {new} started, {gone} ended, {same} as before",
                self.path.display()
            ));
        }
    }

    fn give_ports(self: &Rc<Self>, planned: &Planned) {
        let ports = self.ports.borrow();
        let own = ports.iter().filter(|open| planned.listen.contains(&open.text));
        let own: Vec<_> = own.map(|open| (open.port.clone(), open.switch.clone())).collect();
        drop(ports);
        for (_, switch) in &own {
            if let Err(failure) = switch.put(planned.service.factory.clone()) {
                report::error(&failure);
            }
        }
        let Some(loop_check) = &planned.service.loop_check else { return };
        let ports: Vec<_> = own.into_iter().map(|(port, _)| port).collect();
        let (weak, name) = (Rc::downgrade(self), planned.service.name.clone());
        let _watched = loop_check.watch(&ports).add_callback(move |()| {
            report::note(format_args!(
                "error: {name} leads to itself: it connects to what it listens on"
            ));
            weak.upgrade().into_iter().for_each(|this| this.finish(Exit::Usage));
            Ok(())
        });
    }

    fn retire(self: &Rc<Self>, service: &Rc<FileService>) {
        self.retired.borrow_mut().push(service.clone());
        let (weak, gone) = (Rc::downgrade(self), service.clone());
        let as_child: Rc<dyn Service> = service.clone();
        let _over = self.tree.remove_service(&as_child).add_both(move |_| {
            if let Some(this) = weak.upgrade() {
                this.retired.borrow_mut().retain(|it| !Rc::ptr_eq(it, &gone));
                this.finish_if_over();
            }
            Ok::<(), Failure>(())
        });
    }

    /// The first signal drains, the second one ends now.
    fn stop(self: &Rc<Self>) {
        let is_first = !self.is_stopping.replace(true);
        if is_first {
            self.notify.draining();
            let ports = self.ports.take();
            ports.iter().for_each(close);
        }
        let stopped = self.tree.stop_service();
        let retired = self.retired.borrow().clone();
        if !is_first {
            let again = retired.iter().map(|service| service.stop_service());
            drop((stopped, gather_results(again)));
            return self.finish(Exit::Done);
        }
        let weak = Rc::downgrade(self);
        let _over = stopped.add_both(move |_| {
            if let Some(this) = weak.upgrade() {
                this.services.take();
                this.finish_if_over();
            }
            Ok::<(), Failure>(())
        });
    }

    fn finish_if_over(&self) {
        let is_over = self.services.borrow().is_empty() && self.retired.borrow().is_empty();
        if self.is_stopping.get() && is_over {
            self.finish(if self.was_cut.get() { Exit::Cut } else { Exit::Done });
        }
    }

    fn finish(&self, exit: Exit) {
        let end = self.end.take();
        if let Some(end) = end {
            end.callback(exit);
        }
    }
}

fn close(open: &OpenPort) {
    let _closed = open.port.stop_listening().add_errback(|failure| {
        report::error(&failure);
        Ok(())
    });
}
