; Faults of data accesses and fetches, from ring 0 and ring 3: exact error codes and CR2.
%include "lib.inc"
bits 64

USER_READ  equ 0x00
USER_WRITE equ 0x10
USER_JUMP  equ 0x20
USER_UD    equ 0x30

user_code:
  mov al, [rdi]
  ud2
  times USER_WRITE - ($ - user_code) nop
  mov [rdi], al
  ud2
  times USER_JUMP - ($ - user_code) nop
  jmp rdi
  times USER_UD - ($ - user_code) nop
  ud2
user_code_end:

%macro FROM_USER 3
  TRY %%on
  mov rdi, %3
  CALL_USER %2
%%on:
  GOT %1
%endmacro
%macro FROM_KERNEL_READ 2
  TRY %%on
  mov rdi, %2
  mov al, [rdi]
%%on:
  GOT %1
%endmacro
%macro FROM_KERNEL_WRITE 2
  TRY %%on
  mov rdi, %2
  mov [rdi], al
%%on:
  GOT %1
%endmacro
%macro FROM_KERNEL_FETCH 2
  TRY %%on
  mov rdi, %2
  call rdi
%%on:
  GOT %1
%endmacro

main:
  COPY user_code, user_code_end, 0
  mov byte [FRAMES + 0x6000], 0xc3      ; a RET to fetch
  mov byte [FRAMES + 0x7000], 0xc3
  MAP 3, 0                              ; not present
  MAP 4, FRAMES + 0x4000 + (P | U)      ; read-only
  MAP 5, FRAMES + 0x5000 + (P | W)      ; supervisor
  MAP 6, FRAMES + 0x6000 + (P | U | NX)
  MAP 7, FRAMES + 0x7000 + (P | W | U)

  FROM_USER "user ud2", USER_UD, 0
  FROM_USER "user read, not present", USER_READ, TEST + 0x3123
  FROM_USER "user write, not present", USER_WRITE, TEST + 0x3123
  FROM_USER "user fetch, not present", USER_JUMP, TEST + 0x3123
  FROM_USER "user write, read-only", USER_WRITE, TEST + 0x4abc
  FROM_USER "user read, supervisor", USER_READ, TEST + 0x5008
  FROM_USER "user write, supervisor", USER_WRITE, TEST + 0x5008
  FROM_USER "user fetch, supervisor", USER_JUMP, TEST + 0x5008
  FROM_USER "user fetch, XD", USER_JUMP, TEST + 0x6000
  FROM_USER "user read, not canonical", USER_READ, 0x0100000000000000
  FROM_USER "user jump, not canonical", USER_JUMP, 0x0100000000000000

  FROM_KERNEL_READ "read, not present", TEST + 0x3ffc
  FROM_KERNEL_WRITE "write, read-only, WP", TEST + 0x4000
  mov rax, cr0
  and eax, ~0x10000
  mov cr0, rax
  MAP 4, FRAMES + 0x4000 + (P | U)
  FROM_KERNEL_WRITE "write, read-only, no WP", TEST + 0x4000
  SHOW "its entry", [TEST_PT + 4 * 8]
  mov rax, cr0
  or eax, 0x10000
  mov cr0, rax
  MAP 4, FRAMES + 0x4000 + (P | U)
  FROM_KERNEL_WRITE "write, read-only, WP again", TEST + 0x4000
  SHOW "its entry", [TEST_PT + 4 * 8]
  FROM_KERNEL_FETCH "fetch, XD", TEST + 0x6000
  FROM_KERNEL_FETCH "fetch, user page", TEST + 0x7000

  ; a reserved bit: address bit 51 (or PS in a PML4E) may be an address bit; bit 51 is checked
  ; only where MAXPHYADDR says so, so the guest takes bit 13 of a 2-MiB page.
  mov rax, TEST_PT + (P | W | U | PS)
  mov qword [TEST_PD + 8], FRAMES + 0x2000 + (P | W | U | PS)
  FROM_KERNEL_READ "read, reserved bit of a PDE", TEST + 0x200000
  FROM_USER "user write, reserved bit of a PDE", USER_WRITE, TEST + 0x200000
  mov qword [TEST_PD + 8], 0

  ; across two pages: the second is not present, CR2 is its first byte, the first is not written
  MAP 2, FRAMES + 0x2000 + (P | W | U)
  mov qword [FRAMES + 0x2ff8], 0
  TRY .across
  mov rax, 0x1122334455667788
  mov rdi, TEST + 0x2ffc
  mov [rdi], rax
