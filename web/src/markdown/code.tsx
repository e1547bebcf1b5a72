/*
 * A code block: its language, a button that copies it, and its text, coloured when it is finished.
 *
 * While it is open its text grows by parts, and it is coloured at most each OPEN_HIGHLIGHT_MS and up to OPEN_HIGHLIGHT_CHARS_MAX; what came since then
 * stands behind it without colours. Beyond HIGHLIGHT_CHARS_MAX it stays as it is.
 */
import { Component, type ComponentChild, type VNode } from "preact";
import { copyText } from "./copy";
import type { MarkdownLabels } from "./types";

export const HIGHLIGHT_CHARS_MAX = 50_000;
export const OPEN_HIGHLIGHT_CHARS_MAX = 8_000;
export const OPEN_HIGHLIGHT_MS = 400;
const COPIED_MS = 2_000;
const LANG_CHARS_MAX = 32;

export interface CodeBlockProps {
  lang: string; /* the fence's whole word, as written */
  parts: readonly string[];
  closed: boolean;
  labels: MarkdownLabels;
}

interface State {
  coloured: { chars: number; lang: string; node: VNode } | null;
  copied: "" | "copied" | "copyFailed";
}

export class CodeBlock extends Component<CodeBlockProps, State> {
  override state: State = { coloured: null, copied: "" };
  private timer: ReturnType<typeof setTimeout> | undefined;
  private copiedTimer: ReturnType<typeof setTimeout> | undefined;
  private gone = false;

  override componentDidMount(): void {
    this.schedule();
  }

  override componentDidUpdate(before: CodeBlockProps): void {
    if (before.parts !== this.props.parts || before.closed !== this.props.closed) this.schedule();
  }

  override componentWillUnmount(): void {
    this.gone = true;
    clearTimeout(this.timer);
    clearTimeout(this.copiedTimer);
  }

  private schedule(): void {
    const { closed, lang, parts } = this.props;
    if (language(lang) === "") return;
    const chars = length(parts);
    if (chars > (closed ? HIGHLIGHT_CHARS_MAX : OPEN_HIGHLIGHT_CHARS_MAX)) return;
    if (closed) {
      clearTimeout(this.timer);
      this.timer = undefined;
      if (this.state.coloured?.chars !== chars) void this.colour();
    } else if (this.timer === undefined) {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        void this.colour();
      }, OPEN_HIGHLIGHT_MS);
    }
  }

  private async colour(): Promise<void> {
    try {
      const { highlight } = await import("./highlight");
      if (this.gone) return;
      const text = this.props.parts.join("");
      const lang = language(this.props.lang);
      const spans: ComponentChild[] | null = await highlight(lang, text);
      if (spans && !this.gone) this.setState({ coloured: { chars: text.length, lang, node: <span>{spans}</span> } });
    } catch {
      /* not loaded, or a grammar that fails: the text stands there already */
    }
  }

  private readonly copy = async (): Promise<void> => {
    const copied = await copyText(this.props.parts.join(""));
    if (this.gone) return;
    this.setState({ copied: copied ? "copied" : "copyFailed" });
    clearTimeout(this.copiedTimer);
    this.copiedTimer = setTimeout(() => this.setState({ copied: "" }), COPIED_MS);
  };

  override render({ lang, parts, labels }: CodeBlockProps, { copied }: State): VNode {
    const shown = lang.split(/\s/, 1)[0]?.slice(0, LANG_CHARS_MAX) ?? "";
    return (
      <div class="md-code" dir="ltr">
        <div class="md-code-head">
          <span class="md-code-lang">{shown}</span>
          <button type="button" class="md-copy" onClick={this.copy}>
            <span aria-live="polite">{labels[copied === "" ? "copy" : copied]}</span>
          </button>
        </div>
        <pre class="md-pre" tabIndex={0} role="group" aria-label={shown || labels.code}>
          <code>{this.text(parts)}</code>
        </pre>
      </div>
    );
  }

  private text(parts: readonly string[]): ComponentChild {
    const { coloured } = this.state;
    const chars = length(parts);
    if (!coloured || coloured.chars > chars || (coloured.chars < chars && this.props.closed) || chars > HIGHLIGHT_CHARS_MAX) {
      return parts.map((part, at) => <span key={at}>{part}</span>);
    }
    return [coloured.node, coloured.chars < chars ? parts.join("").slice(coloured.chars) : ""];
  }
}

function length(parts: readonly string[]): number {
  let chars = 0;
  for (const part of parts) chars += part.length;
  return chars;
}

/* "js title=x", "{.python}", "language-c": the word that names it. */
function language(lang: string): string {
  return (/[a-z][\w+#.-]*/i.exec(lang.replace(/^[{.\s]*(?:language-)?/, ""))?.[0] ?? "").toLowerCase();
}
