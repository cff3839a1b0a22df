"""
Runs suites of pytest's on one reactor, and prints a line of JSON for each test, as run_suites.py does.

C{run_pytest.py ours|control MODULE-OR-TEST...}

pytest-twisted, if the suite uses it, finds the reactor as Twisted's default.
"""

import importlib
import json
import os
import sys

import pytest

REACTORS = {"ours": "ropewalkreactor", "control": "epollreactor"}


def prepare(name):
    """
    Installs the reactor, also as the default that pytest-twisted asks for.
    """
    from twisted.internet import default

    default.install = importlib.import_module(f"twisted.internet.{REACTORS[name]}").install
    default.install()


class Noting:
    """
    Notes how tests end: what is worse stays.
    """

    order = ["skipped", "passed", "failed", "error"]

    def __init__(self):
        self.outcomes = {}

    def note(self, identity, outcome, why):
        """
        Notes one end; a test has three, of its setup, itself and what follows it.
        """
        before = self.outcomes.get(identity, ("skipped", ""))
        if self.order.index(outcome) >= self.order.index(before[0]):
            self.outcomes[identity] = outcome, before[1] or why

    def pytest_runtest_logreport(self, report):
        """
        One stage of a test has ended.
        """
        if hasattr(report, "wasxfail") or (report.passed and report.when != "call"):
            return
        outcome = "error" if report.failed and report.when != "call" else report.outcome
        why = "" if report.passed else report.longreprtext.strip().splitlines()[-1][:200]
        self.note(report.nodeid, outcome, why)

    def pytest_collectreport(self, report):
        """
        A module was read, or could not be.
        """
        if report.failed:
            self.note(report.nodeid, "error", report.longreprtext.strip().splitlines()[-1][:200])


def main():
    name, *suites = sys.argv[1:]
    # What the tests print is no result.
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # Autobahn's suites ask which of its two frameworks they are for.
    os.environ.setdefault("USE_TWISTED", "1")
    prepare(name)
    noting = Noting()
    options = ["-q", "-p", "no:cacheprovider", "--continue-on-collection-errors", "--pyargs"]
    pytest.main([*options, *suites], plugins=[noting])
    for identity, (outcome, why) in sorted(noting.outcomes.items()):
        line = json.dumps({"id": identity, "outcome": outcome, "why": why})
        print(line, file=results, flush=True)


if __name__ == "__main__":
    main()
