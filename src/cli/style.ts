/** Colours by what they mean; plain text where colour is off. */
const ESCAPE = "\u001b";
const CODES = {
  heading: "1",
  faint: "2",
  good: "32",
  bad: "31",
  warning: "33",
  address: "36",
  name: "35",
} as const;

export type StyleName = keyof typeof CODES;

export class Style {
  readonly enabled: boolean;

  constructor(enabled: boolean) {
    this.enabled = enabled;
  }

  /** @param name `plain` leaves the text as it is */
  paint(name: StyleName | "plain", text: string): string {
    if (name === "plain") return text;
    return this.enabled && text !== "" ? `${ESCAPE}[${CODES[name]}m${text}${ESCAPE}[0m` : text;
  }
}

const ESCAPES = new RegExp(`${ESCAPE}\\[[0-9;]*m`, "g");

/** How many columns the text takes. */
export function width(text: string): number {
  return text.replace(ESCAPES, "").length;
}

/** Spaces after (or before) the text up to `columns`, colours not counted. */
export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - width(text)));
}

export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - width(text))) + text;
}

/** Two columns beside each other fit a terminal of 100. */
export const HALF_COLUMNS = 48;

/** Texts in columns of equal width beside each other. */
export function beside(texts: readonly string[], columns = HALF_COLUMNS): string {
  return texts
    .map((text) => padEnd(text, columns))
    .join("  ")
    .trimEnd();
}

/** Lines of cells, each column as wide as its widest cell; the last column is not padded. */
export function table(rows: readonly (readonly string[])[], gap = "  "): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, width(cell));
    });
  }
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : padEnd(cell, widths[i] ?? 0)))
      .join(gap)
      .trimEnd(),
  );
}
