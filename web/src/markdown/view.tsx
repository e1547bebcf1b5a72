/*
 * Blocks as elements. Text only ever becomes text nodes and attributes that are listed here; nothing of it is parsed as HTML.
 *
 * A node is drawn again only when it is another object: finished blocks, items, rows and parts of code are drawn once. Classes are `md-…`
 * (styles/markdown.css). Headings begin below the page's own, at h3. What holds text has dir="auto". Nothing of that counts for what holds only such elements:
 * lists, quotes and tables are told their side (direction.ts), which decides where markers, lines and first columns stand.
 */
import { Component, h, type ComponentChildren, type VNode } from "preact";
import { CodeBlock } from "./code";
import { directionOf } from "./direction";
import { decodeEntities } from "./entities";
import { hostToShow, safeLink } from "./links";
import { Formula } from "./maths";
import type { Align, Block, BlockNode, Cell, Chunked, Item, MarkdownLabels, Token } from "./types";

/* Emphasis inside emphasis beyond this depth is shown as it was written. */
const INLINE_DEPTH_MAX = 24;
const TEXT_CHARS = 256;
const CJK = 0x2000; /* and other characters from here on: lines end between them */
const HEADING_FIRST = 3;
const HEADING_LAST = 6;

export interface MarkdownViewProps {
  blocks: readonly Block[];
  labels: MarkdownLabels;
}

export function MarkdownView({ blocks, labels }: MarkdownViewProps): VNode {
  return (
    <div class="md">
      {blocks.map((block) => (
        <NodeView key={block.key} node={block.node} labels={labels} />
      ))}
    </div>
  );
}

/* Draws again only for another object. */
abstract class Once<P> extends Component<P & { labels: MarkdownLabels }> {
  abstract subject(props: P): unknown;

  override shouldComponentUpdate(next: Readonly<P & { labels: MarkdownLabels }>): boolean {
    return this.subject(next) !== this.subject(this.props) || next.labels !== this.props.labels;
  }
}

class NodeView extends Once<{ node: BlockNode }> {
  override subject(props: { node: BlockNode }): BlockNode {
    return props.node;
  }

  override render(): VNode {
    return drawNode(this.props.node, this.props.labels);
  }
}

function drawNode(node: BlockNode, labels: MarkdownLabels): VNode {
  switch (node.type) {
    case "paragraph":
      return (
        <p class={node.continues ? "md-p md-continues" : "md-p"} dir="auto">
          {inline(node.tokens, labels, 0)}
        </p>
      );
    case "heading": {
      const Level = `h${Math.min(HEADING_FIRST - 1 + node.depth, HEADING_LAST)}` as "h3";
      return (
        <Level class={`md-h md-h${node.depth}`} dir="auto">
          {inline(node.tokens, labels, 0)}
        </Level>
      );
    }
    case "code":
      return <CodeBlock lang={node.lang} parts={node.parts} closed={node.closed} labels={labels} />;
    case "maths":
      return (
        <div class="md-maths">
          <Formula text={node.text} display={true} whole={node.closed} labels={labels} />
        </div>
      );
    case "table":
      return <Table node={node} labels={labels} />;
    case "list":
      return <List node={node} labels={labels} />;
    case "quote":
      return <blockquote class="md-quote" dir={directionOf(node)}>{chunks(node.children, labels)}</blockquote>;
    case "rule":
      return <hr class="md-rule" />;
  }
}

/* ---- lists and quotes ---- */

function chunks(children: Chunked<BlockNode>, labels: MarkdownLabels): ComponentChildren {
  return children.map((chunk, at) => <NodesView key={at} chunk={chunk} labels={labels} />);
}

class NodesView extends Once<{ chunk: readonly BlockNode[] }> {
  override subject(props: { chunk: readonly BlockNode[] }): unknown {
    return props.chunk;
  }

  override render(): VNode {
    const { chunk, labels } = this.props;
    return <>{chunk.map((node, at) => <NodeView key={at} node={node} labels={labels} />)}</>;
  }
}

function List({ node, labels }: { node: Extract<BlockNode, { type: "list" }>; labels: MarkdownLabels }): VNode {
  const items = node.items.map((chunk, at) => <ItemsView key={at} chunk={chunk} labels={labels} />);
  const name = `md-list${node.loose ? " md-loose" : ""}${node.continues ? " md-continues" : ""}`;
  const dir = directionOf(node);
  if (!node.ordered) return <ul class={name} dir={dir}>{items}</ul>;
  return <ol class={name} dir={dir} start={node.start}>{items}</ol>;
}

class ItemsView extends Once<{ chunk: readonly Item[] }> {
  override subject(props: { chunk: readonly Item[] }): unknown {
    return props.chunk;
  }

  override render(): VNode {
    const { chunk, labels } = this.props;
    return <>{chunk.map((item, at) => <ItemView key={at} item={item} labels={labels} />)}</>;
  }
}

class ItemView extends Once<{ item: Item }> {
  override subject(props: { item: Item }): unknown {
    return props.item;
  }

  override render(): VNode {
    const { item, labels } = this.props;
    if (item.task === null) return <li class="md-item">{chunks(item.children, labels)}</li>;
    return (
      <li class="md-item md-task">
        <span class={item.task ? "md-box md-ticked" : "md-box"} role="img" aria-label={item.task ? labels.taskDone : labels.taskOpen} />
        <div class="md-task-text">{chunks(item.children, labels)}</div>
      </li>
    );
  }
}

/* ---- tables ---- */

