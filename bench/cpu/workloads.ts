/**
 * What the guests of `cpu/*` do, as machine code for 64-bit mode. RCX counts down; each body is run
 * once for each count and must leave RCX, RSP and R15 (CR3) as they are.
 */

export interface Workload {
  readonly name: string;
  /** What one operation is, and how many of them one run of the body makes. */
  readonly operation: string;
  readonly operations: number;
  /** Executed once before the loop. */
  readonly begin?: string;
  readonly body: string;
  /** Code of the handler of vectors 6 and 14. */
  readonly handler?: string;
  /** Nanoseconds an operation that ours may take. */
  readonly atMost?: number;
}

const PAGES = 16;
const TWO_MIB = 1 << 21;

/** mov rdx, [rdi + n * 2 MiB]: each in a page of its own. */
function loads(count: number): string {
  return Array.from({ length: count }, (_, i) => `48 8b 97 ${int32(i * TWO_MIB)}`).join(" ");
}

/** invlpg [rdi + n * 2 MiB] and the load after it. */
function invalidatedLoads(count: number): string {
  return Array.from({ length: count }, (_, i) => {
    const at = int32(i * TWO_MIB);
    return `0f 01 bf ${at} 48 8b 97 ${at}`;
  }).join(" ");
}

export function int32(value: number): string {
  return [0, 8, 16, 24].map((shift) => hex((value >>> shift) & 0xff)).join(" ");
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

export const WORKLOADS: readonly Workload[] = [
  {
    name: "integer-loop",
    operation: "instruction",
    operations: 8,
    // add rax, rbx; xor rbx, rax; mov rdx, rax; sub rax, rdx; add rbx, 7; cmp rax, rbx; and dec, jnz
    body: "48 01 d8 48 31 c3 48 89 c2 48 29 d0 48 83 c3 07 48 39 d8",
    atMost: 4,
  },
  {
    name: "memory-stream",
    operation: "instruction",
    operations: 8,
    begin: "48 bf 00 00 80 00 00 00 00 00", // mov rdi, 8 MiB
    // mov rax, [rdi]; add rax, rcx; mov [rdi + 8], rax; add rdi, 16; and edi, 0x8fffff;
    // or edi, 0x800000; and dec, jnz
    body: "48 8b 07 48 01 c8 48 89 47 08 48 83 c7 10 81 e7 ff ff 8f 00 81 cf 00 00 80 00",
  },
  {
    name: "recursion",
    operation: "call",
    operations: 15,
    // A binary tree of calls of depth 4: mov eax, 3; call tree; jmp over
    // tree: test eax, eax; je leaf; dec eax; push rax; call tree; pop rax; push rax; call tree;
    // pop rax; inc eax; leaf: ret
    body:
      "b8 03 00 00 00 e8 02 00 00 00 eb 19 " +
      "85 c0 74 14 ff c8 50 e8 f4 ff ff ff 58 50 e8 ed ff ff ff 58 ff c0 90 90 c3",
  },
  {
    name: "walk/cr3",
    operation: "walk",
    operations: PAGES,
    begin: "48 bf 00 00 80 00 00 00 00 00",
    body: `41 0f 22 df ${loads(PAGES)}`, // mov cr3, r15
    atMost: 300,
  },
  {
    name: "walk/invlpg",
    operation: "walk",
    operations: PAGES,
    begin: "48 bf 00 00 80 00 00 00 00 00",
    body: invalidatedLoads(PAGES),
    atMost: 300,
  },
  {
    name: "exception/undefined",
    operation: "round trip",
    operations: 1,
    body: "0f 0b", // ud2
    handler: "48 83 04 24 02 48 cf", // add qword [rsp], 2; iretq
    atMost: 1000,
  },
  {
    name: "exception/page-fault",
    operation: "round trip",
    operations: 1,
    begin: "48 bf 00 00 00 00 01 00 00 00", // mov rdi, 4 GiB: not mapped
    body: "48 8b 17", // mov rdx, [rdi]
    handler: "48 83 c4 08 48 83 04 24 03 48 cf", // add rsp, 8; add qword [rsp], 3; iretq
    atMost: 1000,
  },
];
