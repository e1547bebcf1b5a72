import { describe, expect, it } from "vitest";
import { lexInline } from "../../src/markdown/inline";
import { inline } from "./outline";

const lexed = (text: string): string => inline(lexInline(text));

/* As the specifications say: CommonMark 0.31 section 6, GFM sections 6.5 and 6.9. */
describe("inline text", () => {
  it("is shown as it was written behind more than anybody writes", () => {
    const tokens = lexInline("`a` ".repeat(2_000));
    expect(tokens.length).toBeLessThan(600);
    expect(tokens.at(-1)?.raw).toMatch(/^ (?:`a` )+$/);
  });

  it.each([
    ["*a* _b_ **c** __d__", "em(a) em(b) strong(c) strong(d)"],
    ["***a***", "em(strong(a))"],
    ["***a** b*", "em(strong(a) b)"],
    ["***a* b**", "strong(em(a) b)"],
    ["**a *b* c**", "strong(a em(b) c)"],
    ["**a *b**", "*em(a em(b))"],
    ["*a **b*", "*a *em(b)"],
    ["*a _b* c_", "em(a _b) c_"],
    ["a*b*c and a_b_c", "aem(b)c and a_b_c"],
    ["2 * 3 * 4 and * a *", "2 * 3 * 4 and * a *"],
    ["*foo**bar**baz*", "em(foostrong(bar)baz)"],
    ["*foo**bar*", "em(foo**bar)"],
    ["****a****", "strong(strong(a))"],
    ["**a*", "*em(a)"],
    ["*a**", "em(a)*"],
    ['*"a"*b', '*"a"*b'],
    ["**漢字**漢字", "strong(漢字)漢字"],
    ["\u{1f30a}*a*", "\u{1f30a}em(a)"],
    ["~a~ ~~b~~ ~~~c~~~ ~d~~", "del(a) del(b) ~~~c~~~ ~d~~"],
    ["`a` ``b`c`` ` `` ` `d", "codespan(a) codespan(b`c) codespan(``) `d"],
    ["*a`*`b*", "em(acodespan(*)b)"],
    ["[a`](b)`", "[acodespan(](b))"],
    ["\\*a\\* \\a \\\\", "*a* \\a \\"],
    ["a  \nb\\\nc\nd  \n", "abr()bbr()c\nd  \n"],
    ["[a *b*](c (d) \"e\")", '[a em(b)](c (d) "e")'],
    ["[a *b*](c(d) \"e\")", "link<c(d)>(a em(b))"],
    ["[a](<b c>) [a](<b) [a]()", "link<b c>(a) [a](<b) link<>(a)"],
    ["[a [b] c](d\\)e)", "link<d)e>(a [b] c)"],
    ["[a](b 'c)", "[a](b 'c)"],
    ["*[a*](b)", "*link<b>(a*)"],
    ["[a https://b.example](c)", "link<c>(a https://b.example)"],
    ["[![a](b)](c)", "link<c>(image(a))"],
    ["![a \\[b\\]](c)", "image(a [b])"],
    ["<b>*a*</b> <!-- *a* --> <i x='*' y>*<?*?>", "<b>em(a)</b> <!-- *a* --> <i x='*' y>*<?*?>"],
    ["H<sub>2</sub>O, m<sup>*2*</sup>, <kbd>[</kbd>, <u>a $b$</u>", "Hsub(2)O, msup(em(2)), kbd([), u(a maths(b))"],
    ["<sub>a</sup> <SUB>c</SUB> <sup id=x>d</sup> <b>e</b>", "<sub>a</sup> <SUB>c</SUB> <sup id=x>d</sup> <b>e</b>"],
    ["<sub><sub>a</sub></sub> [<sub>b</sub>](c)", "sub(<sub>a)</sub> link<c>(<sub>b</sub>)"],
    ["<https://a.example/*> <me@a.example> <a b>", "link<https://a.example/*>(https://a.example/*) link<mailto:me@a.example>(me@a.example) <a b>"],
    ["see https://a.example/b_c_d, (www.b.example/x_(y)).", "see link<https://a.example/b_c_d>(https://a.example/b_c_d), (link<http://www.b.example/x_(y)>(www.b.example/x_(y)))."],
    ["**https://a.example**: and *www.b.example*", "strong(link<https://a.example>(https://a.example)): and em(link<http://www.b.example>(www.b.example))"],
    ["*https://a.example/漢字*漢字", "em(link<https://a.example/漢字>(https://a.example/漢字))漢字"],
    ["https://a.example/?b&amp;", "link<https://a.example/?b>(https://a.example/?b)&amp;"],
    ["to me.you+x@a-b.example, a@b", "to link<mailto:me.you+x@a-b.example>(me.you+x@a-b.example), a@b"],
    ["$a_1*b*$ \\(c*\\) $$d*$$ \\[e\\]", "maths(a_1*b*) maths(c*) maths(d*) maths(e)"],
    ["$5 and $6, $ a$, $a\nb$ \\$c$", "$5 and $6, $ a$, $a\nb$ $c$"],
    ["$a\\$b$ $$", "maths(a\\$b) $$"],
  ])("reads %j", (text, expected) => {
    expect(lexed(text)).toBe(expected);
    expect(lexInline(text).map(({ raw }) => raw).join("")).toBe(text);
  });
});
