# SPDX-License-Identifier: Apache-2.0
"""What stays in the browser."""
from driver import ENTER

STORED = """
return new Promise((resolve) => {
  const opening = indexedDB.open("seawall");
  opening.onsuccess = () => {
    const asking = opening.result.transaction("drafts").objectStore("drafts").getAll();
    asking.onsuccess = () => (opening.result.close(), resolve(JSON.stringify(asking.result).includes(arguments[0])));
  };
});
"""


def test_conversations_are_kept_renamed_and_deleted(person):
    person.enter()
    person.ask("What is it made of?")
    person.answered()
    person.reload()
    person.reads("Hello")
    person.show_list()
    person.options("What is it made of?")
    person.press("Rename")
    person.selected(".entry input")
    person.browser.type(".entry input", "Stones", ENTER)
    person.sees("Stones", "li.entry")
    person.reload()
    person.show_list()
    person.sees("Stones", "li.entry")
    person.options("Stones")
    person.press("Delete")
    person.comes_to("li.entry", 0)
    person.press("Undo")
    person.sees("Stones", "li.entry")
    person.options("Stones")
    person.press("Delete")
    person.comes_to("li.entry", 0)
    person.reload()
    person.browser.find("#composer")
    person.comes_to("li.entry", 0)


def test_a_file_goes_with_the_question(person, tmp_path):
    (tmp_path / "notes.txt").write_text("tide: 6.1 m")
    (tmp_path / "photo.png").write_bytes(b"\x89P\0\1")
    person.enter()
    person.browser.type(".composer input[type=file]", str(tmp_path / "photo.png"))
    person.sees("“photo.png” is not a text file")
    person.browser.type(".composer input[type=file]", str(tmp_path / "notes.txt"))
    person.sees("notes.txt", ".composer .file")
    person.ask("How high?")
    person.answered()
    assert "tide: 6.1 m" in person.door.calls()[0]["body"]["messages"][0]["content"]
    person.sees("notes.txt", "article.question")
    person.comes_to(".composer .file", 0)


def test_a_draft_is_kept_over_a_reload(person, tmp_path):
    (tmp_path / "notes.txt").write_text("tide: 6.1 m")
    person.enter()
    person.browser.type("#composer", "half a thou")
    person.browser.type(".composer input[type=file]", str(tmp_path / "notes.txt"))
    person.sees("notes.txt", ".composer .file")
    person.browser.until(STORED, "notes.txt")
    person.reload()
    person.browser.until("return document.querySelector('#composer')?.value === 'half a thou'")
    person.sees("notes.txt", ".composer .file")
