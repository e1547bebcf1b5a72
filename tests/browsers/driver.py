# SPDX-License-Identifier: Apache-2.0
"""
Firefox and WebKit, driven as WebDriver says (https://www.w3.org/TR/webdriver2/), with the standard library alone.

launch("firefox" | "webkit", language=, dark=) → Browser; Browser.close() ends all that it started and removes its folder. Two ways to the same commands:

    Marionette  Firefox itself, over TCP: "LENGTH:JSON", [0, id, command, parameters] and [1, id, error, result]. It chooses a port and writes it into the profile.
    Http        WebKitWebDriver, over HTTP; ROUTES says where each command goes. WebKit has no mode without a window, so it gets an X server of its own.

Every wait ends: a command after COMMAND_SECONDS, until() after SECONDS, a start after START_SECONDS.
"""
import base64
import glob
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SECONDS = 15
START_SECONDS = 60
COMMAND_SECONDS = 60
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
WINDOW = (1280, 800)
PHONE = (390, 844)

ENTER, ESCAPE, END, CONTROL, SHIFT = "\ue007", "\ue00c", "\ue010", "\ue009", "\ue008"

# Commands that these tests use, under Marionette's names.
ROUTES = {
    "WebDriver:Navigate": ("POST", "/url"),
    "WebDriver:GetCurrentURL": ("GET", "/url"),
    "WebDriver:Back": ("POST", "/back"),
    "WebDriver:FindElement": ("POST", "/element"),
    "WebDriver:ElementClick": ("POST", "/element/{id}/click"),
    "WebDriver:ElementSendKeys": ("POST", "/element/{id}/value"),
    "WebDriver:ExecuteScript": ("POST", "/execute/sync"),
    "WebDriver:PerformActions": ("POST", "/actions"),
    "WebDriver:ReleaseActions": ("DELETE", "/actions"),
    "WebDriver:SetWindowRect": ("POST", "/window/rect"),
    "WebDriver:TakeScreenshot": ("GET", "/screenshot"),
    "WebDriver:DeleteSession": ("DELETE", ""),
}

# Nothing is asked elsewhere, nothing is shown once, and Firefox's own page of welcome stays away.
FIREFOX_PREFS = {
    "marionette.port": 0,
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}
# Firefox's window has a least width; the page in it has none.
FIREFOX_PAGE_SIZE = """
const { style } = gBrowser.selectedBrowser;
style.setProperty("min-width", arguments[0] + "px"), style.setProperty("max-width", arguments[0] + "px");
"""

GTK_STYLES = "headerbar, toolbar, toolitem, box, entry, button { min-width: 0; padding: 0; margin: 0; border: none; }"
# Errors, not warnings, of pages below an address, from their first line on; each is told once.
FIREFOX_COMPLAINTS = """
const errors = Services.console.getMessageArray().filter((one) => one instanceof Ci.nsIScriptError && !(one.flags & Ci.nsIScriptError.warningFlag));
Services.console.reset();
return errors.filter(({ sourceName }) => sourceName.startsWith(arguments[0])).map(({ errorMessage }) => errorMessage);
"""

PACKAGES = {"firefox-esr": "firefox-esr", "WebKitWebDriver": "webkit2gtk-driver", "MiniBrowser": "webkit2gtk-driver", "Xvfb": "xvfb", "localedef": "libc-bin"}


class Trouble(Exception):
    """What the browser refused, or what did not come in time."""


def program(name):
    found = shutil.which(name)
    if name == "MiniBrowser":
        found = next(iter(sorted(glob.glob("/usr/lib/*/webkit2gtk-4.*/MiniBrowser"), reverse=True)), None)
    if not found:
        raise Trouble(f"there is no {name}: apt-get install --no-install-recommends {PACKAGES[name]}")
    return found


def wait_for(probe, seconds, what):
    """The first true value of probe(), asked at least once."""
    end = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise Trouble(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.02)


