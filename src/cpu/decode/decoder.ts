/**
 * Instruction bytes to a `DecodedInstruction`, for one processor's features (SDM 2A, Instruction
 * Format). Allocates nothing per instruction.
 */

import { CodeBytes } from "./code-bytes.ts";
import type { DecodedInstruction, DecodeStatus } from "./decoded.ts";
import {
  DECODE_INVALID,
  DECODE_MORE,
  DECODE_OK,
  DECODE_TOO_LONG,
  NO_REGISTER,
  SEGMENT_DS,
} from "./decoded.ts";
import * as D from "./dispatch.ts";
import { IMMEDIATE_NONE, readImmediate } from "./immediate.ts";
import { readMemoryOperand } from "./memory-operand.ts";
import * as P from "./plan.ts";
import {
  CLASS_66,
  CLASS_67,
  CLASS_LOCK,
  CLASS_OPCODE,
  CLASS_REP,
  CLASS_REX,
  CLASS_SEGMENT,
  PREFIX_CLASSES_64,
  PREFIX_CLASSES_LEGACY,
} from "./prefix.ts";
import { instructionRows } from "./rows.ts";

/** Longest instruction in bytes (SDM 3B, Instruction Length). */
const MAX_LENGTH_BYTES = 15;

/** Size in bits of the code segment: real-address mode is 16. */
export type DecodeMode = 16 | 32 | 64;

const REX_W = 8;
const REX_R = 4;
const REX_XB = 3;
const REX_B = 1;

const PLANS = Int32Array.from(instructionRows, P.planOf);
const REG_MASKS = Int32Array.from(instructionRows, (row) => row.regMask);
/** 90 is XCHG with R8 when REX.B extends it, else NOP or PAUSE. */
const XCHG_ROW = instructionRows.findIndex((row) => row.encoding === "90+8");

/**
 * A decoder for a processor that announces some features.
 *
 * Rows whose feature is missing do not exist: their encodings are #UD, or what older processors
 * make of them (TZCNT is BSF).
 */
export class Decoder {
  readonly #tables64: D.DispatchTables;
  readonly #tablesLegacy: D.DispatchTables;

  // The state of the decode under way.
  readonly #code = new CodeBytes();
  #mode64 = false;
  #size16 = false;
  #rex = 0;
  #vex = false;
  #prefix: number = D.PREFIX_NONE;
  #seen66 = false;
  #opcode = 0;
  #modrm = -1;

  /** @param features CPUID features in QEMU's spelling, or "all" */
  constructor(features: ReadonlySet<string> | "all") {
    const exists = (feature: string) =>
      feature === "" || features === "all" || features.has(feature);
    const rows = instructionRows.filter((row) => exists(row.feature));
    this.#tables64 = D.buildDispatch(rows.filter((row) => !row.invalid64));
    this.#tablesLegacy = D.buildDispatch(rows.filter((row) => !row.only64));
  }

  /**
   * Decodes one instruction.
   * @param bytes where the code is; nothing before `offset` or from `offset + available` is read
   * @param offset index of the first byte
   * @param available how many bytes may be read, 0 or more (15 always suffice)
   * @param mode 16, 32 or 64
   * @param into filled on `DECODE_OK`, else unspecified
   * @returns `DECODE_MORE` if the decode needs a byte past `available`: all of an instruction is
   *   fetched before it is found invalid, as fetch faults precede #UD (SDM 3A, Priority Among
   *   Concurrent Events)
   */
  decode(
    bytes: Uint8Array,
    offset: number,
    available: number,
    mode: DecodeMode,
    into: DecodedInstruction,
  ): DecodeStatus {
    const code = this.#code;
    code.bytes = bytes;
    code.at = offset;
    code.limit = offset + Math.min(available, MAX_LENGTH_BYTES);
    this.#mode64 = mode === 64;
    let status = this.#prefixes(mode, into);
    if (status !== DECODE_OK) return status;
    status = this.#findRow(into);
    if (status !== DECODE_OK) return this.#ended(status, offset);
    const plan = PLANS[into.row] as number;
    this.#sizes(plan, into);
    status = this.#operands(plan, into);
    if (status !== DECODE_OK) return this.#ended(status, offset);
    into.length = code.at - offset;
    if (into.lock !== 0 && ((plan & P.PLAN_LOCKABLE) === 0 || into.memory === 0)) {
      return DECODE_INVALID;
    }
    return DECODE_OK;
  }

