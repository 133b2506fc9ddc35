/** Near jumps, calls and returns (SDM 1, Control Transfer Instructions). */
import type { Builder } from "../builder/builder.ts";
import { ops, type Size } from "../builder/ops.ts";
import type { Instruction, Semantic } from "../builder/shape.ts";
import type { Value } from "../builder/value.ts";
import { RCX } from "../layout.ts";
import type { SemanticGroup } from "./group.ts";
import { pop, push } from "./stack.ts";

/** Goes to an absolute target, cut to the operand size. */
function jumpTo(b: Builder, i: Instruction, target: Value): void {
  b.target.jump(ops.unsigned(i.size, target));
}

const jcc: Semantic = (b, i) => b.if(b.flags.condition(i.condition), () => b.target.jumpRelative());

const jmp: Semantic = (b, i) => {
  if (i.dst.kind === "relative") b.target.jumpRelative();
  else {
    const target = b.let(b.readUnsigned(i.dst));
    b.target.checkTarget(target, i.long);
    jumpTo(b, i, target);
  }
};

const call: Semantic = (b, i) => {
  const relative = i.dst.kind === "relative";
  const target = relative ? undefined : b.let(b.readUnsigned(i.dst));
  if (target) b.target.checkTarget(target, i.long);
  push(b, i, b.let(b.target.nextInstructionPointer()));
  if (target) jumpTo(b, i, target);
  else b.target.jumpRelative();
};

const ret: Semantic = (b, i) => {
  const { value, commit } = pop(b, i);
  const target = b.let(ops.unsigned(i.size, value));
  b.target.checkTarget(target, i.long);
  commit(i.dst.kind === "immediate" ? b.readUnsigned(i.dst) : undefined);
  jumpTo(b, i, target);
};

function counter(b: Builder, i: Instruction): Value {
  return b.reg(RCX, i.addressBytes as Size);
}

/** LOOP, LOOPE, LOOPNE: rCX counts in the address size. */
function loop(condition: (b: Builder) => Value | undefined): Semantic {
  return (b, i) => {
    const count = b.let(ops.unsigned(i.addressBytes as Size, ops.sub(counter(b, i), 1)));
    b.setReg(RCX, count, i.addressBytes as Size);
    const more = ops.ne(count, 0);
    const also = condition(b);
    b.if(also ? ops.and32(more, also) : more, () => b.target.jumpRelative());
  };
}

const jcxz: Semantic = (b, i) => b.if(ops.eqz(counter(b, i)), () => b.target.jumpRelative());

export const CONTROL_TRANSFERS: SemanticGroup = {
  jcc: { emit: jcc },
  jmp: { emit: jmp, ends: true, byMode: true },
  call: { emit: call, ends: true, byMode: true },
  ret: { emit: ret, ends: true, byMode: true },
  loop: { emit: loop(() => undefined), byAddressSize: true },
  loope: { emit: loop((b) => b.flags.zero()), byAddressSize: true },
  loopne: { emit: loop((b) => ops.eqz(b.flags.zero())), byAddressSize: true },
  jcxz: { emit: jcxz, byAddressSize: true },
};
