/*
 * Whether the view follows a growing answer. Pure: positions come in, decisions go out.
 *
 *   following ──the reader scrolls up──▶ free ──scrolls to the end, presses End or the button──▶ following
 *
 * Growth of the text never frees; only a movement upwards that was not ours does.
 */
export interface Position {
  top: number; /* px scrolled */
  height: number; /* of the whole content */
  view: number; /* of the window on it */
}

const NEAR_PX = 48;
const SLACK_PX = 2;

export class Follower {
  following = true;
  private top = 0;
  private height = 0;

  /* After each scroll event. Returns whether `following` changed. */
  scrolled(at: Position): boolean {
    const before = this.following;
    const shrunk = Math.max(0, this.height - at.height); /* so far the browser moved us, not the reader: blocks that come into view often shrink from what was guessed */
    if (at.top < this.top - shrunk - SLACK_PX && !isNearEnd(at, SLACK_PX)) this.following = false;
    else if (at.top >= this.top && isNearEnd(at, NEAR_PX)) this.following = true;
    this.top = at.top;
    this.height = at.height;
    return this.following !== before;
  }

  /* After the content grew: where to scroll, or null to stay. */
  grown(at: Position): number | null {
    this.height = at.height;
    if (!this.following) return null;
    const to = Math.max(0, at.height - at.view);
    this.top = to;
    return to;
  }

  follow(): void {
    this.following = true;
  }
}

export function isNearEnd(at: Position, px: number): boolean {
  return at.height - at.view - at.top <= px;
}
