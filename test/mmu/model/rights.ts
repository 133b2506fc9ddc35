/**
 * Access rights as the manual lists them: each rule is one of its sentences, paraphrased, and tells
 * whether it forbids an access (SDM 3A, "Determination of Access Rights" and "Protection Keys").
 */
import { flag, isIa32e, type ModelAccess, type ModelProcessor } from "./processor.ts";

/** What the paging-structure entries that control a translation say together. */
export interface PageRights {
  /** A user-mode address: U/S is 1 in every entry. Otherwise a supervisor-mode address. */
  readonly userMode: boolean;
  /** R/W is 1 in every entry. */
  readonly writable: boolean;
  /** XD is 1 in any entry. */
  readonly executeDisable: boolean;
  /** Bits 62:59 of the entry that maps the page; 0 outside 4-level and 5-level paging. */
  readonly key: number;
}

interface RightsRule {
  readonly says: string;
  /** Whether the rule comes from the protection keys, which have a flag in the error code. */
  readonly byKey: boolean;
  forbids(access: ModelAccess, page: PageRights, cpu: ModelProcessor): boolean;
}

const isUser = (access: ModelAccess) => access.who === "user";
const isData = (access: ModelAccess) => access.what !== "fetch";
const isWrite = (access: ModelAccess) => access.what === "write";

/** AD and WD of the page's key, in the register that belongs to the address's mode. */
function keyRights(page: PageRights, cpu: ModelProcessor): { ad: boolean; wd: boolean } {
  const enabled = isIa32e(cpu) && (page.userMode ? cpu.pke : cpu.pks);
  const register = page.userMode ? cpu.pkru : cpu.pkrs;
  return {
    ad: enabled && flag(register, 2 * page.key),
    wd: enabled && flag(register, 2 * page.key + 1),
  };
}

const RULES: readonly RightsRule[] = [
  {
    says: "user-mode accesses reach no supervisor-mode address",
    byKey: false,
    forbids: (access, page) => isUser(access) && !page.userMode,
  },
  {
    says: "user-mode writes need R/W in every entry",
    byKey: false,
    forbids: (access, page) => isUser(access) && isWrite(access) && !page.writable,
  },
  {
    says: "supervisor-mode writes need R/W in every entry while CR0.WP = 1",
    byKey: false,
    forbids: (access, page, cpu) => !isUser(access) && isWrite(access) && cpu.wp && !page.writable,
  },
  {
    says:
      "while CR4.SMAP = 1, supervisor-mode data accesses reach a user-mode address only with " +
      "EFLAGS.AC = 1 and only explicitly",
    byKey: false,
    forbids: (access, page, cpu) =>
      !isUser(access) &&
      isData(access) &&
      page.userMode &&
      cpu.smap &&
      !(cpu.ac && access.who === "supervisor"),
  },
  {
    says: "while CR4.SMEP = 1, supervisor mode fetches from no user-mode address",
    byKey: false,
    forbids: (access, page, cpu) => !isUser(access) && !isData(access) && page.userMode && cpu.smep,
  },
  {
    says: "while IA32_EFER.NXE = 1, nothing is fetched where XD is 1 in any entry",
    byKey: false,
    forbids: (access, page, cpu) =>
      cpu.paging !== "32-bit" && cpu.nxe && !isData(access) && page.executeDisable,
  },
  {
    says: "ADi = 1 forbids every data access to an address with key i",
    byKey: true,
    forbids: (access, page, cpu) => isData(access) && keyRights(page, cpu).ad,
  },
  {
    says: "WDi = 1 forbids user-mode writes to an address with key i",
    byKey: true,
    forbids: (access, page, cpu) => isUser(access) && isWrite(access) && keyRights(page, cpu).wd,
  },
  {
    says: "WDi = 1 forbids supervisor-mode writes to an address with key i while CR0.WP = 1",
    byKey: true,
    forbids: (access, page, cpu) =>
      !isUser(access) && isWrite(access) && cpu.wp && keyRights(page, cpu).wd,
  },
];

export interface Verdict {
  readonly forbidden: boolean;
  /** The protection keys forbid it, alone or with other rules. */
  readonly byKey: boolean;
}

export function judge(access: ModelAccess, page: PageRights, cpu: ModelProcessor): Verdict {
  const broken = RULES.filter((rule) => rule.forbids(access, page, cpu));
  return { forbidden: broken.length > 0, byKey: broken.some((rule) => rule.byKey) };
}
