/*
 * A code block: its language, a button that copies it, and its text, part by part; a part that is whole is drawn once, and once more with its colours.
 *
 * While the block is open it is coloured at most each OPEN_HIGHLIGHT_MS and up to OPEN_HIGHLIGHT_CHARS_MAX; what came since then stands behind it without
 * colours. When it is closed it is coloured for the last time, a part at a time, so that a long one holds up nothing. Beyond HIGHLIGHT_CHARS_MAX it stays as
 * it is.
 */
import { Component, type VNode } from "preact";
import { copyText } from "./copy";
import { drawRun, highlight, type Run } from "./highlight";
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

/* The beginning of a part, or all of it, with its colours. */
interface Coloured {
  text: string;
  drawn: VNode;
}

interface State {
  coloured: readonly Coloured[]; /* of each part so far */
  copied: "" | "copied" | "copyFailed";
}

export class CodeBlock extends Component<CodeBlockProps, State> {
  override state: State = { coloured: [], copied: "" };
  private timer: ReturnType<typeof setTimeout> | undefined;
  private copiedTimer: ReturnType<typeof setTimeout> | undefined;
  private colouring = 0; /* the one that is under way; an older one ends */
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
    if (length(parts) > (closed ? HIGHLIGHT_CHARS_MAX : OPEN_HIGHLIGHT_CHARS_MAX)) return;
    if (closed) {
      clearTimeout(this.timer);
      this.timer = undefined;
      void this.colour();
    } else if (this.timer === undefined) {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        void this.colour();
      }, OPEN_HIGHLIGHT_MS);
    }
  }

  private async colour(): Promise<void> {
    const { lang, parts } = this.props;
    const mine = ++this.colouring;
    const runs = (await highlight({ lang: language(lang), parts })) ?? [];
    for (const [at, part] of runs.entries()) {
      if (at > 0) await new Promise((resolve) => setTimeout(resolve));
      if (this.gone || mine !== this.colouring) return;
      this.setState(({ coloured }) => ({ coloured: [...coloured.slice(0, at), colouredPart(part), ...coloured.slice(at + 1)] }));
    }
  }

  private readonly copy = async (): Promise<void> => {
    const copied = await copyText(this.props.parts.join(""));
    if (this.gone) return;
    this.setState({ copied: copied ? "copied" : "copyFailed" });
    clearTimeout(this.copiedTimer);
    this.copiedTimer = setTimeout(() => this.setState({ copied: "" }), COPIED_MS);
  };

  override render({ lang, parts, labels }: CodeBlockProps, { coloured, copied }: State): VNode {
    const colours = length(parts) > HIGHLIGHT_CHARS_MAX ? [] : coloured;
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
          <code>
            {parts.map((part, at) => (
              <Part key={at} text={part} lines={isWhole(parts, at)} coloured={colours[at]} />
            ))}
          </code>
        </pre>
      </div>
    );
  }
}

interface PartProps {
  text: string;
  lines: boolean;
  coloured: Coloured | undefined;
}

class Part extends Component<PartProps> {
  override shouldComponentUpdate({ text, lines, coloured }: Readonly<PartProps>): boolean {
    return text !== this.props.text || lines !== this.props.lines || coloured !== this.props.coloured;
  }

  override render({ text, lines, coloured }: PartProps): VNode {
    const fits = coloured !== undefined && text.startsWith(coloured.text);
    return <span class={lines ? "md-lines" : undefined}>{fits ? [coloured.drawn, text.slice(coloured.text.length)] : text}</span>;
  }
}

/* Whether a part begins and ends with a line; the last one may go on. */
function isWhole(parts: readonly string[], at: number): boolean {
  return (at === 0 || parts[at - 1]?.endsWith("\n") === true) && (at === parts.length - 1 || parts[at]?.endsWith("\n") === true);
}

function colouredPart(runs: readonly Run[]): Coloured {
  return { text: runs.map(([text]) => text).join(""), drawn: <span>{runs.map(drawRun)}</span> };
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
