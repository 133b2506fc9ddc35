/** Names of exception vectors for people. */
const NAMES: Readonly<Record<number, string>> = {
  ...{ 0: "#DE", 1: "#DB", 2: "NMI", 3: "#BP", 4: "#OF", 5: "#BR", 6: "#UD", 7: "#NM", 8: "#DF" },
  ...{ 10: "#TS", 11: "#NP", 12: "#SS", 13: "#GP", 14: "#PF", 16: "#MF", 17: "#AC", 18: "#MC" },
  ...{ 19: "#XM", 21: "#CP" },
};

export function vectorName(vector: number): string {
  return NAMES[vector] ?? `int 0x${vector.toString(16)}`;
}
