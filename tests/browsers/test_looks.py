# SPDX-License-Identifier: Apache-2.0
"""How the page looks: on a phone, in the dark, in Chinese."""
from driver import PHONE
from test_answer import SHOWN

LONG = "`" + "a_name_that_never_ends_" * 12 + "`\n\n| " + " | ".join(f"column {number}" for number in range(12)) + " |\n" + "|--" * 12 + "|\n" + "| value " * 12 + "|\n\n"


def test_nothing_is_wider_than_a_phone(person):
    person.browser.size(*PHONE)
    person.browser.find(".key-field input")
    person.fits("sign-in")
    person.enter()
    person.browser.find(".hello")
    person.fits("empty")
    person.door.script({"reasoning": "Hm."}, {"text": LONG + SHOWN + "\n\n$$" + "x + " * 60 + "y$$"})
    person.ask("Show all, and a word-that-is-longer-than-any-line-of-a-phone-could-ever-be-without-breaking-it-somewhere")
    person.answered()
    person.browser.find("article.answer math")
    person.fits("answer")
    person.show_list()
    person.fits("list")


def test_chinese_in_the_dark(foreign):
    foreign.sees("使用此服务需要密钥")
    foreign.enter()
    assert foreign.browser.js("return document.documentElement.lang") == "zh-CN"
    foreign.door.script({"text": SHOWN})
    foreign.ask("海堤有多高？")
    foreign.answered()
    foreign.sees("const", "article.answer .hljs-keyword")
    foreign.picture("chinese-dark")
    # Light on dark.
    text, surface = foreign.browser.js("const { color, backgroundColor } = getComputedStyle(document.body); return [color, backgroundColor].map((one) => one.match(/\\d+/g).map(Number))")
    assert min(text) > 200 and max(surface) < 60
