/*
 * A formula. Its source stands there until Temml has been loaded, while it is not whole, and for good where it is broken or too long.
 */
import { Component, createRef, type VNode } from "preact";
import type { MarkdownLabels } from "./types";

export const FORMULA_CHARS_MAX = 4_000;

export interface FormulaProps {
  text: string;
  display: boolean;
  whole: boolean;
  labels: MarkdownLabels;
}

type Draw = (text: string, display: boolean) => Element | null;

let draw: Draw | null = null;

export class Formula extends Component<FormulaProps, { broken: boolean }> {
  override state = { broken: false };
  private readonly place = createRef<HTMLSpanElement>();
  private gone = false;

  override componentDidMount(): void {
    void this.draw();
  }

  override shouldComponentUpdate(next: Readonly<FormulaProps>, state: Readonly<{ broken: boolean }>): boolean {
    const { text, display, whole, labels } = this.props;
    return next.text !== text || next.display !== display || next.whole !== whole || next.labels !== labels || state.broken !== this.state.broken;
  }

  override componentDidUpdate(before: FormulaProps): void {
    const { text, display, whole } = this.props;
    if (before.text !== text || before.display !== display || before.whole !== whole) void this.draw();
  }

  override componentWillUnmount(): void {
    this.gone = true;
  }

  private async draw(): Promise<void> {
    const { text, display, whole } = this.props;
    const place = this.place.current;
    if (!place) return;
    place.textContent = text;
    if (!whole) return;
    if (text.length > FORMULA_CHARS_MAX) return this.setState({ broken: true });
    draw ??= await import("./mathsDraw").then((module) => module.drawMaths, () => null);
    if (!draw || this.gone || this.props.text !== text) return;
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
