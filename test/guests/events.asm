; Delivery of exceptions: stacks, double faults, SYSCALL, gates, and what may not be written.
%include "lib.inc"
bits 64

IN_SYSCALL equ 0x00
IN_INT3    equ 0x10
IN_INT80   equ 0x20
IN_INT81   equ 0x30
IN_SGDT    equ 0x40
IN_HLT     equ 0x50
IN_CALL    equ 0x60
IN_CPUID   equ 0x70

user_code:
  syscall
  ud2
  times IN_INT3 - ($ - user_code) nop
  int3
  times IN_INT80 - ($ - user_code) nop
  int 0x80
  times IN_INT81 - ($ - user_code) nop
  int 0x81
  times IN_SGDT - ($ - user_code) nop
  sgdt [rsp]
  ud2
  times IN_HLT - ($ - user_code) nop
  hlt
  times IN_CALL - ($ - user_code) nop
  call far dword [rdi]
  ud2
  times IN_CPUID - ($ - user_code) nop
  pushfq
  pop rdi
  ud2
user_code_end:

%macro USER 2
  TRY %%on
  CALL_USER %2
%%on:
  GOT %1
%endmacro
%macro WRITE_MSR 4
  TRY %%on
  mov ecx, %2
  mov edx, %3
  mov eax, %4
  wrmsr
%%on:
  GOT %1
%endmacro
%macro WRITE_CR 3
  TRY %%on
  mov rax, %3
  mov %2, rax
%%on:
  GOT %1
%endmacro

main:
  COPY user_code, user_code_end, 0
  USER "INT3 in ring 3", IN_INT3
  SHOW "RIP after it", [last_rip]
  SHOW "CS", [last_cs]
  USER "INT 0x80, DPL 3", IN_INT80
  USER "INT 0x81, DPL 0", IN_INT81
  SHOW "RIP of it", [last_rip]
  USER "HLT in ring 3", IN_HLT
  USER "SGDT in ring 3", IN_SGDT
  mov rax, cr4
  or eax, 0x800
  mov cr4, rax
  USER "SGDT in ring 3 with UMIP", IN_SGDT

  ; the stack: RSP0 from ring 3, aligned to 16 in ring 0, IST wherever the gate names one
  USER "INT3 again", IN_INT3
  SHOW "frame on RSP0", [last_frame]
  mov byte [idt + 14 * 16 + 4], 1
  mov rax, 0
  mov [TEST_PT + 3 * 8], rax
  invlpg [TEST + 0x3000]
  TRY .ist
  mov al, [TEST + 0x3000]
.ist:
  GOT "page fault on an IST stack"
  SHOW "frame on IST1", [last_frame]
  mov byte [idt + 14 * 16 + 4], 0

  ; the gate of #PF is not present: a double fault; that of #UD: #NP alone
  mov byte [idt + 14 * 16 + 5], 0x0e
  TRY .double
  mov al, [TEST + 0x3000]
.double:
  GOT "page fault without a gate"
  mov byte [idt + 14 * 16 + 5], 0x8e
  mov byte [idt + 6 * 16 + 5], 0x0e
  TRY .np
  ud2
.np:
  GOT "UD2 without a gate"
  mov byte [idt + 6 * 16 + 5], 0x8e

  ; SYSCALL and SYSRET
  WRITE_MSR "STAR", 0xc0000081, 0x00100008, 0
  mov rax, entry
  WRITE_MSR "LSTAR", 0xc0000082, 0, eax
  jmp calls
entry:
  mov [syscall_rcx], rcx
  mov [syscall_r11], r11
  mov ax, cs
  mov [syscall_cs], ax
  mov ax, ss
  mov [syscall_ss], ax
  pushfq
  pop qword [syscall_flags]
  o64 sysret
