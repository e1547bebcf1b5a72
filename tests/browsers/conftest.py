# SPDX-License-Identifier: Apache-2.0
"""
Fixtures, each for Firefox and for WebKit:

    person   at the chat's door, not signed in; an error, a breach of the page's policy or a call elsewhere fails the test at its end
    foreign  the same in a browser whose language is Chinese, in the dark

One browser serves all tests of an engine; each test has a door of its own, hence an origin where nothing is stored yet. SEAWALL_BUILD names the build.
"""
import pytest

from door import Door
from driver import PACKAGES, STARTERS, WINDOW, Trouble, launch, program
from person import Person


def pytest_sessionstart(session):
    """Says what is missing before anything runs."""
    try:
        for name in PACKAGES:
            program(name)
    except Trouble as trouble:
        pytest.exit(str(trouble), 1)


@pytest.fixture(scope="session", params=list(STARTERS))
def browser(request):
    one = launch(request.param)
    yield one
    one.close()


@pytest.fixture(scope="module", params=list(STARTERS))
def foreign_browser(request):
    one = launch(request.param, language="zh-CN", dark=True)
    yield one
    one.close()


@pytest.fixture
def door():
    one = Door()
    yield one
    one.close()


def visit(browser, door):
    browser.go("about:blank")
    browser.size(*WINDOW)
    person = Person(browser, door)
    person.go("/")
    yield person
    person.note()
    browser.go("about:blank")
    assert person.troubles == []


@pytest.fixture
def person(browser, door):
    yield from visit(browser, door)


@pytest.fixture
def foreign(foreign_browser, door):
    yield from visit(foreign_browser, door)