class Family:
    """Processes with a folder as their home, each in a group of its own, so that what they start ends with them."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sw-browser-"))
        self.processes = []
        runtime = self.folder / "run"
        runtime.mkdir(mode=0o700)
        self.env = {**os.environ, "HOME": str(self.folder), "XDG_RUNTIME_DIR": str(runtime), "TMPDIR": str(self.folder), "NO_AT_BRIDGE": "1",
                    "XDG_CONFIG_HOME": str(self.folder / "config"), "XDG_DATA_HOME": str(self.folder / "data"), "XDG_CACHE_HOME": str(self.folder / "cache")}
        for name in ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "LC_ALL"):
            self.env.pop(name, None)

    def start(self, *words, **more):
        with open(self.folder / "said", "ab") as said:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=self.env, start_new_session=True, **more)
        self.processes.append(process)
        return process

    def said(self):
        return (self.folder / "said").read_text(errors="replace")[-2000:]

    def alive(self):
        for process in self.processes:
            if process.poll() is not None:
                raise Trouble(f"'{process.args[0]}' has ended with {process.returncode}: {self.said()}")
        return True

    def end(self):
        for process in reversed(self.processes):
            for how in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, how)
                    process.wait(5)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    pass
        shutil.rmtree(self.folder, ignore_errors=True)


class Marionette:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), COMMAND_SECONDS)
        self.stream = self.socket.makefile("rb")
        self.number = 0
        self.read()  # who it is
        self.capabilities = self.command("WebDriver:NewSession", {"unhandledPromptBehavior": "accept"})["capabilities"]

    def read(self):
        length = b""
        while not length.endswith(b":"):
            byte = self.stream.read(1)
            if not byte:
                raise Trouble("Firefox has ended the connection")
            length += byte
        return json.loads(self.stream.read(int(length[:-1])))

    def command(self, name, parameters):
        self.number += 1
        text = json.dumps([0, self.number, name, parameters])
        self.socket.sendall(f"{len(text)}:{text}".encode())
        _, number, error, result = self.read()
        if number != self.number:
            raise Trouble(f"an answer to {number}, not to {self.number}")
        if error:
            raise Trouble(f"{name}: {error['error']}: {error['message']}")
        return result["value"] if isinstance(result, dict) and "value" in result else result

    def close(self):
        self.stream.close()
        self.socket.close()


class Http:
    def __init__(self, port, capabilities):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=COMMAND_SECONDS)
        made = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.session, self.capabilities = "/session/" + made["sessionId"], made["capabilities"]

    def ask(self, method, path, body=None):
        text = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
        self.connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
        value = json.loads(self.connection.getresponse().read())["value"]
        if isinstance(value, dict) and "error" in value:
            raise Trouble(f"{path}: {value['error']}: {value.get('message')}")
        return value

    def command(self, name, parameters):
        method, path = ROUTES[name]
        return self.ask(method, self.session + path.format(**parameters), parameters)

    def close(self):
        self.connection.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start_firefox(family, language, dark):
    prefs = {**FIREFOX_PREFS, "intl.accept_languages": language, "layout.css.prefers-color-scheme.content-override": 0 if dark else 1}
    profile = family.folder / "profile"
    profile.mkdir()
    (profile / "user.js").write_text("".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in prefs.items()))
    family.start(program("firefox-esr"), "--headless", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile", str(profile))
    chosen = profile / "MarionetteActivePort"
    port = wait_for(lambda: family.alive() and chosen.exists() and chosen.read_text().strip(), START_SECONDS, lambda: f"Firefox: {family.said()}")
    return Marionette(int(port))


def start_display(family):
    reading, writing = os.pipe()
    family.start(program("Xvfb"), "-displayfd", str(writing), "-screen", "0", "1400x1000x24", "-nolisten", "tcp", pass_fds=(writing,))
    os.close(writing)
    with os.fdopen(reading) as number:  # at its end it has failed
        family.env["DISPLAY"] = ":" + number.readline().strip()
    family.alive()


def make_locale(family, language):
    """WebKit's language is that of the C library, which a bare machine has only the sources of."""
    name = language.replace("-", "_") + ".UTF-8"
    folder = family.folder / "locale"
    folder.mkdir()
    made = subprocess.run([program("localedef"), "-i", language.replace("-", "_"), "-f", "UTF-8", str(folder / name)], capture_output=True, text=True, timeout=START_SECONDS)
    if not (folder / name).exists():
        raise Trouble(f"no locale {name}: {made.stderr.strip()} (package locales)")
    return {"LOCPATH": str(folder), "LANG": name, "LANGUAGE": name}


def start_webkit(family, language, dark):
    browser = program("MiniBrowser")
    start_display(family)
    styles = family.folder / "config" / "gtk-3.0" / "gtk.css"
    styles.parent.mkdir(parents=True)
    styles.write_text(GTK_STYLES)
    family.env |= {"LIBGL_ALWAYS_SOFTWARE": "1", "GTK_THEME": "Adwaita:dark" if dark else "Adwaita", **make_locale(family, language)}
    if os.geteuid() == 0:
        family.env["WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS"] = "1"
    port = free_port()
    family.start(program("WebKitWebDriver"), f"--port={port}")
    wait_for(lambda: family.alive() and listens(port), START_SECONDS, lambda: f"WebKitWebDriver: {family.said()}")
    return Http(port, {"browserName": "MiniBrowser", "webkitgtk:browserOptions": {"binary": browser, "args": ["--automation"]}})


