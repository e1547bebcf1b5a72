/*
 * A formula. Its source stands there until Temml has been loaded, while it is not whole, and for good where it is broken or too long. Of many that come at once
 * AT_ONCE are drawn, and the others in turn, so that a text full of them holds up nothing.
 */
import { Component, createRef, type VNode } from "preact";
import type { MarkdownLabels } from "./types";

export const FORMULA_CHARS_MAX = 4_000;
export const AT_ONCE = 8;
const TURN_MS = 16;

export interface FormulaProps {
  text: string;
  display: boolean;
  whole: boolean;
  labels: MarkdownLabels;
}

type Draw = (text: string, display: boolean) => Element | null;

let draw: Draw | null = null;
let left = AT_ONCE; /* of this turn */
const waiting: (() => void)[] = [];

function inTurn(call: () => void): void {
  if (left === 0) return void waiting.push(call);
  if (left === AT_ONCE) setTimeout(nextTurn, TURN_MS);
  left -= 1;
  call();
}

function nextTurn(): void {
  left = AT_ONCE;
  waiting.splice(0, AT_ONCE).forEach(inTurn);
}

export class Formula extends Component<FormulaProps, { broken: boolean }> {
  override state = { broken: false };
  private readonly place = createRef<HTMLSpanElement>();
  private gone = false;

  override componentDidMount(): void {
    void this.prepare();
  }

  override shouldComponentUpdate(next: Readonly<FormulaProps>, state: Readonly<{ broken: boolean }>): boolean {
    const { text, display, whole, labels } = this.props;
    return next.text !== text || next.display !== display || next.whole !== whole || next.labels !== labels || state.broken !== this.state.broken;
  }

  override componentDidUpdate(before: FormulaProps): void {
    const { text, display, whole } = this.props;
    if (before.text !== text || before.display !== display || before.whole !== whole) void this.prepare();
  }

  override componentWillUnmount(): void {
    this.gone = true;
  }

  private async prepare(): Promise<void> {
    const { text, whole } = this.props;
    const place = this.place.current;
    if (!place) return;
    place.textContent = text;
    if (!whole) return;
    if (text.length > FORMULA_CHARS_MAX) return this.setState({ broken: true });
    draw ??= await import("./mathsDraw").then((module) => module.drawMaths, () => null);
    inTurn(() => this.draw(text));
  }

  private draw(text: string): void {
    const { display } = this.props;
    const place = this.place.current;
    if (!draw || !place || this.gone || this.props.text !== text) return;
    const drawn = draw(text, display);
    if (drawn) place.replaceChildren(drawn);
    if (this.state.broken === (drawn !== null)) this.setState({ broken: drawn === null });
  }

  /* What is inside the span is drawn by hand: for Preact it is empty and never changes. */
  override render({ whole, display, labels }: FormulaProps, { broken }: { broken: boolean }): VNode {
    const name = `md-formula${display ? " md-display" : ""}${whole ? "" : " md-half"}${broken ? " md-broken" : ""}`;
    return <span class={name} dir="ltr" title={broken ? labels.brokenMaths : undefined} ref={this.place} />;
  }
}
