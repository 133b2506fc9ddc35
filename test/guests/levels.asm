; Between 4 and 5 levels and back, through compatibility mode with paging off.
%include "lib.inc"
bits 64

%define WIDE 0x0080000000001000       ; canonical with 57 bits, not with 48
%assign OTHER 9 - LEVELS

%macro TELL 1
  mov rax, cr4
  and eax, 0x1000
  SHOW %1, rax
  TRY %%on
  mov rdi, WIDE
  mov al, [rdi]
%%on:
  GOT "address of 57 bits"
%endmacro

; Leaves for 32-bit code at the label.
%macro TO_32 1
  push qword KCODE32
  mov rax, %1
  push rax
  retfq
%endmacro

main:
  TELL "LA57 at entry"
  TRY .toggle
  mov rax, cr4
  xor eax, 0x1000
  mov cr4, rax
.toggle:
  GOT "LA57 toggled in 64-bit mode"
  TO_32 switch
bits 32
switch:
  call leave_long
  call enter_long_%[OTHER]
  jmp KCODE:.long
bits 64
.long:
  TELL "LA57 after the switch"
  TO_32 back
bits 32
back:
  call leave_long
  call enter_long_%[LEVELS]
  jmp KCODE:.long
bits 64
.long:
  TELL "LA57 after the way back"

  ; a page under an entry of its own in the top table
  mov qword [PML5 + 8], PML4 + (P | W)
  mov rdi, 0x0001000000000000 + 0x300000
  TRY .own
  mov qword [rdi], 0x55
.own:
  GOT "second entry of the PML5"

  ; compatibility mode: EIP and addresses have 32 bits
  TRY compatible_end
  TO_32 compatible
bits 32
compatible:
  mov eax, -1
  inc eax                               ; no REX prefix here
  mov [result], eax
  ud2
bits 64
compatible_end:
  GOT "UD2 in compatibility mode"
  SHOW "its CS", [last_cs]
  SHOW "its INC", [result]
  TRY paging_off
  mov rax, cr0
  and eax, 0x7fffffff
  mov cr0, rax
paging_off:
  GOT "PG cleared in 64-bit mode"
  jmp finish
