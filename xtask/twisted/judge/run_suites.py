"""
Runs suites of Twisted's own tests on one reactor, and prints a line of JSON for each test:
C{{"id": ..., "outcome": "passed" | "failed" | "error" | "skipped", "why": ...}}.

C{run_suites.py ours|control builder|program|asyncio MODULE...}

C{builder} suites build a reactor for each test (Twisted's C{ReactorBuilder}); C{program} suites use the one
that is installed, and so do C{asyncio} suites, where it has an event loop. Ids do not name the reactor, so
that those of two runs can be compared; those of C{asyncio} suites begin with C{asyncio:}.
"""

import json
import os
import pathlib
import sys

PLAIN = {
    "ours": ("twisted.internet.ropewalkreactor", "RopewalkReactor"),
    "control": ("twisted.internet.epollreactor", "EPollReactor"),
}

WITH_LOOP = {
    "ours": ("twisted.internet.ropewalkasyncioreactor", "RopewalkAsyncioReactor"),
    "control": ("twisted.internet.asyncioreactor", "AsyncioSelectorReactor"),
}

REACTORS = {"builder": PLAIN, "program": PLAIN, "asyncio": WITH_LOOP}

#: The seconds that one test of a builder may run its reactor for.
PATIENCE = 20


def prepare(name, mode):
    """
    Installs the reactor, or has the builders make it.
    """
    module, kind = REACTORS[mode][name]
    if mode != "builder":
        __import__(module, fromlist=["install"]).install()
        return
    from twisted.internet.test.reactormixins import ReactorBuilder

    ReactorBuilder._reactors = [f"{module}.{kind}"]
    run = ReactorBuilder.runReactor

    def patient(self, reactor, timeout=PATIENCE):
        run(self, reactor, timeout=timeout)

    ReactorBuilder.runReactor = patient


def main():
    name, mode, *modules = sys.argv[1:]
    # What the tests print is no result.
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    prepare(name, mode)
    # The suites of this project.
    sys.path.append(str(pathlib.Path(__file__).parent.parent / "tests"))
    kind = REACTORS[mode][name][1]
    prefix = "asyncio:" if mode == "asyncio" else ""
    from twisted.trial import reporter, runner

    outcomes = {}
    # What is worse stays.
    order = ["skipped", "passed", "failed", "error"]

    def note(test, outcome, why=""):
        identity = prefix + test.id().replace(f"_{kind}Tests", "")
        before = outcomes.get(identity, ("skipped", ""))
        if order.index(outcome) >= order.index(before[0]):
            outcomes[identity] = outcome, before[1] or why

    class Noting(reporter.Reporter):
        def addSuccess(self, test):
            reporter.Reporter.addSuccess(self, test)
            note(test, "passed")

        def addError(self, test, why):
            reporter.Reporter.addError(self, test, why)
            note(test, "error", text(why))

        def addFailure(self, test, why):
            reporter.Reporter.addFailure(self, test, why)
            note(test, "failed", text(why))

        def addSkip(self, test, why):
            reporter.Reporter.addSkip(self, test, why)
            note(test, "skipped", str(why))

        def addUnexpectedSuccess(self, test, todo=None):
            reporter.Reporter.addUnexpectedSuccess(self, test, todo)
            note(test, "passed")

        def addExpectedFailure(self, test, why, todo=None):
            reporter.Reporter.addExpectedFailure(self, test, why, todo)
            note(test, "passed")

        def done(self):
            pass

    def text(why):
        value = getattr(why, "value", why)
        if isinstance(value, tuple):
            value = value[1]
        lines = f"{type(value).__name__}: {value}".strip().splitlines()
        return lines[0][:200]

    trial = runner.TrialRunner(
        Noting, stream=sys.stderr, workingDirectory=f"_trial-{name}-{mode}", uncleanWarnings=False
    )
    # What a test leaves is told in its own name, and not in that of a later one.
    trial._forceGarbageCollection = mode == "builder"
    trial.run(runner.TestLoader().loadByNames(modules, recurse=True))
    for identity, (outcome, why) in sorted(outcomes.items()):
        line = json.dumps({"id": identity, "outcome": outcome, "why": why})
        print(line, file=results, flush=True)


if __name__ == "__main__":
    main()