calls:
  mov ecx, 0xc0000082
  mov rax, entry
  xor edx, edx
  wrmsr
  WRITE_MSR "FMASK", 0xc0000084, 0, 0x400
  mov qword [user_flags], 0x402
  USER "SYSCALL, SYSRET, UD2", IN_SYSCALL
  SHOW "RCX", [syscall_rcx]
  SHOW "R11", [syscall_r11]
  SHOW "CS", [syscall_cs]
  SHOW "SS", [syscall_ss]
  SHOW "RFLAGS in ring 0", [syscall_flags]
  SHOW "CS after SYSRET", [last_cs]
  SHOW "RFLAGS after SYSRET", [last_flags]
  mov qword [user_flags], 2
  TRY .sysret
  mov rcx, 0x0100000000000000
  o64 sysret
.sysret:
  GOT "SYSRET to an address that is not canonical"
  SHOW "in ring 0", [last_cs]
  mov ecx, 0xc0000080
  rdmsr
  and eax, ~1
  wrmsr
  USER "SYSCALL without SCE", IN_SYSCALL

  ; what the manual forbids to write
  WRITE_MSR "LSTAR not canonical", 0xc0000082, 0x01000000, 0
  WRITE_MSR "FS base not canonical", 0xc0000100, 0x01000000, 0
  WRITE_MSR "EFER reserved bit", 0xc0000080, 0, 0x902
  WRITE_MSR "EFER.LME in long mode", 0xc0000080, 0, 0x800
  WRITE_MSR "PAT of type 2", 0x277, 0, 2
  WRITE_MSR "no such register", 0x12345678, 0, 0
  WRITE_CR "CR0 bits 63:32", cr0, 0x100000000
  WRITE_CR "CR0.PG without PE", cr0, 0x80000000
  WRITE_CR "CR0.NW without CD", cr0, 0xa0010031
  WRITE_CR "CR3 beyond MAXPHYADDR", cr3, 0x8000000000000000
  WRITE_CR "CR4 reserved bit", cr4, 0x8020
  WRITE_CR "CR4.PAE cleared", cr4, 0
  WRITE_CR "CR8 of 16", cr8, 16
  WRITE_CR "CR8 of 15", cr8, 15
  mov rax, cr8
  SHOW "CR8", rax
  xor eax, eax
  mov cr8, rax

  ; single step: #DB after the instruction, TF cleared in the handler
  TRY .step
  pushfq
  or dword [rsp], 0x100
  popfq
  nop
  nop
.step:
  GOT "single step"
  mov rax, dr6
  SHOW "DR6", rax

  ; a call gate from ring 3
  mov rax, gate_target
  mov [gate], ax
  mov bx, [gate_target_address + 2]
  mov [gate + 6], bx
  TRY gate_done
  mov rdi, far_pointer
  mov rax, [rdi]
  mov [FRAMES + 0x1000], rax
  mov rdi, TEST + 0x1000
  CALL_USER IN_CALL
gate_target:
  mov [gate_rsp], rsp
  mov ax, cs
  mov [syscall_cs], ax
  mov ax, ss
  mov [syscall_ss], ax
  retfq
gate_done:
  GOT "call gate, RET, UD2"
  SHOW "RSP in ring 0", [gate_rsp]
  SHOW "CS", [syscall_cs]
  SHOW "SS", [syscall_ss]
  SHOW "CS after RET", [last_cs]

  ; what selectors tell
  xor eax, eax
  mov cx, KCODE
  lar eax, cx
  SHOW "LAR of 64-bit code", rax
  mov cx, TSS_SEL
  lsl eax, cx
  SHOW "LSL of the TSS", rax
  mov cx, UDATA
  verw cx
  setz al
  movzx eax, al
  SHOW "VERW of data", rax
  mov cx, KCODE
  verw cx
  setz al
  movzx eax, al
  SHOW "VERW of code", rax
  jmp finish

align 8
gate_target_address: dq gate_target
far_pointer:
  dd 0
  dw GATE_SEL
syscall_rcx: dq 0
syscall_r11: dq 0
syscall_cs: dq 0
syscall_ss: dq 0
syscall_flags: dq 0
gate_rsp: dq 0