STARTERS = {"firefox": start_firefox, "webkit": start_webkit}


def launch(name, language="en-US", dark=False):
    family = Family()
    try:
        return Browser(name, family, STARTERS[name](family, language, dark))
    except BaseException:
        family.end()
        raise


class Browser:
    """What a person does with a window, and what a test asks of the page in it."""

    def __init__(self, name, family, transport):
        self.name, self.family, self.transport = name, family, transport
        self.version = transport.capabilities["browserVersion"]
        self.size(*WINDOW)

    def close(self):
        try:
            self.command("WebDriver:DeleteSession")
        except (Trouble, OSError, http.client.HTTPException):
            pass  # it ends all the same
        self.transport.close()
        self.family.end()

    def command(self, name, **parameters):
        return self.transport.command(name, parameters)

    def go(self, url):
        self.command("WebDriver:Navigate", url=url)

    def back(self):
        self.command("WebDriver:Back")

    def reload(self):
        """As F5 does: in Firefox WebDriver:Refresh passes the service worker by."""
        self.js("window.old = true; location.reload()")
        self.until("return !window.old")

    def url(self):
        return self.command("WebDriver:GetCurrentURL")

    def size(self, width, height):
        """The page's width in CSS pixels; the height is that of the window, with the browser's own bars."""
        self.command("WebDriver:SetWindowRect", width=width, height=height)
        if self.name == "firefox":
            self.inside(FIREFOX_PAGE_SIZE, width)
        self.until("return innerWidth === arguments[0]", width)

    def complaints(self, origin):
        """What the browser's own console says of pages of this origin. WebKit's cannot be asked."""
        return self.inside(FIREFOX_COMPLAINTS, origin) if self.name == "firefox" else []

    def inside(self, script, *arguments):
        """A script of Firefox itself, not of the page."""
        self.command("Marionette:SetContext", value="chrome")
        try:
            return self.js(script, *arguments)
        finally:
            self.command("Marionette:SetContext", value="content")

    def js(self, script, *arguments):
        return self.command("WebDriver:ExecuteScript", script=script, args=list(arguments))

    def until(self, script, *arguments, seconds=SECONDS):
        """The first true value of the script. A page that is just being left has none."""
        last = [None]

        def probe():
            try:
                last[0] = self.js(script, *arguments)
                return last[0]
            except Trouble as trouble:
                last[0] = str(trouble)
                return None

        return wait_for(probe, seconds, lambda: f"{script} {arguments}: {last[0]!r}")

    def find(self, css, seconds=SECONDS):
        self.until("return document.querySelector(arguments[0]) !== null", css, seconds=seconds)
        return self.command("WebDriver:FindElement", using="css selector", value=css)[ELEMENT]

    def click(self, css):
        self.command("WebDriver:ElementClick", id=self.find(css))

    def click_element(self, element):
        self.command("WebDriver:ElementClick", id=element[ELEMENT])

    def type(self, css, text, then=""):
        """Then: a key that follows as a person's would. Firefox types all of one command before the page can do anything."""
        element = self.find(css)
        for keys in filter(None, (text, then)):
            self.command("WebDriver:ElementSendKeys", id=element, text=keys)

    def keys(self, *held, key):
        """One key, with others held down, wherever the focus is."""
        steps = [{"type": "keyDown", "value": one} for one in (*held, key)]
        steps += [{"type": "keyUp", "value": one} for one in (key, *reversed(held))]
        self.command("WebDriver:PerformActions", actions=[{"type": "key", "id": "keys", "actions": steps}])
        self.command("WebDriver:ReleaseActions")

    def hover(self, css):
        move = {"type": "pointerMove", "duration": 0, "x": 0, "y": 0, "origin": {ELEMENT: self.find(css)}}
        self.command("WebDriver:PerformActions", actions=[{"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": [move]}])

    def wheel(self, css, down):
        turn = {"type": "scroll", "duration": 0, "x": 0, "y": 0, "deltaX": 0, "deltaY": down, "origin": {ELEMENT: self.find(css)}}
        self.command("WebDriver:PerformActions", actions=[{"type": "wheel", "id": "wheel", "actions": [turn]}])
        self.command("WebDriver:ReleaseActions")

    def picture(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.command("WebDriver:TakeScreenshot")))
