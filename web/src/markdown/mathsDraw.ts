/*
 * TeX as MathML, by Temml; loaded when the first formula is drawn.
 *
 * Temml builds elements itself, not HTML; what it built is looked through once more: only MathML and plain spans, only attributes that lay out. So whatever a
 * formula says, nothing in it can load, link or run.
 */
import Temml from "temml";

const EXPAND_MAX = 400;
const ELEMENTS_MAX = 20_000;
const MATHML = "http://www.w3.org/1998/Math/MathML";
const ATTRIBUTES = new Set([
  "accent", "accentunder", "align", "class", "columnalign", "columnlines", "columnspacing", "columnspan", "depth", "dir", "display", "displaystyle", "fence",
  "form", "height", "largeop", "linebreak", "linethickness", "lspace", "mathbackground", "mathcolor", "mathsize", "mathvariant", "maxsize", "minsize",
  "movablelimits", "notation", "rowalign", "rowlines", "rowspacing", "rowspan", "rspace", "scriptlevel", "separator", "side", "stretchy", "symmetric",
  "voffset", "width",
]);

interface Tree {
  toNode(): Element;
}

/* Null: it is broken, or larger than anybody writes. */
export function drawMaths(text: string, display: boolean): Element | null {
  try {
    const options = { displayMode: display, throwOnError: true, trust: false, strict: false, maxExpand: EXPAND_MAX, maxSize: [20, 100] as [number, number] };
    const node = (Temml.__renderToMathMLTree(text, options) as Tree).toNode();
    return tame(node) ? node : null;
  } catch {
    return null; /* its parser's error, or a nesting too deep for the stack */
  }
}

function tame(root: Element): boolean {
  const elements = [root, ...root.querySelectorAll("*")];
  if (elements.length > ELEMENTS_MAX) return false;
  return elements.every((element) => {
    if (element.namespaceURI !== MATHML && element.localName !== "span") return false;
    for (const { name } of [...element.attributes]) {
      if (!ATTRIBUTES.has(name) && name !== "style") element.removeAttribute(name);
    }
    return true;
  });
}
