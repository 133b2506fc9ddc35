/**
 * What frames in use are used for, by their first frame. Kept in sections of 128 MiB, so that
 * numbers inside stay small integers and neighbours lie together wherever the memory is: with one
 * map of frame numbers, those of memory above 8 TiB are boxed doubles, at a microsecond each.
 */
import type { FrameUse } from "../../check/view.ts";

/** Frames of a section: 128 MiB. */
const SECTION_FRAMES = 32768;
/** The largest block, 2^10 frames. */
const MAX_ORDER = 10;

/** A block of 2^order frames in use. */
export interface FrameInfo {
  readonly use: FrameUse;
  readonly order: number;
  /** References beyond the first: get_page(). */
  references: number;
}

export class FrameUses {
  readonly #sections = new Map<number, Map<number, FrameInfo>>();
  /** The section that was asked for last: neighbours follow each other. */
  #lastNumber = -1;
  #last: Map<number, FrameInfo> | undefined;

  /** The block that begins at this frame. */
  get(frame: number): FrameInfo | undefined {
    const local = frame % SECTION_FRAMES;
    return this.#section((frame - local) / SECTION_FRAMES)?.get(local);
  }

  set(frame: number, info: FrameInfo): void {
    const local = frame % SECTION_FRAMES;
    const number = (frame - local) / SECTION_FRAMES;
    const section = this.#section(number);
    if (section) section.set(local, info);
    else {
      this.#sections.set(number, new Map([[local, info]]));
      this.#lastNumber = -1;
    }
  }

  /** @returns what was there */
  delete(frame: number): FrameInfo | undefined {
    const local = frame % SECTION_FRAMES;
    const number = (frame - local) / SECTION_FRAMES;
    const section = this.#section(number);
    const info = section?.get(local);
    if (section === undefined || info === undefined) return undefined;
    section.delete(local);
    if (section.size === 0) {
      this.#sections.delete(number);
      this.#lastNumber = -1;
    }
    return info;
  }

  /** The block that holds this frame. */
  holding(frame: number): { readonly head: number; readonly info: FrameInfo } | undefined {
    const local = frame % SECTION_FRAMES;
    const section = this.#section((frame - local) / SECTION_FRAMES);
    if (section === undefined) return undefined;
    for (let order = 0; order <= MAX_ORDER; order++) {
      const head = local & -(1 << order);
      const info = section.get(head);
      if (info !== undefined && head + 2 ** info.order > local) {
        return { head: frame - local + head, info };
      }
    }
    return undefined;
  }

  /** All blocks that begin in [first, last), in order of sections. */
  *within(first: number, last: number): IterableIterator<[number, FrameInfo]> {
    for (let at = first - (first % SECTION_FRAMES); at < last; at += SECTION_FRAMES) {
      const section = this.#sections.get(at / SECTION_FRAMES);
      if (section === undefined) continue;
      for (const [local, info] of section) {
        const frame = at + local;
        if (frame >= first && frame < last) yield [frame, info];
      }
    }
  }

  *[Symbol.iterator](): IterableIterator<[number, FrameInfo]> {
    for (const [number, section] of this.#sections) {
      for (const [local, info] of section) yield [number * SECTION_FRAMES + local, info];
    }
  }

  #section(number: number): Map<number, FrameInfo> | undefined {
    if (number !== this.#lastNumber) {
      this.#last = this.#sections.get(number);
      this.#lastNumber = number;
    }
    return this.#last;
  }
}
