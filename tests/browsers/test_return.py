# SPDX-License-Identifier: Apache-2.0
"""Answers that were left, and services that went away."""
import pytest


@pytest.fixture
def half(person):
    """An answer that is half there."""
    person.enter()
    person.door.script({"text": "One, "}, {"hold": "half"}, {"text": "two."})
    person.ask("Count")
    person.reads("One,")
    return person


def whole(person):
    person.reads("One,")
    person.door.release("half")
    person.reads("two.")
    person.answered()
    assert person.answer() == "One, two."
    assert person.count("article.question") == person.count("article.answer") == 1
    assert len(person.door.calls()) == 1


def test_a_reload_in_mid_answer(half):
    half.reload()
    whole(half)


def test_leaving_in_mid_answer_and_coming_back(half):
    half.go("/start")
    half.back()
    whole(half)


def test_leaving_after_the_answer_and_coming_back(person):
    person.enter()
    person.ask("Keep this")
    person.answered()
    person.go("/start")
    person.back()
    person.reads("Hello")
    person.door.script({"text": "Still here."})
    person.ask("And now?")
    person.reads("Still here.")
    assert person.count("article.answer") == 2


def test_a_gateway_that_crashes_in_mid_answer(half):
    half.door.crash()
    half.answered()
    half.reads("One,")
    half.reads("The service does not have this answer any more")
    half.reads("Continue from here")
    half.door.script({"text": "two."})
    half.press("Continue from here")
    half.reads("two.")
    half.answered()
    assert half.answer() == "One, two."


def test_an_old_conversation_opens_when_the_service_is_gone(person):
    person.enter()
    person.ask("Keep this")
    person.answered()
    person.browser.until("return navigator.serviceWorker.ready.then(() => true)")
    person.reload()
    person.reads("Hello")
    person.door.close()
    person.reload()
    person.reads("Hello")
    person.sees("The service cannot be reached. Old conversations can be read.")
    person.picture("unreachable")
