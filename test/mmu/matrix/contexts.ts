/** The settings of registers that the access matrix goes through, and its kinds of access. */
import type { ModelAccess, ModelProcessor } from "../model/processor.ts";
import { fixedPart, type MatrixConfig } from "./config.ts";

/**
 * How much of the matrix a context or a form of entries takes part in: forms of tier t are tried in
 * contexts of tier t and above.
 *   0  every context: forms whose outcome depends on all registers
 *   1  every setting of WP, NXE, SMEP, SMAP and AC, with two settings of the keys
 *   2  forms that fault whatever the rights: NXE and SMEP in full, the rest in an orthogonal array
 */
export type Tier = 0 | 1 | 2;

export interface MatrixContext {
  readonly cpu: ModelProcessor;
  readonly tier: Tier;
}

export const ACCESSES: readonly ModelAccess[] = [
  { what: "read", who: "user" },
  { what: "write", who: "user" },
  { what: "fetch", who: "user" },
  { what: "read", who: "supervisor" },
  { what: "write", who: "supervisor" },
  { what: "fetch", who: "supervisor" },
  { what: "read", who: "implicit" },
  { what: "write", who: "implicit" },
];

interface KeySetting {
  readonly pke: boolean;
  readonly pks: boolean;
  /** WD and AD (2 and 1) of the pages' key in PKRU and IA32_PKRS. */
  readonly user: number;
  readonly supervisor: number;
  readonly tier: Tier;
}

/**
 * A page is a user-mode or a supervisor-mode one, so only one of the two registers can matter to
 * it: both are varied together, the other one always forbidding what this one allows, so that a
 * mix-up shows. With both features off, both registers forbid everything.
 */
const KEY_SETTINGS: readonly KeySetting[] = [
  { pke: false, pks: false, user: 3, supervisor: 3, tier: 2 },
  { pke: true, pks: true, user: 0, supervisor: 0, tier: 2 },
  { pke: true, pks: true, user: 3, supervisor: 3, tier: 1 },
  ...[
    { pke: true, pks: false },
    { pke: false, pks: true },
    { pke: true, pks: true },
  ].flatMap((enabled) =>
    [0, 1, 2, 3].map((user) => ({ ...enabled, user, supervisor: 3 - user, tier: 0 as const })),
  ),
];

/** Outside 4- and 5-level paging keys have no effect; these settings would show one. */
const LEGACY_KEY_SETTINGS: readonly KeySetting[] = [
  { pke: false, pks: false, user: 3, supervisor: 3, tier: 2 },
  { pke: true, pks: true, user: 3, supervisor: 3, tier: 2 },
];

/** The key's two bits as given, those of every other key the opposite. */
function keyRegister(key: number, rights: number): bigint {
  let register = 0n;
  for (let other = 15; other >= 0; other--) {
    register = register * 4n + BigInt(other === key ? rights : 3 - rights);
  }
  return register;
}

const BOTH = [false, true];

export function contextsOf(config: MatrixConfig): readonly MatrixContext[] {
  const fixed = fixedPart(config);
  const long = config.paging === "4-level" || config.paging === "5-level";
  const settings = long ? KEY_SETTINGS : LEGACY_KEY_SETTINGS;
  const contexts: MatrixContext[] = [];
  for (const nxe of BOTH)
    for (const smep of BOTH)
      for (const wp of BOTH)
        for (const smap of BOTH)
          for (const ac of BOTH)
            for (const keys of settings) {
              // An orthogonal array: every combination of any three of WP, SMAP, AC and the keys.
              const covering = keys.pke === ((wp !== smap) !== ac);
              const tier = keys.tier === 2 && !covering ? 1 : keys.tier;
              const { pke, pks } = keys;
              const pkru = keyRegister(config.key, keys.user);
              const pkrs = keyRegister(config.key, keys.supervisor);
              const cpu = { ...fixed, nxe, smep, wp, smap, ac, pke, pks, pkru, pkrs };
              contexts.push({ tier, cpu });
            }
  return contexts;
}