.across:
  GOT "write across pages"
  SHOW "nothing written", [FRAMES + 0x2ff8]

  TRY .stack
  mov rbp, 0x0100000000000000
  mov rax, [rbp]
.stack:
  GOT "stack segment, not canonical"

  ; SMEP and SMAP
  mov rax, cr4
  or eax, 0x100000
  mov cr4, rax
  FROM_KERNEL_FETCH "SMEP: fetch, user page", TEST + 0x7000
  FROM_KERNEL_READ "SMEP: read, user page", TEST + 0x7000
  mov rax, cr4
  or eax, 0x200000
  mov cr4, rax
  FROM_KERNEL_READ "SMAP: read, user page", TEST + 0x7000
  FROM_KERNEL_WRITE "SMAP: write, user page", TEST + 0x7000
  stac
  FROM_KERNEL_READ "SMAP with AC: read, user page", TEST + 0x7000
  clac
  FROM_KERNEL_READ "SMAP: read, supervisor page", TEST + 0x5000
  mov rax, cr4
  and eax, ~0x300000
  mov cr4, rax

  ; protection keys: key 1 denies writes, key 2 everything
  mov rax, cr4
  or eax, 0x400000
  mov cr4, rax
  MAP 5, FRAMES + 0x5000 + (P | W | U) + 0x0800000000000000
  MAP 7, FRAMES + 0x7000 + (P | W | U) + 0x1000000000000000
  xor ecx, ecx
  xor edx, edx
  mov eax, 0x18
  wrpkru
  FROM_USER "PKRU WD: user read", USER_READ, TEST + 0x5000
  FROM_USER "PKRU WD: user write", USER_WRITE, TEST + 0x5000
  FROM_KERNEL_WRITE "PKRU WD: supervisor write", TEST + 0x5000
  mov eax, 0x30
  xor ecx, ecx
  xor edx, edx
  wrpkru
  FROM_USER "PKRU AD: user read", USER_READ, TEST + 0x7000
  FROM_USER "PKRU AD: user write", USER_WRITE, TEST + 0x7000
  FROM_USER "PKRU AD: user fetch", USER_JUMP, TEST + 0x7000
  FROM_KERNEL_READ "PKRU AD: supervisor read", TEST + 0x7000
  mov rax, cr4
  and eax, ~0x400000
  or eax, 0x1000000
  mov cr4, rax

  ; the same for supervisor pages: IA32_PKRS
  MAP 5, FRAMES + 0x5000 + (P | W) + 0x0800000000000000
  MAP 7, FRAMES + 0x7000 + (P | W) + 0x1000000000000000
  mov ecx, 0x6e1
  xor edx, edx
  mov eax, 0x18
  wrmsr
  FROM_KERNEL_READ "PKRS WD: read", TEST + 0x5000
  FROM_KERNEL_WRITE "PKRS WD: write", TEST + 0x5000
  mov rax, cr0
  and eax, ~0x10000
  mov cr0, rax
  FROM_KERNEL_WRITE "PKRS WD: write without WP", TEST + 0x5000
  mov rax, cr0
  or eax, 0x10000
  mov cr0, rax
  mov ecx, 0x6e1
  xor edx, edx
  mov eax, 0x30
  wrmsr
  FROM_KERNEL_READ "PKRS AD: read", TEST + 0x7000
  FROM_KERNEL_WRITE "PKRS AD: write", TEST + 0x7000
  FROM_KERNEL_FETCH "PKRS AD: fetch", TEST + 0x7000
  FROM_USER "PKRS AD: user read", USER_READ, TEST + 0x7000
  TRY .wide
  mov ecx, 0x6e1
  mov edx, 1
  wrmsr
.wide:
  GOT "PKRS of more than 32 bits"
  mov rax, cr4
  and eax, ~0x1000000
  mov cr4, rax
  jmp finish
