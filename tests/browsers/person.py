# SPDX-License-Identifier: Apache-2.0
"""What a person does at the chat, in words, and what nobody should see there: errors, breaches of the policy, calls elsewhere."""
import os

from driver import ENTER, PHONE, wait_for

# Of ResizeObserver Firefox says that it goes on in the next frame: so it shall, when following a text draws more of it.
HARMLESS = "ResizeObserver loop"
# Begins to note, once for a page, when it has been loaded; Firefox's console knows of all before.
WATCH = """
if (window.noted) return;
window.noted = [];
addEventListener("error", ({ message }) => noted.push("thrown: " + message));
addEventListener("unhandledrejection", (event) => noted.push("rejected: " + event.reason));
document.addEventListener("securitypolicyviolation", (event) => noted.push("policy: " + event.effectiveDirective + " against " + event.blockedURI));
"""
NOTED = """
const elsewhere = performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => /^(http|ws)/.test(name) && new URL(name).origin !== location.origin);
return [...(window.noted ?? []).splice(0), ...elsewhere.map((name) => "asked elsewhere: " + name)];
"""
LAST_ANSWER = "const answer = [...document.querySelectorAll('article.answer')].at(-1);"
NAMED = """
const seen = [...document.querySelectorAll(arguments[0])].filter((one) => one.getClientRects().length > 0);
return seen.find((one) => (one.getAttribute("aria-label") ?? one.innerText).trim() === arguments[1]) ?? null;
"""
STILL = "return document.getAnimations().every(({ playState, effect }) => playState !== 'running' || effect.getComputedTiming().iterations === Infinity)"
PRESSED = "button, a, [role=menuitem], [role=menuitemradio]"
PICTURES = os.environ.get("SEAWALL_PICTURES")


class Person:
    """At one browser, in front of one door."""

    def __init__(self, browser, door):
        self.browser, self.door = browser, door
        self.troubles = []

    # Addresses: what a page noted is taken before it is left.

    def note(self):
        told = self.browser.js(NOTED) + self.browser.complaints(self.door.url)
        self.troubles += [trouble for trouble in told if HARMLESS not in trouble]

    def move(self, how, *words):
        self.note()
        how(*words)
        self.browser.until("return document.readyState === 'complete'")
        self.browser.js(WATCH)

    def go(self, path):
        self.move(self.browser.go, self.door.url + path if path.startswith("/") else path)

    def reload(self):
        self.move(self.browser.reload)

    def back(self):
        self.move(self.browser.back)

    def enter(self):
        """By a link, as ./run prints it."""
        self.go(self.door.link())
        self.browser.find("#composer")

    def sign_in(self, key):
        self.browser.type(".key-field input", key, ENTER)

    # The page.

    def press(self, name):
        self.browser.click_element(self.browser.until(NAMED, PRESSED, name))

    def sees(self, text, css="body"):
        self.browser.until("return [...document.querySelectorAll(arguments[0])].some((one) => one.innerText.includes(arguments[1]))", css, text)

    def count(self, css):
        return self.browser.js("return document.querySelectorAll(arguments[0]).length", css)

    def comes_to(self, css, number):
        self.browser.until("return document.querySelectorAll(arguments[0]).length === arguments[1]", css, number)

    def value(self, css):
        return self.browser.js("return document.querySelector(arguments[0]).value", css)

    def selected(self, css):
        """Until all of a field is, so that what is typed takes its place."""
        self.browser.until("const field = document.activeElement; return field.matches(arguments[0]) && field.selectionEnd - field.selectionStart === field.value.length", css)

    def ask(self, text):
        before = self.count("article.question")
        self.browser.type("#composer", text, ENTER)
        self.comes_to("article.question", before + 1)

    def answer(self):
        """The text of the last one, without what stands around it."""
        return self.browser.js(LAST_ANSWER + " return answer?.querySelector('.md')?.textContent.trim() ?? ''")

    def reads(self, text):
        self.browser.until(LAST_ANSWER + " return answer?.innerText.includes(arguments[0])", text)

    def answered(self):
        self.browser.until(LAST_ANSWER + " return answer?.getAttribute('aria-busy') === 'false'")

    def show_list(self):
        if self.browser.js("return document.querySelector('nav.side').hasAttribute('inert')"):
            self.browser.click(".head-side")
            self.browser.until("return !document.querySelector('nav.side').hasAttribute('inert')")
            self.still()

    def options(self, title):
        self.browser.hover("li.entry")
        self.press(f"Options for “{title}”")

    def still(self):
        self.browser.until(STILL)

    # Looks. SEAWALL_PICTURES names a folder that gets a picture of each.

    def picture(self, name):
        if PICTURES:
            self.still()
            self.browser.picture(f"{PICTURES}/{name}-{self.browser.name}.png")

    def fits(self, name):
        """Nothing is wider than a phone."""
        self.still()
        wide = self.browser.js("return [document.documentElement.scrollWidth, innerWidth]")
        assert wide[1] == PHONE[0] and wide[0] <= wide[1], (name, wide)
        self.picture(f"{name}-phone")

    # The engine.

    def until_calls(self, test, what):
        return wait_for(lambda: test(self.door.calls()), 15, what)
