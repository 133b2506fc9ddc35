; What the TLB and the paging-structure caches must forget. Lines that begin with "may" show what
; the manual leaves open: a TLB that keeps all it may shows the old value there.
%include "lib.inc"
bits 64

%define PAGE (TEST + 0x8000)
%define SLOT (TEST_PT + 8 * 8)
%define OLD  (FRAMES + 0x8000)
%define NEW  (FRAMES + 0x9000)
%define OTHER_PT 0x207000

%macro FLAGS_OLD 1
  mov rax, OLD + %1
  mov [SLOT], rax
  invlpg [PAGE]
  mov al, [PAGE]
%endmacro
%macro TO_NEW 1
  mov rax, NEW + %1
  mov [SLOT], rax
%endmacro
%macro READ 1
  movzx eax, byte [PAGE]
  SHOW %1, rax
%endmacro
%macro SET_CR4 1
  mov rax, cr4
  or eax, %1
  mov cr4, rax
%endmacro
%macro CLEAR_CR4 1
  mov rax, cr4
  and eax, ~%1
  mov cr4, rax
%endmacro
%macro LOAD_CR3 2
  mov rax, [top_table]
  or rax, %1
  mov rbx, %2
  or rax, rbx
  mov cr3, rax
%endmacro
%define KEEP 0x8000000000000000
%macro INVPCID 2
  mov qword [descriptor], %2
  mov rax, PAGE
  mov [descriptor + 8], rax
  mov eax, %1
  invpcid rax, [descriptor]
%endmacro

main:
  mov rax, cr3
  mov [top_table], rax
  mov byte [OLD], 1
  mov byte [NEW], 2

  FLAGS_OLD P | W
  TO_NEW P | W
  READ "may: entry changed"
  invlpg [PAGE]
  READ "INVLPG"
  FLAGS_OLD P | W
  TO_NEW P | W
  invlpg [PAGE + 0xfff]
  READ "INVLPG of the last byte"
  FLAGS_OLD P | W
  TO_NEW P | W
  mov rax, cr3
  mov cr3, rax
  READ "MOV to CR3"

  SET_CR4 0x80
  FLAGS_OLD P | W | G
  TO_NEW P | W | G
  mov rax, cr3
  mov cr3, rax
  READ "may: global, MOV to CR3"
  invlpg [PAGE]
  READ "global, INVLPG"
  FLAGS_OLD P | W | G
  TO_NEW P | W | G
  CLEAR_CR4 0x80
  READ "global, PGE cleared"
  SET_CR4 0x80

  ; not present is never kept
  mov qword [SLOT], 0
  invlpg [PAGE]
  TRY .absent
  mov al, [PAGE]
.absent:
  GOT "not present"
  TO_NEW P | W
  READ "then present"

  ; a write through a clean translation sets D
  FLAGS_OLD P | W
  SHOW "A after a read", [SLOT]
  mov byte [PAGE], 1
  SHOW "D after a write", [SLOT]

  ; raised rights after a fault need no INVLPG
  FLAGS_OLD P
  TRY .denied
  mov byte [PAGE], 1
.denied:
  GOT "write, read-only"
  mov rax, OLD + (P | W)
  mov [SLOT], rax
  TRY .raised
  mov byte [PAGE], 1
.raised:
  GOT "write, after the rights were raised"

  ; INVLPG of any address drops the paging-structure caches
  FLAGS_OLD P | W
  mov rax, NEW + (P | W)
  mov [OTHER_PT + 8 * 8], rax
  mov rax, OLD + (P | W)
  mov [OTHER_PT + 9 * 8], rax
  mov rax, NEW + (P | W)
  mov [SLOT + 8], rax
  invlpg [PAGE + 0x1000]
  mov al, [PAGE + 0x2000]               ; the PDE is in the caches again, the page is not
  mov qword [TEST_PD], OTHER_PT + (P | W)
  movzx eax, byte [PAGE + 0x1000]
  SHOW "may: PDE changed, page not in the TLB", rax
  invlpg [PAGE + 0x1000]
  movzx eax, byte [PAGE + 0x1000]
  SHOW "PDE changed, INVLPG", rax
  mov qword [TEST_PD], TEST_PT + (P | W | U)
  mov rax, cr3
  mov cr3, rax

  ; PCIDs
  SET_CR4 0x20000
  LOAD_CR3 1, 0
  FLAGS_OLD P | W
  TO_NEW P | W
  LOAD_CR3 2, 0
  READ "PCID 2"
  LOAD_CR3 1, KEEP
  READ "may: PCID 1 kept"
  INVPCID 0, 1
  READ "INVPCID 0"
  FLAGS_OLD P | W
  TO_NEW P | W
  INVPCID 1, 1
  READ "INVPCID 1"
  FLAGS_OLD P | W
  TO_NEW P | W
  LOAD_CR3 1, 0
  READ "MOV to CR3 without bit 63"
  FLAGS_OLD P | W | G
  TO_NEW P | W | G
  INVPCID 3, 0
  READ "may: global, INVPCID 3"
  INVPCID 2, 0
  READ "global, INVPCID 2"
  TRY .type
  INVPCID 4, 0
.type:
  GOT "INVPCID 4"
  TRY .reserved
  INVPCID 1, 0x1000
.reserved:
  GOT "INVPCID with a reserved bit"
  TRY .canonical
  mov qword [descriptor], 1
  mov rax, 0x0100000000000000
  mov [descriptor + 8], rax
  xor eax, eax
  invpcid rax, [descriptor]
.canonical:
  GOT "INVPCID 0 of an address that is not canonical"
  TRY .invlpg
  mov rax, 0x0100000000000000
  invlpg [rax]
.invlpg:
  GOT "INVLPG of an address that is not canonical"
  LOAD_CR3 0, 0
  CLEAR_CR4 0x20000
  TRY .early
  mov rax, [top_table]
  or eax, 8
  mov cr3, rax
  SET_CR4 0x20000
.early:
  GOT "PCIDE with PWT in CR3"
  jmp finish

align 16
descriptor: dq 0, 0
top_table: dq 0
