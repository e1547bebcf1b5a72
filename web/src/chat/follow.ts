/*
 * Whether the view follows a growing answer. Pure: positions come in (of a box that scrolls, or itself), decisions go out.
 *
 *   following ──the reader scrolls up──▶ free ──scrolls to the end, presses End or the button──▶ following
 *
 * Growth of the text never frees; only a movement upwards that was not ours does.
 */
export type Position = Pick<Element, "scrollTop" | "scrollHeight" | "clientHeight">;

const NEAR_PX = 48;
const SLACK_PX = 2;

export class Follower {
  following = true;
  private top = 0;
  private height = 0;

  /* After each scroll event. Returns whether `following` changed. */
  scrolled(at: Position): boolean {
    const before = this.following;
    const shrunk = Math.max(0, this.height - at.scrollHeight); /* so far the browser moved us, not the reader: blocks that come into view often shrink from what was guessed */
    if (at.scrollTop < this.top - shrunk - SLACK_PX && !isNearEnd(at, SLACK_PX)) this.following = false;
    else if (at.scrollTop >= this.top && isNearEnd(at, NEAR_PX)) this.following = true;
    this.top = at.scrollTop;
    this.height = at.scrollHeight;
    return this.following !== before;
  }

  /* After the content grew: where to scroll, or null to stay. */
  grown(at: Position): number | null {
    this.height = at.scrollHeight;
    if (!this.following) return null;
    const to = Math.max(0, at.scrollHeight - at.clientHeight);
    this.top = to;
    return to;
  }

  follow(): void {
    this.following = true;
  }
}

export function isNearEnd(at: Position, px: number): boolean {
  return at.scrollHeight - at.clientHeight - at.scrollTop <= px;
}
