; The local APIC: timer, priorities, IPIs to itself, x2APIC, off and on again.
%include "lib.inc"
bits 64

%define APIC 0xfee00000
%define SVR  (APIC + 0xf0)
%define EOI  (APIC + 0xb0)
%define TPR  (APIC + 0x80)
%define ICR  (APIC + 0x300)
%define LVTT (APIC + 0x320)
%define LVT0 (APIC + 0x350)
%define TICR (APIC + 0x380)
%define TCCR (APIC + 0x390)
%define TDCR (APIC + 0x3e0)

; The handler: counts, keeps the order of the vectors, ends the interrupt.
on_interrupt:
  cmp qword [last_vector], 32
  jb .out
  inc qword [count]
  mov rax, [last_vector]
  mov rbx, [log_end]
  mov [rbx], al
  inc qword [log_end]
  mov eax, APIC
  cmp qword [x2], 0
  jne .x2
  mov dword [rax + 0xb0], 0
.out:
  ret
.x2:
  push rcx
  push rdx
  mov ecx, 0x80b
  xor eax, eax
  xor edx, edx
  wrmsr
  pop rdx
  pop rcx
  ret

%macro APIC_WRITE 2
  mov rax, %1
  mov dword [rax], %2
%endmacro
; Waits with interrupts on until the count is %1.
%macro WAIT_FOR 1
%%again:
  sti
  hlt
  cli
  cmp qword [count], %1
  jne %%again
%endmacro
%macro RDMSR 2
  mov ecx, %2
  rdmsr
  mov eax, eax
  SHOW %1, rax
%endmacro
%macro WRMSR 3
  TRY %%on
  mov ecx, %2
  xor edx, edx
  mov eax, %3
  wrmsr
%%on:
  GOT %1
%endmacro

main:
  mov al, 0xff
  out 0x21, al
  out 0xa1, al
  mov rax, on_interrupt
  mov [handler_hook], rax
  RDMSR "APIC base", 0x1b
  APIC_WRITE SVR, 0x1ff
  APIC_WRITE LVT0, 0x10000

  ; one shot
  APIC_WRITE TDCR, 0xb
  APIC_WRITE LVTT, 0x40
  APIC_WRITE TICR, 10000
  WAIT_FOR 1
  mov rax, TCCR
  mov eax, [rax]
  SHOW "count after one shot", rax
  ; periodic
  APIC_WRITE LVTT, 0x20041
  APIC_WRITE TICR, 20000
  WAIT_FOR 4
  APIC_WRITE TICR, 0
  SHOW "interrupts", [count]

  ; three IPIs to itself while interrupts are off: the highest first
  APIC_WRITE ICR, 0x40050
  APIC_WRITE ICR, 0x40070
  APIC_WRITE ICR, 0x40060
  sti
  nop
  nop
  nop
  nop
  cli
  SHOW "interrupts", [count]
  ; the task priority holds back what is not above it
  APIC_WRITE TPR, 0x60
  APIC_WRITE ICR, 0x40065
  APIC_WRITE ICR, 0x40075
  sti
  nop
  nop
  nop
  cli
  SHOW "interrupts under TPR", [count]
  mov rax, 5
  mov cr8, rax
  sti
  nop
  nop
  nop
  cli
  SHOW "interrupts after CR8", [count]
  xor eax, eax
  mov cr8, rax
  SHOW "vectors", [log]
  SHOW "vectors", [log + 8]

  ; x2APIC, and the ways between the modes
  WRMSR "x2APIC register in xAPIC mode", 0x80b, 0
  WRMSR "to x2APIC", 0x1b, 0xfee00d00
  mov qword [x2], 1
  WRMSR "back to xAPIC", 0x1b, 0xfee00900
  RDMSR "x2APIC identifier", 0x802
  WRMSR "EOI of 1", 0x80b, 1
  WRMSR "self IPI", 0x83f, 0x80
  sti
  nop
  nop
  cli
  SHOW "interrupts", [count]
  WRMSR "disabled", 0x1b, 0xfee00100
  mov eax, 1
  cpuid
  and edx, 0x200
  SHOW "CPUID.APIC", rdx
  WRMSR "from disabled to x2APIC", 0x1b, 0xfee00d00
  WRMSR "enabled again", 0x1b, 0xfee00900
  mov eax, 1
  cpuid
  and edx, 0x200
  SHOW "CPUID.APIC", rdx
  WRMSR "APIC base, reserved bit", 0x1b, 0xfee00901
  jmp finish

count: dq 0
x2: dq 0
log_end: dq log
log: dq 0, 0, 0, 0