  /** Bytes that end at the fifteenth are too long, not too few. */
  #ended(status: DecodeStatus, offset: number): DecodeStatus {
    const isFull = this.#code.limit - offset === MAX_LENGTH_BYTES;
    return status === DECODE_MORE && isFull ? DECODE_TOO_LONG : status;
  }

  #prefixes(mode: DecodeMode, into: DecodedInstruction): DecodeStatus {
    const code = this.#code;
    const { bytes, limit } = code;
    const mode64 = this.#mode64;
    const classes = mode64 ? PREFIX_CLASSES_64 : PREFIX_CLASSES_LEGACY;
    const start = code.at;
    let at = start;
    let rex = 0;
    let seen66 = false;
    let seen67 = false;
    let segment = -1;
    let rep = 0;
    let lock = 0;
    let byte = 0;
    for (;;) {
      if (at >= limit) return this.#ended(DECODE_MORE, start);
      byte = bytes[at++] as number;
      const kind = classes[byte] as number;
      if (kind === CLASS_OPCODE) break;
      // A REX that is not the last prefix is ignored (SDM 2A, REX Prefixes).
      rex = kind === CLASS_REX ? byte : 0;
      if (kind === CLASS_SEGMENT) {
        // ES, CS, SS and DS overrides do not exist in 64-bit mode, not even to undo FS or GS.
        if (byte >= 0x64) segment = byte - 0x60;
        else if (!mode64) segment = (byte >> 3) & 3;
      } else if (kind === CLASS_66) seen66 = true;
      else if (kind === CLASS_67) seen67 = true;
      else if (kind === CLASS_LOCK) lock = 1;
      else if (kind === CLASS_REP) rep = byte;
    }
    code.at = at;
    this.#opcode = byte;
    this.#rex = rex;
    this.#seen66 = seen66;
    this.#size16 = mode === 16;
    this.#prefix =
      rep === 0xf3
        ? D.PREFIX_F3
        : rep === 0xf2
          ? D.PREFIX_F2
          : seen66
            ? D.PREFIX_66
            : D.PREFIX_NONE;
    into.addressBytes = mode64 ? (seen67 ? 4 : 8) : (mode === 16) === seen67 ? 4 : 2;
    into.segment = segment < 0 ? SEGMENT_DS : segment;
    into.segmentOverridden = segment < 0 ? 0 : 1;
    into.rep = rep;
    into.lock = lock;
    return DECODE_OK;
  }

  /** The opcode map, VEX, and the row; leaves `#modrm` read if there is one. */
  #findRow(into: DecodedInstruction): DecodeStatus {
    const tables = this.#mode64 ? this.#tables64 : this.#tablesLegacy;
    let map: number = D.MAP_1;
    this.#vex = false;
    this.#modrm = -1;
    into.vvvv = 0;
    if (this.#opcode === 0x0f) {
      map = this.#escape();
    } else if ((this.#opcode & 0xfe) === 0xc4) {
      map = this.#vexPrefix(into);
    }
    if (map < 0) return map === -1 ? DECODE_MORE : DECODE_INVALID;
    let reference = tables.cells[(map << 8) | this.#opcode] as number;
    if ((reference & D.REFERENCE_KIND_MASK) === D.REFERENCE_BY_PREFIX) {
      reference = tables.byPrefix[(reference >> 2) + this.#prefix] as number;
    }
    let row = reference >> 2;
    if ((reference & D.REFERENCE_KIND_MASK) === D.REFERENCE_BY_MODRM) {
      if (!this.#code.has(1)) return DECODE_MORE;
      this.#modrm = this.#code.next();
      row = tables.byModrm[row + this.#modrm] as number;
    }
    if (row < 0) return DECODE_INVALID;
    if (this.#opcode === 0x90 && map === D.MAP_1 && (this.#rex & REX_B) !== 0) row = XCHG_ROW;
    into.row = row;
    return DECODE_OK;
  }

  /** Reads past 0F, 0F38 and 0F3A. @returns the map, or -1 if the bytes end */
  #escape(): number {
    const code = this.#code;
    if (!code.has(1)) return -1;
    const second = code.next();
    this.#opcode = second;
    if (second !== 0x38 && second !== 0x3a) return D.MAP_0F;
    if (!code.has(1)) return -1;
    this.#opcode = code.next();
    return second === 0x38 ? D.MAP_0F38 : D.MAP_0F3A;
  }

  /**
   * C4 and C5: VEX, or LES and LDS outside 64-bit mode when the next byte is no register form
   * (SDM 2A, The VEX Prefix).
   * @returns the map, -1 if the bytes end, -2 for #UD
   */
  #vexPrefix(into: DecodedInstruction): number {
    const code = this.#code;
    const isThreeBytes = this.#opcode === 0xc4;
    if (!code.has(1)) return -1;
    if (!this.#mode64 && (code.bytes[code.at] as number) < 0xc0) return D.MAP_1;
    const illegal = this.#seen66 || this.#rex !== 0 || into.lock !== 0 || into.rep !== 0;
    if (illegal) return -2;
    if (!code.has(isThreeBytes ? 3 : 2)) return -1;
    const first = code.next();
    const last = isThreeBytes ? code.next() : first;
    this.#opcode = code.next();
    const inverted = ~first & 0xff;
    let rex = (inverted >> 5) & REX_R;
    if (isThreeBytes) rex |= ((inverted >> 5) & REX_XB) | ((last >> 4) & REX_W);
    this.#rex = this.#mode64 ? rex : 0;
    this.#vex = true;
    this.#prefix = VEX_PREFIXES[last & 3] as number;
    into.vvvv = (~last >> 3) & (this.#mode64 ? 15 : 7);
    const map = isThreeBytes ? first & 31 : 1;
    const isLong = (last & 4) !== 0;
    return isLong || map === 0 || map > 3 ? -2 : D.MAP_VEX + map;
  }

  #sizes(plan: number, into: DecodedInstruction): void {
    const opposite = this.#seen66 && (plan & P.PLAN_IGNORE_66) === 0;
    let sizeBytes: number;
    if (this.#mode64) {
      const forced = (plan & P.PLAN_SIZE64_FORCED) !== 0 || (this.#rex & REX_W) !== 0;
      const long = (plan & P.PLAN_SIZE64_DEFAULT) !== 0 ? 8 : 4;
      sizeBytes = forced ? 8 : opposite ? 2 : long;
    } else sizeBytes = this.#size16 === opposite || this.#vex ? 4 : 2;
    into.operandBytes = (plan & P.PLAN_BYTE) !== 0 ? 1 : sizeBytes;
    into.rex = this.#vex ? 0 : this.#rex;
    into.condition = (plan & P.PLAN_CONDITION) !== 0 ? this.#opcode & 15 : 0;
  }

  #operands(plan: number, into: DecodedInstruction): DecodeStatus {
    into.memory = 0;
    into.ripRelative = 0;
    into.base = NO_REGISTER;
    into.index = NO_REGISTER;
    into.scale = 0;
    into.dispHi = 0;
    into.dispLo = 0;
    into.mod = 0;
    into.reg = 0;
    into.rm = 0;
    if ((plan & P.PLAN_MODRM) !== 0) {
      const status = this.#modrmOperand(plan, into);
      if (status !== DECODE_OK) return status;
    } else if ((plan & P.PLAN_OPCODE_REGISTER) !== 0) {
      into.mod = 3;
      into.rm = (this.#opcode & 7) | ((this.#rex & REX_B) << 3);
    }
    into.immHi = 0;
    into.immLo = 0;
    into.imm2 = 0;
    const immediate = plan >>> P.PLAN_IMMEDIATE_SHIFT;
    return immediate === IMMEDIATE_NONE ? DECODE_OK : readImmediate(this.#code, immediate, into);
  }

  #modrmOperand(plan: number, into: DecodedInstruction): DecodeStatus {
    let modrm = this.#modrm;
    if (modrm < 0) {
      if (!this.#code.has(1)) return DECODE_MORE;
      modrm = this.#code.next();
    }
    const rex = this.#rex;
    const low = (modrm >> 3) & 7;
    into.reg = (plan & P.PLAN_SHORT_REG) !== 0 ? low : low | ((rex & REX_R) << 1);
    let status: DecodeStatus = DECODE_OK;
    if (modrm >= 0xc0 || (plan & P.PLAN_REGISTER_FORM) !== 0) {
      into.mod = 3;
      const rm = modrm & 7;
      into.rm = (plan & P.PLAN_SHORT_RM) !== 0 ? rm : rm | ((rex & REX_B) << 3);
    } else {
      status = readMemoryOperand(this.#code, modrm, rex, this.#mode64, into);
    }
    if ((plan & P.PLAN_CHECK_REG) === 0 || status !== DECODE_OK) return status;
    return ((REG_MASKS[into.row] as number) >> into.reg) & 1 ? DECODE_OK : DECODE_INVALID;
  }
}

/** Mandatory prefix by VEX.pp. */
const VEX_PREFIXES = Uint8Array.of(D.PREFIX_NONE, D.PREFIX_66, D.PREFIX_F3, D.PREFIX_F2);
