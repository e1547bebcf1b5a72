# SPDX-License-Identifier: Apache-2.0
"""An answer: how it comes, how it looks, how it ends."""
from driver import CONTROL, END, SHIFT

SHOWN = "\n\n".join([
    "The wall **holds**.",
    "```js\nconst height = 6.1;\n```",
    "| tide | m |\n|--|--|\n| high | 6.1 |",
    "$$E = \\frac{1}{8}\\rho g H^2$$",
])
HOSTILE = "\n\n".join([
    "<script>window.harmed = 1</script> <img src=x onerror='window.harmed = 1'> <iframe src='https://elsewhere.example/'></iframe>",
    "[press](javascript:window.harmed=1) ![pixel](https://elsewhere.example/p.png)",
    "$$\\frac{1}{$$ and $\\href{javascript:window.harmed=1}{x}$ and $x^2$",
    "```html\n<script>window.harmed = 1</script>",
])


def test_an_answer_comes_as_it_is_written(person):
    person.enter()
    person.door.script({"text": "The wall **holds**."}, {"hold": "half"}, {"text": "\n\nAnd the sea goes on."})
    person.ask("Does it hold?")
    person.sees("holds", "article.answer strong")
    person.door.release("half")
    person.answered()
    person.reads("And the sea goes on.")
    person.sees("test-model", ".figures")
    assert "Does it hold?" in person.browser.js("return document.title")


def test_code_tables_and_maths_are_drawn(person):
    person.enter()
    person.door.script({"text": SHOWN})
    person.ask("Show all")
    person.answered()
    person.sees("const", "article.answer .hljs-keyword")
    assert person.browser.js("return getComputedStyle(document.querySelector('.hljs-keyword')).color !== getComputedStyle(document.querySelector('pre code')).color")
    person.comes_to("article.answer td", 2)
    person.browser.until("return document.querySelector('article.answer math mfrac') instanceof MathMLElement")
    # A fraction is drawn as one: its parts stand above each other.
    assert person.browser.js("const [top, low] = document.querySelector('math mfrac').children; return top.getBoundingClientRect().bottom <= low.getBoundingClientRect().top + 1")
    person.picture("answer")
    person.browser.click("article.answer .md-copy")
    person.sees("Copied", ".md-copy")


def test_thoughts_stand_apart(person):
    person.enter()
    person.door.script({"reasoning": "First the force."}, {"hold": "thinking"}, {"text": "Done."})
    person.ask("Think")
    person.sees("First the force.", ".thoughts-body")
    person.door.release("thinking")
    person.answered()
    person.comes_to(".thoughts-body", 0)
    assert person.answer() == "Done."
    person.browser.click(".thoughts-head")
    person.sees("First the force.", ".thoughts-body")


def test_hostile_text_runs_nothing_and_calls_nobody(person):
    person.enter()
    person.door.script({"text": HOSTILE})
    person.ask("Harm me")
    person.answered()
    person.reads("window.harmed = 1")
    person.browser.find("article.answer math")
    harmful = "article.answer :is(script, iframe, img, [onerror], a[href^='javascript:' i], [href^='data:' i])"
    assert person.count(harmful) == 0
    assert person.count('article.answer a[href="https://elsewhere.example/p.png"]') == 1
    assert person.browser.js("return 'harmed' in window") is False


def test_stop_ends_the_engines_work(person):
    person.enter()
    person.door.script({"text": "Half an answer"}, {"hold": "never"})
    person.ask("Go")
    person.reads("Half an answer")
    person.press("Stop the answer")
    person.reads("You stopped this answer.")
    person.until_calls(lambda calls: calls[0]["hungUp"], "the engine's caller to hang up")
    assert person.answer() == "Half an answer"


def test_scrolling_up_stops_the_following_and_end_resumes_it(person):
    person.enter()
    lines = [f"Line {number}.\n\n" for number in range(80)]
    person.door.script({"tokens": {"of": lines}}, {"hold": "scrolled"}, {"tokens": {"of": lines}}, {"text": "The end."})
    person.ask("Long")
    person.reads("Line 79.")
    top = "return document.querySelector('.thread').scrollTop"
    person.browser.until("const { scrollTop, scrollHeight, clientHeight } = document.querySelector('.thread'); return scrollTop > 0 && scrollHeight - clientHeight - scrollTop < 2")
    person.browser.wheel(".thread", -600)
    person.browser.find(".to-end")
    person.still()
    before = person.browser.js(top)
    person.door.release("scrolled")
    person.answered()
    assert person.browser.js(top) == before
    person.browser.js("document.querySelector('.thread').focus()")
    person.browser.keys(key=END)
    person.comes_to(".to-end", 0)
    person.browser.until("const { scrollTop, scrollHeight, clientHeight } = document.querySelector('.thread'); return scrollHeight - clientHeight - scrollTop < 2")


def test_shortcuts_work(person):
    person.enter()
    person.ask("One")
    person.answered()
    person.browser.keys(CONTROL, SHIFT, key="o")
    person.comes_to("article.answer", 0)
    person.browser.until("return document.activeElement.id === 'composer'")
