# SPDX-License-Identifier: Apache-2.0
"""Who comes in, and what somebody hears who does not."""


def test_a_link_signs_in_and_leaves_the_address(person):
    person.enter()
    assert "link" not in person.browser.url()
    person.reload()
    person.browser.find("#composer")


def test_a_link_that_is_not_known_is_refused_in_words(person):
    person.go("about:blank")
    person.go("/#link=AAAAAAAAAAAAAAAAAAAAAA")
    person.sees("This link is not known.")
    assert "link" not in person.browser.url()


def test_a_wrong_key_is_refused_in_words_and_a_good_one_goes_on(person):
    person.sign_in("sk-wrong")
    person.sees("This key is not valid.")
    person.selected(".key-field input")
    person.sign_in(person.door.key)
    person.browser.find("#composer")
    assert person.door.key not in person.browser.js("return localStorage.getItem('seawall') ?? ''")
    person.reload()
    person.browser.find("#composer")