function Table({ node, labels }: { node: Extract<BlockNode, { type: "table" }>; labels: MarkdownLabels }): VNode {
  return (
    <div class="md-table-scroll" dir={directionOf(node)} tabIndex={0} role="group" aria-label={labels.table}>
      <table class="md-table">
        <thead>
          <tr>
            {node.header.map((cell, column) => (
              <th key={column} scope="col" dir="auto" class={alignment(node.align[column])}>
                {inline(cell.tokens, labels, 0)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {node.rows.map((chunk, at) => (
            <RowsView key={at} chunk={chunk} align={node.align} labels={labels} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowsProps {
  chunk: readonly (readonly Cell[])[];
  align: readonly Align[];
}

class RowsView extends Once<RowsProps> {
  override subject(props: RowsProps): unknown {
    return props.chunk;
  }

  override render(): VNode {
    const { chunk, align, labels } = this.props;
    return <>{chunk.map((row, at) => <RowView key={at} row={row} align={align} labels={labels} />)}</>;
  }
}

interface RowProps {
  row: readonly Cell[];
  align: readonly Align[];
}

class RowView extends Once<RowProps> {
  override subject(props: RowProps): unknown {
    return props.row;
  }

  override render(): VNode {
    const { row, align, labels } = this.props;
    return (
      <tr>
        {row.map((cell, column) => (
          <td key={column} dir="auto" class={alignment(align[column])}>
            {inline(cell.tokens, labels, 0)}
          </td>
        ))}
      </tr>
    );
  }
}

function alignment(align: Align | undefined): string | undefined {
  return align ? `md-${align}` : undefined;
}

/* ---- inside a paragraph ---- */

function inline(tokens: readonly Token[], labels: MarkdownLabels, depth: number): ComponentChildren {
  return tokens.map((token) => drawInline(token, labels, depth));
}

function drawInline(token: Token, labels: MarkdownLabels, depth: number): ComponentChildren {
  if (depth > INLINE_DEPTH_MAX) return token.raw;
  const inner = (): ComponentChildren => inline(token.tokens ?? [], labels, depth + 1);
  switch (token.type) {
    case "strong":
    case "em":
    case "del":
    case "sub":
    case "sup":
    case "kbd":
    case "mark":
    case "u":
      return h(token.type, null, inner());
    case "codespan":
      return <code class="md-code-span" dir="ltr">{token.text}</code>;
    case "br":
      return <br />;
    case "html":
      return /^<br\s*\/?>$/i.test(token.raw) ? <br /> : token.raw;
    case "link":
      return drawLink(token, labels, inner());
    case "image":
      return drawPicture(token, labels);
    case "maths":
      return <Formula text={token.text} display={token.display === true} whole={true} labels={labels} />;
    case "escape":
      return token.text;
    default:
      return inPieces(decodeEntities(token.raw));
  }
}

/*
 * A browser shapes a text node anew when it grows, and leaves those before it as they are: a long text is several. Of a word beyond TEXT_CHARS it would look at
 * all the rest for each of its lines, so there it may begin one; but not where it knows by itself where lines of such characters may end.
 */
function inPieces(text: string): ComponentChildren {
  if (text.length <= TEXT_CHARS) return text;
  const pieces: ComponentChildren[] = [];
  for (let from = 0; from < text.length; ) {
    const to = pieceEnd(text, from);
    pieces.push(text.slice(from, to));
    if (to < text.length && text.charAt(to - 1) !== " " && text.charCodeAt(to - 1) < CJK) pieces.push(<wbr />);
    from = to;
  }
  return pieces;
}

/* Behind a space where there is one; never between the halves of a pair. */
function pieceEnd(text: string, from: number): number {
  const most = from + TEXT_CHARS;
  if (most >= text.length) return text.length;
  const space = text.lastIndexOf(" ", most - 1);
  if (space >= from) return space + 1;
  return /[\ud800-\udbff]/.test(text.charAt(most - 1)) ? most - 1 : most;
}

const REL = "noopener noreferrer nofollow ugc";

function drawLink(token: Token, labels: MarkdownLabels, text: ComponentChildren): ComponentChildren {
  const link = safeLink(decodeEntities(token.href ?? ""));
  if (!link) return <span class="md-no-link">{text}</span>;
  const host = hostToShow(link, plain(token.tokens));
  return (
    <>
      <a class="md-link" href={link.href} target="_blank" rel={REL} title={link.href}>
        {text}
      </a>
      {host !== "" && (
        <span class="md-host">
          {" "}({labels.leadsTo} <bdi>{host}</bdi>)
        </span>
      )}
    </>
  );
}

/* A picture would tell its host who reads this, and when: it is a link, and nothing is loaded. */
function drawPicture(token: Token, labels: MarkdownLabels): ComponentChildren {
  const link = safeLink(decodeEntities(token.href ?? ""));
  const text = `${labels.picture}: ${token.text || link?.host || "…"}`;
  if (!link) return <span class="md-picture">{text}</span>;
  return (
    <>
      <a class="md-link md-picture" href={link.href} target="_blank" rel={REL} title={link.href}>
        {text}
      </a>
      {link.host !== "" && <span class="md-host"> ({labels.leadsTo} <bdi>{link.host}</bdi>)</span>}
    </>
  );
}

function plain(tokens: readonly Token[] | undefined): string {
  let text = "";
  for (const token of tokens ?? []) {
    text += token.tokens ? plain(token.tokens) : decodeEntities(token.text);
  }
  return text;
}

